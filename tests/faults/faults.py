"""How each kind of fault is made: what it needs beforehand, what strikes, and what a person mends afterwards."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.faults.stage import Stage
from tests.lab.application import Illness
from tests.lab.disks import disk_of, unwritable
from tests.lab.processes import end, processes
from tests.lab.relays import relay_to
from tests.lab.servers import program

Act = Callable[[Stage], object]


def _nothing(_: Stage) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind. `strike` comes at the moment of the case, `mend` before the command that settles it."""

    strike: Act
    mend: Act = _nothing
    arrange: Act = _nothing


# the network


def _behind_a_relay(stage: Stage) -> None:
    relay = stage.stack.enter_context(relay_to(stage.host.ssh_port))
    stage.relays.append(relay)
    known = stage.lab.known_hosts
    line = f"[127.0.0.1]:{relay.port} {stage.host.public_key}\n"
    known.write_text(known.read_text() + line)
    stage.configure({stage.host.name: relay.port})


# the host


def _session(stage: Stage) -> int:
    """The shell of the session on the host that is struck: what sshd started there."""
    servers = stage.host.servers(processes())
    (shell,) = [process.pid for process in stage.host.leftovers() if process.parent in servers]
    return shell


def _kill_session(stage: Stage) -> None:
    os.kill(_session(stage), signal.SIGKILL)


def _cut_the_power(stage: Stage) -> None:
    """All that runs on the host over SSH ends at once; the machine is back in a moment."""
    end(process.pid for process in stage.host.leftovers())
    stage.host.cut_connections()


# the disks


def _disk_for_application(stage: Stage) -> None:
    stage.disk = stage.stack.enter_context(disk_of(stage.host.application.folder))


def _disk_for_state(stage: Stage) -> None:
    stage.host.state_dir.mkdir(mode=0o700)
    stage.disk = stage.stack.enter_context(disk_of(stage.host.state_dir))


def _fill_and_refuse(stage: Stage) -> None:
    stage.disk.fill()
    stage.host.refuse_restarts(1)


def _lock_up(place: Callable[[Stage], Path]) -> Act:
    def strike(stage: Stage) -> None:
        stage.undo.enter_context(unwritable(place(stage)))

    return strike


# the application


_ARTISAN = "#!/usr/bin/env php\n<?php\nif (($argv[1] ?? '') === 'config:cache') {{\n    {}\n}}\n"


def _break_artisan(php: str) -> Fault:
    def strike(stage: Stage) -> None:
        path = stage.host.app / "artisan"
        (stage.host.folder / "artisan.kept").write_text(path.read_text())
        path.write_text(_ARTISAN.format(php) + path.read_text().partition("<?php\n")[2])

    def mend(stage: Stage) -> None:
        (stage.host.app / "artisan").write_text((stage.host.folder / "artisan.kept").read_text())

    return Fault(strike, mend)


def _mend_fpm(stage: Stage) -> None:
    stage.host.refuse_restarts(0)
    stage.host.mend_fpm()
    stage.host.start_fpm()


def _ill(how: Illness, *, always: bool = False) -> Fault:
    flag = "" if always else "customer_portal"
    return Fault(lambda stage: stage.host.make_ill(flag, how), lambda stage: stage.host.heal())


def _spoil(stage: Stage, how: str, times: int) -> None:
    stage.host.spoil_restarts(how, times)  # type: ignore[arg-type] # named below


# others


def _edit(stage: Stage) -> None:
    stage.host.edit_env("LOG_LEVEL=warning", "LOG_LEVEL=error")


def _deploy(stage: Stage) -> None:
    """As Deployer: a new release beside the old one, its config cached, `current` moved, php-fpm restarted."""
    application = stage.host.application
    new = application.folder / "releases" / "2"
    shutil.copytree(application.release, new, symlinks=True, ignore=shutil.ignore_patterns("*.rolloutctl.*"))
    (new / "bootstrap" / "cache" / "config.php").unlink()
    application.artisan_in(new, "config:cache")
    link = application.folder / "current.new"
    link.symlink_to("releases/2")
    link.rename(application.path)
    stage.host.restart_fpm()


def _set_clock_back(stage: Stage) -> None:
    """The host's clock, as far as a session asks for it."""
    stand_in = stage.host.tools / "date"
    stand_in.write_text(f"#!/bin/sh\nexec {program('date')} -d '1 year ago' \"$@\"\n")
    stand_in.chmod(0o755)


FAULTS: dict[str, Fault] = {
    "connection closed": Fault(lambda stage: stage.host.cut_connections()),
    "packets dropped": Fault(lambda stage: stage.relays[0].drop(new_too=False), arrange=_behind_a_relay),
    "network gone": Fault(
        lambda stage: stage.relays[0].drop(new_too=True), lambda stage: stage.relays[0].restore(), _behind_a_relay
    ),
    "sshd stopped": Fault(lambda stage: stage.host.stop_sshd(), lambda stage: stage.host.start_sshd()),
    "client killed": Fault(lambda stage: stage.client.process.kill()),
    "client told to end": Fault(lambda stage: stage.client.process.terminate()),
    "Ctrl-C": Fault(lambda stage: stage.client.type(b"\x03")),
    "terminal closed": Fault(lambda stage: stage.client.close_terminal()),
    "session killed": Fault(_kill_session),
    "power cut": Fault(_cut_the_power),
    "application's disk full": Fault(
        lambda stage: stage.disk.fill(), lambda stage: stage.disk.free(), _disk_for_application
    ),
    "disk full on the way back": Fault(_fill_and_refuse, lambda stage: stage.disk.free(), _disk_for_application),
    "state's disk full": Fault(lambda stage: stage.disk.fill(), lambda stage: stage.disk.free(), _disk_for_state),
    ".env not writable": Fault(_lock_up(lambda stage: stage.host.env_path), lambda stage: stage.undo.close()),
    "folder not writable": Fault(
        _lock_up(lambda stage: stage.host.application.folder), lambda stage: stage.undo.close()
    ),
    "artisan fails": _break_artisan("fwrite(STDERR, 'no such table: cache'); exit(1);"),
    "artisan hangs": _break_artisan("echo 'Configuration cache cleared!'; sleep(300);"),
    "artisan killed": _break_artisan("posix_kill(getmypid(), 9);"),
    "restart fails once": Fault(lambda stage: _spoil(stage, "refuse", 1)),
    "restart fails": Fault(lambda stage: _spoil(stage, "refuse", 9), _mend_fpm),
    "restart hangs once": Fault(lambda stage: _spoil(stage, "hang", 1)),
    "restart hangs": Fault(lambda stage: _spoil(stage, "hang", 9), _mend_fpm),
    "php-fpm stays down": Fault(lambda stage: stage.host.break_fpm(), _mend_fpm),
    "php-fpm is lost": Fault(lambda stage: _spoil(stage, "lose", 9), _mend_fpm),
    "health 500": _ill(""),
    "health garbled": _ill("garbled"),
    "health silent": _ill("silent"),
    "health refused": Fault(lambda stage: stage.host.nginx.stop(), lambda stage: stage.host.nginx.start()),
    "ill before": _ill("", always=True),
    "restart does nothing": Fault(lambda stage: _spoil(stage, "pretend", 9), _mend_fpm),
    "somebody edits .env": Fault(_edit),
    "another release": Fault(_deploy),
    "clock set back": Fault(_set_clock_back),
}
