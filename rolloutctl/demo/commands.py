"""The commands that clients run on the embedded host: each a process, its three streams and its exit status."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Protocol

from msgspec import Struct, field

_PIECE = 65_536  # bytes
_PATIENCE = 10.0  # seconds that a command has to end by itself once its stdin has ended


class Stream(Protocol):
    """The client's end of a command, as a channel of paramiko is one. Each method may fail with OSError or EOFError."""

    def recv(self, nbytes: int) -> bytes:
        """What the client sent next; empty at the end."""

    def sendall(self, data: bytes) -> None:
        """Write to the client's stdout."""

    def sendall_stderr(self, data: bytes) -> None:
        """Write to the client's stderr."""

    def send_exit_status(self, status: int) -> None:
        """Say how the command ended."""

    def close(self) -> None:
        """End the conversation."""


class Commands(Struct):
    """The commands that run now."""

    _running: set[_Command] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self, line: bytes, place: Place, stream: Stream, ready: Callable[[], None]) -> None:
        """Run a shell line, with a client at its other end.

        Args:
            line: for `sh -c`.
            place: where it runs.
            stream: the client's end.
            ready: returns once the client may be told how the command ended.

        Raises:
            OSError: no process can be had.
            ValueError: the line holds a NUL.
        """
        process = subprocess.Popen(
            ["/bin/sh", "-c", line],
            bufsize=0,
            cwd=place.home,
            env=place.environment,
            start_new_session=True,  # Ctrl-C in the person's terminal is not for the host
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        command = _Command(stream, process)
        with self._lock:
            self._running.add(command)
        outputs = command.pump()
        _thread(self._finish, command, outputs, ready)

    def end(self) -> None:
        """End the input of all, and those that have not ended by themselves 10 s later."""
        with self._lock:
            running = tuple(self._running)
        for command in running:
            with contextlib.suppress(OSError, EOFError):
                command.stream.close()
        deadline = time.monotonic() + _PATIENCE
        for command in running:
            command.end(deadline)

    def _finish(self, command: _Command, outputs: tuple[threading.Thread, ...], ready: Callable[[], None]) -> None:
        """Report the exit status after the last byte, as sshd does."""
        ready()
        for thread in outputs:
            thread.join()
        status = command.process.wait()
        with self._lock:
            self._running.discard(command)
        with contextlib.suppress(OSError, EOFError):  # the client may be gone
            command.stream.send_exit_status(status if status >= 0 else 128 - status)
            command.stream.close()


class Place(Struct, frozen=True):
    """What a command finds: its working directory and its variables."""

    home: Path
    environment: Mapping[str, str]


class _Command(Struct, eq=False):
    stream: Stream
    process: subprocess.Popen[bytes]

    def pump(self) -> tuple[threading.Thread, ...]:
        stdin, stdout, stderr = self.process.stdin, self.process.stdout, self.process.stderr
        assert stdin is not None and stdout is not None and stderr is not None  # noqa: S101, PT018 - for the types
        _thread(_feed, self.stream, stdin)
        return _thread(_pour, stdout, self.stream.sendall), _thread(_pour, stderr, self.stream.sendall_stderr)

    def end(self, deadline: float) -> None:
        try:
            self.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def _thread(work: Callable[..., None], *arguments: object) -> threading.Thread:
    thread = threading.Thread(target=work, args=arguments, daemon=True, name="demo command")
    thread.start()
    return thread


def _pour(source: IO[bytes], send: Callable[[bytes], None]) -> None:
    """Output to the client until it ends, or until the client is gone: then the command's next write fails."""
    with source, contextlib.suppress(OSError, EOFError):
        while piece := os.read(source.fileno(), _PIECE):
            send(piece)


def _feed(stream: Stream, target: IO[bytes]) -> None:
    """Input from the client until it ends. A command that no longer reads must not stop the client: it is drained."""
    open_still = True
    while piece := stream.recv(_PIECE):
        if open_still:
            try:
                _write(target.fileno(), piece)
            except OSError:
                open_still = False
    with contextlib.suppress(OSError):
        target.close()


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
