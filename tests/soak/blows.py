"""The faults of a round: each is struck for real, and healed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from tests.lab.application import Fault
from tests.lab.host import LabHost
from tests.lab.processes import alive, end
from tests.soak.ground import Ground
from tests.soak.script import Blow

_FILLER = "filler"


@dataclass(slots=True)
class Faults:
    """Strikes and heals on a ground; `client` gives the process that an operator runs now, 0 for none."""

    ground: Ground
    client: Callable[[int], int]
    suspended: set[int] = field(default_factory=set)
    filled: set[str] = field(default_factory=set)

    def strike(self, blow: Blow) -> str:
        """Do it; gives what was done, in words."""
        return _STRIKES[blow.kind](self, blow, self.ground.hosts[blow.host])

    def heal(self, blow: Blow) -> None:
        """Undo it where it lasts."""
        heal = _HEALS.get(blow.kind)
        if heal is not None:
            heal(self, self.ground.hosts[blow.host])

    def heal_all(self) -> None:
        """Everything works again, also what nobody broke on purpose: a php-fpm that did not come back."""
        for host in self.ground.hosts.values():
            for heal in dict.fromkeys(_HEALS.values()):
                heal(self, host)
            if not host.fpm_pid():
                host.start_fpm()

    def kill_client(self, blow: Blow, _: LabHost) -> str:
        return self._signalled([self.client(blow.operator)], blow.detail)

    def suspend_client(self, blow: Blow, _: LabHost) -> str:
        return self._suspended([self.client(blow.operator)])

    def kill_session(self, blow: Blow, host: LabHost) -> str:
        return self._signalled(sessions_of(host), blow.detail)

    def suspend_session(self, _: Blow, host: LabHost) -> str:
        return self._suspended(process.pid for process in host.leftovers())

    def cut_power(self, _: Blow, host: LabHost) -> str:
        found = [process.pid for process in host.leftovers()]
        for pid in found:  # all are dead before any of them could notice
            self._send(pid, "KILL")
        end(found)
        host.cut_connections()
        return f"ended {len(found)} processes"

    def cut(self, _: Blow, host: LabHost) -> str:
        host.cut_connections()
        return ""

    def stop_sshd(self, _: Blow, host: LabHost) -> str:
        host.cut_connections()
        host.stop_sshd()
        return ""

    def refuse_restarts(self, blow: Blow, host: LabHost) -> str:
        host.refuse_restarts(int(blow.detail))
        return blow.detail

    def break_fpm(self, _: Blow, host: LabHost) -> str:
        host.break_fpm()
        return ""

    def make_ill(self, blow: Blow, host: LabHost) -> str:
        host.make_ill(blow.detail)
        return blow.detail

    def break_artisan(self, blow: Blow, host: LabHost) -> str:
        fault: Fault = "hangs" if blow.detail == "hangs" else "syntax" if blow.detail == "syntax" else "throws-aside"
        host.break_config(fault)
        return fault

    def edit(self, blow: Blow, host: LabHost) -> str:
        person = self.ground.person
        if blow.detail == "append":
            return person.appends(host)
        told = person.replaces(host)
        return told if blow.detail == "editor" else f"{told}; {person.rebuilds(host)}"

    def fill(self, _: Blow, host: LabHost) -> str:
        if not self.ground.can_fill:
            return "not possible here: only root can mount a small file system"
        self.filled.add(host.name)
        with suppress(OSError), (host.state_dir / _FILLER).open("ab", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)
        return "not a byte is left"

    def lock_deployment(self, _: Blow, host: LabHost) -> str:
        (host.application.folder / ".dep" / "deploy.lock").write_text("person")
        return ""

    def deploy(self, _: Blow, host: LabHost) -> str:
        if (host.application.release / "config" / "hangs.php").exists():
            return "not now: whoever deploys would wait for artisan"
        return self.ground.person.deploys(host)

    def resume(self, _: LabHost) -> None:
        for pid in self.suspended:
            self._send(pid, "CONT")
        self.suspended = set()

    def empty(self, host: LabHost) -> None:
        (host.state_dir / _FILLER).unlink(missing_ok=True)

    def mend_config(self, host: LabHost) -> None:
        for release in (host.application.folder / "releases").iterdir():
            for name in ("broken", "throws", "hangs"):
                (release / "config" / f"{name}.php").unlink(missing_ok=True)

    def unlock_deployment(self, host: LabHost) -> None:
        (host.application.folder / ".dep" / "deploy.lock").unlink(missing_ok=True)

    def _suspended(self, pids: Iterable[int]) -> str:
        found = [pid for pid in pids if pid]
        self.suspended |= set(found)
        return self._signalled(found, "STOP")

    def _signalled(self, pids: Iterable[int], name: str) -> str:
        found = [pid for pid in pids if pid and alive(pid)]
        for pid in found:
            self._send(pid, name)
        return f"SIG{name} to {found}" if found else "there was nobody"

    def _send(self, pid: int, name: str) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.Signals[f"SIG{name}"])


def sessions_of(host: LabHost) -> list[int]:
    """The sessions on a host that have begun a change, or hold the lock."""
    found = []
    for path in (*host.state_dir.glob("*/*/change/*/session"), *host.state_dir.glob("*/*/holder")):
        with suppress(OSError, ValueError, IndexError):
            found.append(int(path.read_text().split()[0]))
    return list(dict.fromkeys(found))


_STRIKES: dict[str, Callable[[Faults, Blow, LabHost], str]] = {
    "kill the client": Faults.kill_client,
    "suspend the client": Faults.suspend_client,
    "kill the session": Faults.kill_session,
    "cut the power": Faults.cut_power,
    "suspend the session": Faults.suspend_session,
    "cut connections": Faults.cut,
    "stop sshd": Faults.stop_sshd,
    "refuse restarts": Faults.refuse_restarts,
    "break php-fpm": Faults.break_fpm,
    "make ill": Faults.make_ill,
    "break artisan": Faults.break_artisan,
    "edit .env": Faults.edit,
    "fill the state folder": Faults.fill,
    "lock for a deployment": Faults.lock_deployment,
    "deploy": Faults.deploy,
}
_HEALS: dict[str, Callable[[Faults, LabHost], None]] = {
    "suspend the client": Faults.resume,
    "suspend the session": Faults.resume,
    "stop sshd": lambda _, host: host.start_sshd(),
    "refuse restarts": lambda _, host: host.refuse_restarts(0),
    "break php-fpm": lambda _, host: host.mend_fpm(),
    "make ill": lambda _, host: host.heal(),
    "break artisan": Faults.mend_config,
    "fill the state folder": Faults.empty,
    "lock for a deployment": Faults.unlock_deployment,
}
