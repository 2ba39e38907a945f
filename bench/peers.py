"""The other tools, from the virtual environment that --peers names: each does with one operation what bare ssh does."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.clients import Flips, Ordered, job_and_health
from bench.ground import Ground
from bench.meter import Order, Runner
from tests.lab.servers import program

_TOOLS = Path(__file__).with_name("tools")
_FORKS = 50


@dataclass(frozen=True, slots=True)
class Peers:
    """What is installed in a folder."""

    folder: Path

    def there(self) -> dict[str, Callable[[Ground], Ordered]]:
        """The tools that are there."""
        return {name: make for name, (proof, make) in self._known().items() if list(self.folder.glob(proof))}

    def absent(self) -> tuple[str, ...]:
        """The tools that are not."""
        return tuple(name for name in self._known() if name not in self.there())

    def runners(self, ground: Ground) -> dict[str, Runner]:
        """Those that are there, ready to be compared."""
        return {name: Flips(ground, make(ground)) for name, make in self.there().items()}

    def _known(self) -> Mapping[str, tuple[str, Callable[[Ground], Ordered]]]:
        packages = "lib/python*/site-packages"
        return {
            "pyinfra": ("bin/pyinfra", self._pyinfra),
            "fabric": (f"{packages}/fabric", lambda ground: self._script(ground, "fabric_run.py")),
            "parallel-ssh": (f"{packages}/pssh", lambda ground: self._script(ground, "parallel_run.py")),
            "ansible": ("bin/ansible-playbook", lambda ground: self._ansible(ground, kept=False)),
            "ansible, connected": ("bin/ansible-playbook", lambda ground: self._ansible(ground, kept=True)),
        }

    def _script(self, ground: Ground, name: str) -> Ordered:
        before = (str(self.folder / "bin" / "python"), str(_TOOLS / name), str(_hosts_file(ground)))
        return lambda on: Order((*before, job_and_health(ground, on)), ground.env)

    def _pyinfra(self, ground: Ground) -> Ordered:
        tool = str(self.folder / "bin" / "pyinfra")
        files = (str(_TOOLS / "pyinfra_inventory.py"), str(_TOOLS / "pyinfra_run.py"))
        argv = (tool, "-y", "--parallel", str(len(ground.hosts)), *files)
        env = {**ground.env, "BENCH_HOSTS": str(_hosts_file(ground))}
        return lambda on: Order(argv, {**env, "BENCH_LINE": job_and_health(ground, on)}, ground.client)

    def _ansible(self, ground: Ground, *, kept: bool) -> Ordered:
        """`kept`: the connections of one run serve the next one, as ControlPersist has it; else each begins anew."""
        argv = (
            str(self.folder / "bin" / "ansible-playbook"),
            "-i",
            str(_inventory(ground)),
            str(_TOOLS / "playbook.yaml"),
        )
        persist = "300s" if kept else "1s"
        env = {
            **ground.env,
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{ground.env['PATH']}",
            "ANSIBLE_FORKS": str(_FORKS),
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_SSH_ARGS": f"-F {ground.ssh_config()} -o ControlMaster=auto -o ControlPersist={persist}",
            "ANSIBLE_LOCAL_TEMP": str(ground.client / "ansible"),
        }
        numbers = itertools.count()

        def ordered(on: bool) -> Order:
            paths = ground.client / (f"k{len(ground.hosts)}" if kept else f"c{len(ground.hosts)}-{next(numbers)}")
            own = {"ANSIBLE_SSH_CONTROL_PATH_DIR": str(paths), "BENCH_LINE": job_and_health(ground, on)}
            return Order(argv, {**env, **own}, ground.client)

        return ordered


def _hosts_file(ground: Ground) -> Path:
    path = ground.client / f"hosts-{len(ground.hosts)}.json"
    same = {"address": "127.0.0.1", "user": ground.user, "key": str(ground.key), "known_hosts": str(ground.known_hosts)}
    path.write_text(json.dumps([{"name": host.name, "port": host.ssh_port, **same} for host in ground.hosts]))
    return path


def _inventory(ground: Ground) -> Path:
    path = ground.client / f"inventory-{len(ground.hosts)}.ini"
    names = "".join(f"{host.name}\n" for host in ground.hosts)
    path.write_text(f"{names}\n[all:vars]\nansible_python_interpreter={program('python3')}\n", encoding="utf-8")
    return path
