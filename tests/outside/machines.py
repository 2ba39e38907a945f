"""An application's folder on this machine that sessions can be opened for, with whatever shell it has for its `sh`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from rolloutctl.outside.opening import open_session
from rolloutctl.outside.session import RemoteSession
from rolloutctl.rules.config import Host
from rolloutctl.rules.host import Event
from tests.fakes import FLAG, PRODUCTION
from tests.lab.processes import Process, processes, wait_until

SECRET = "s3cret-of-nobody"  # noqa: S105 - of no service
# busybox with its own applets is what an Alpine container has; flock, php and what it lacks come from the machine.
SHELLS = ("dash", "bash", "busybox-applets")
_NOT_APPLETS = {"busybox", "init", "linuxrc", "sudo"}


@dataclass
class Machine:
    """Opens sessions for an application that has a `.env` and no PHP; `told` is what they told, and `hear` hears it."""

    folder: Path
    host: Host
    hear: Callable[[Event], None] = lambda _event: None
    told: list[Event] = field(default_factory=list)
    opened: list[RemoteSession] = field(default_factory=list)

    def session(self, *, content: bool = False) -> RemoteSession:
        """A session; with `content` one that knows what is secret."""
        session = open_session(self.host, self._hear)
        self.opened.append(session)
        session.prime(PRODUCTION, [FLAG])
        if content:
            session.look(content=True)
        return session

    def _hear(self, event: Event) -> None:
        self.told.append(event)
        self.hear(event)

    @property
    def app(self) -> Path:
        return self.folder / "app"

    @property
    def log(self) -> Path:
        (path,) = self.folder.glob("state/*/*/audit.jsonl")
        return path

    @property
    def processes(self) -> list[Process]:
        """What runs here: the hosts' side of sessions, and what they started."""
        return [each for each in processes().values() if f"{self.folder}/" in each.command or self._is_in(each)]

    def leave(self) -> None:
        """Close all sessions and see that nothing is left of them."""
        for session in self.opened:
            session.close()
        wait_until(lambda: not self.processes, f"no process left: {self.processes}")
        assert list(self.folder.glob("state/*/*/rolloutctl.*")) == []

    def _is_in(self, process: Process) -> bool:
        try:
            return Path(f"/proc/{process.pid}/cwd").readlink().is_relative_to(self.folder)
        except OSError:
            return False


def installed(shell: str) -> bool:
    """Whether this machine has a shell."""
    return shutil.which(shell.removesuffix("-applets")) is not None


def machine_in(folder: Path, shell: str) -> Machine:
    """Lay one out in a folder."""
    program = str(shutil.which(shell.removesuffix("-applets")))
    names = {"sh"}
    if shell.endswith("-applets"):
        listed = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout.split()
        names |= set(listed) - _NOT_APPLETS
    for name in ("bin", "app"):
        (folder / name).mkdir()
    for name in names:
        (folder / "bin" / name).symlink_to(program)
    (folder / "app" / ".env").write_text(f"APP_KEY={SECRET}\nFEATURE_PORTAL=false\n")
    path = f"{folder}/bin:{os.environ['PATH']}"
    return Machine(
        folder,
        Host(  # noqa: S604 - its shell is a setting
            name="web-1",
            address="localhost",
            connection="local",
            app=str(folder / "app"),
            state_dir=str(folder / "state"),
            shell=f"env PATH={path}",
            php="true",
        ),
    )


def log_line(flag: str, number: int, **more: object) -> str:
    """A line of a log, as hosts write them."""
    return json.dumps({"event": "check", "number": number, "flag": flag, **more}, separators=(",", ":")) + "\n"


def numbers(records: Iterable[object]) -> list[object]:
    """The numbers of such lines."""
    return [getattr(record, "data", {}).get("number") for record in records]
