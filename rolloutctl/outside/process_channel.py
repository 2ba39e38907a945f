"""A process's pipes as a Channel: what `connection: local` and `connection: openssh` start."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO

from rolloutctl.errors import CutOff, Unreachable

_PIECE = 65536  # bytes
_KEPT = 65536  # bytes of stderr, the end of it
_SHOWN = 8192  # bytes of it that an error message may quote
_LEAVING = 10.0  # seconds for a process to end once nobody listens to it
_SENDING = 30.0  # seconds for a process to take a piece of what it is told


def started(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """A process with three pipes, away from the terminal: Ctrl-C is the client's to handle, not its."""
    return subprocess.Popen(
        arguments,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


class ProcessChannel:
    """The stdin, stdout and stderr of a process.

    Nobody has to read its stderr: that is drained wherever its stdout is waited for, and never waited for itself, for
    what a process leaves behind in the background may hold it open.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._stdin, self._stdout, self._stderr = _pipes(process)
        self._said = bytearray()  # on stderr
        self._early = b""  # read from stdout before anybody asked for it
        self._bell, self._ringer = socket.socketpair()  # closing a pipe does not wake up whoever waits for it
        self._waiting = threading.Lock()  # so that no pipe is closed under whoever waits for it

    def send(self, data: bytes) -> None:
        """Write all of `data` to the command's stdin."""
        left = memoryview(data)
        try:
            os.set_blocking(self._stdin.fileno(), False)
            while left:
                if not select.select([], [self._stdin], [], _SENDING)[1]:
                    raise Unreachable("the host does not listen")
                with suppress(BlockingIOError):  # there is room, but not for so much
                    left = left[os.write(self._stdin.fileno(), left[:_PIECE]) :]
        except (OSError, ValueError) as error:
            raise CutOff("the session ended") from error

    def receive(self, timeout: float) -> bytes:
        """What the command wrote next; empty when it has ended."""
        if self._early:
            early, self._early = self._early, b""
            return early
        try:
            piece = self._next(time.monotonic() + timeout)
        except (OSError, ValueError) as error:  # another thread has closed it
            raise CutOff("the session ended") from error
        if piece is None:
            raise TimeoutError
        return piece

    def noise(self) -> str:
        """The end of what the command wrote to stderr."""
        self._drain()
        return self._said[-_SHOWN:].decode(errors="replace")

    def close(self) -> None:
        """End the command's stdin, and see it out, once; whoever waits for it in another thread waits no more."""
        if self._hang_up():
            self._ended(_LEAVING)  # else a step still runs; the session ends by itself behind it

    def _hang_up(self) -> bool:
        """Close the pipes; whether they were open."""
        self._ringer.close()
        with self._waiting:
            was_open = not self._stdout.closed
            self._drain()
            for stream in (self._stdin, self._stdout, self._stderr):
                with suppress(OSError):  # what was not sent is of no use any more
                    stream.close()
            self._bell.close()
        return was_open

    def _next(self, deadline: float, *signs: bytes) -> bytes | None:
        """The next piece of stdout; None when the deadline comes first, or stderr holds one of the signs."""
        with self._waiting:
            heard: list[IO[bytes] | socket.socket] = [self._bell, self._stdout, self._stderr]
            while not any(sign in self._said for sign in signs):
                ready = select.select(heard, [], [], max(0.0, deadline - time.monotonic()))[0]
                if self._bell in ready:
                    raise CutOff("the session ended")
                if self._stderr in ready and not self._drain():
                    heard.remove(self._stderr)
                if self._stdout in ready:
                    return os.read(self._stdout.fileno(), _PIECE)
                if not ready:
                    return None
        return None

    def _drain(self) -> bool:
        """Take what stands in stderr, a pipe full at most; whether more may come."""
        if self._stderr.closed or not select.select([self._stderr], [], [], 0)[0]:
            return not self._stderr.closed
        piece = os.read(self._stderr.fileno(), _PIECE)
        self._said += piece
        del self._said[:-_KEPT]
        return bool(piece)

    def _ended(self, within: float) -> int | None:
        """The exit status; None while the process lives. Negative: the signal that ended it."""
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(within)
        return None


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes], IO[bytes]]:
    assert process.stdin and process.stdout and process.stderr  # noqa: S101, PT018 - PIPE each
    return process.stdin, process.stdout, process.stderr
