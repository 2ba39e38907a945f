"""`connection: local`: the host is the machine that rolloutctl runs on."""

from __future__ import annotations

import os
import select
import subprocess
from contextlib import suppress

from rolloutctl.errors import Unreachable
from rolloutctl.rules.config import Host


class LocalConnection:
    """Starts commands under /bin/sh, as sshd does under the login shell."""

    way = "on this machine"

    def start(self, command: str) -> LocalChannel:
        """Start a command, away from the terminal: Ctrl-C is the client's to handle, not the host's."""
        return LocalChannel(
            subprocess.Popen(
                ["/bin/sh", "-c", command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        )

    def close(self) -> None:
        """Nothing to hang up."""


class LocalChannel:
    """The stdin and stdout of one local command."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def send(self, data: bytes) -> None:
        """Write all of `data` to the command's stdin."""
        assert self._process.stdin is not None  # noqa: S101 - PIPE above
        try:
            self._process.stdin.write(data)
            self._process.stdin.flush()
        except (OSError, ValueError) as error:
            raise Unreachable("the session ended") from error

    def receive(self, timeout: float) -> bytes:
        """What the command wrote next; empty when it has ended."""
        assert self._process.stdout is not None  # noqa: S101 - PIPE above
        if not select.select([self._process.stdout], [], [], timeout)[0]:
            raise TimeoutError
        return os.read(self._process.stdout.fileno(), 65536)

    def noise(self) -> str:
        """Local commands keep their stderr to themselves."""
        return ""

    def close(self) -> None:
        """End the command's stdin, and see it out."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):  # what was not sent is of no use any more
                    stream.close()
        with suppress(subprocess.TimeoutExpired):  # a step still runs; the session ends by itself behind it
            self._process.wait(timeout=10)


def connect(_host: Host) -> LocalConnection:
    """Nothing has to be connected."""
    return LocalConnection()
