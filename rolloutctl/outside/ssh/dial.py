"""Opens the line to one SSH server: by TCP, through a proxy command, or through the jump host before it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from rolloutctl.outside.ssh.ssh_route import Leg, route_to
from rolloutctl.rules.config import Host

if TYPE_CHECKING:
    import paramiko

_FAMILIES = {"inet": socket.AF_INET, "inet6": socket.AF_INET6}
_LEAVE = 0.2  # seconds for a proxy command to end by itself
_SAID = 300  # characters of a proxy command's last words


class ProxyEnded(OSError):
    """The proxy command said something, or ended, before an SSH server greeted us."""


class Begun(Struct):
    """A way that has begun: its legs, and where somebody has dialed already, the first line, or why there is none."""

    legs: tuple[Leg, ...]
    line: socket.socket | None = None
    problem: OSError | None = None

    def take(self) -> socket.socket | None:
        """The first line, once; None: it is still to be dialed.

        Raises:
            OSError: there is none.
        """
        line, problem = self.line, self.problem
        self.line = self.problem = None
        if problem is not None:
            raise problem
        return line


def begin(host: Host) -> Begun:
    """Find the way to a host and reach the first server on it; that needs no paramiko, which takes long to load.

    Raises:
        Unreachable: ssh's configuration can't be read, leads in a circle, or asks for what paramiko cannot do.
    """
    begun = Begun(route_to(host))
    if begun.legs[0].command is None:
        try:
            begun.line = _by_tcp(begun.legs[0])
        except OSError as error:
            begun.problem = error
        except ValueError:
            pass  # a name that is none: whoever goes on will dial, and say it
    return begun


def dial(leg: Leg, before: paramiko.Transport | None) -> socket.socket | paramiko.Channel:
    """A line to a leg's server; `before` is the jump host that leads there.

    Raises:
        OSError, paramiko.SSHException: there is no line.
    """
    if before is not None:
        return before.open_channel("direct-tcpip", (leg.address, leg.port), ("127.0.0.1", 0), timeout=leg.patience)
    if leg.command is not None:
        return ProxyLine.through(leg.command)
    return _by_tcp(leg)


def _by_tcp(leg: Leg) -> socket.socket:
    """The first of the name's addresses that answers."""
    family = _FAMILIES.get(leg.family, socket.AF_UNSPEC)
    problem: OSError | None = None
    for kind, _, protocol, _, address in socket.getaddrinfo(leg.address, leg.port, family, socket.SOCK_STREAM):
        line = socket.socket(kind, socket.SOCK_STREAM, protocol)
        try:
            line.settimeout(leg.patience)
            if leg.source is not None:
                line.bind((leg.source, 0))
            line.connect(address)
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            line.close()
            problem = problem or error
        else:
            return line
    raise problem or OSError("the name has no address")


class ProxyLine(socket.socket):
    """Our end of a proxy command: closing it ends the command too."""

    _process: subprocess.Popen[bytes]
    _errors: Path
    _ending: threading.Lock
    _ended: ProxyEnded | None = None

    @classmethod
    def through(cls, command: str) -> ProxyLine:
        """Start the command as ssh does: by the person's shell, which makes room for it."""
        ours, theirs = socket.socketpair()
        line = cls(fileno=ours.detach())
        line._ending = threading.Lock()
        errors, name = tempfile.mkstemp(prefix="rolloutctl-")
        line._errors = Path(name)
        with theirs, os.fdopen(errors, "wb") as noise:
            # Away from the terminal: Ctrl-C is ours to handle, and nobody is asked behind our back.
            line._process = subprocess.Popen(
                [os.environ.get("SHELL") or "/bin/sh", "-c", f"exec {command}"],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=noise,
                start_new_session=True,
            )
        return line

    def why(self) -> ProxyEnded | None:
        """How the command ended and what it said last; None when it was silent and we ended it. Hangs up."""
        self.close()
        return self._ended

    def close(self) -> None:
        """Hang up; a command that does not end by itself then is ended, with all that it has started."""
        super().close()
        with self._ending:
            if self._errors.exists():
                status = self._see_out()
                said = " ".join(self._errors.read_text(errors="replace").split())[-_SAID:]
                if status or said:
                    self._ended = ProxyEnded(": ".join(filter(None, (f"exit {status}" if status else "", said))))
                self._errors.unlink()

    def _see_out(self) -> int:
        """The command's own exit status; 0 when it had to be ended."""
        try:
            return self._process.wait(_LEAVE)
        except subprocess.TimeoutExpired:
            for name in (signal.SIGTERM, signal.SIGKILL):
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, name)
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(1)
                    break
            return 0
