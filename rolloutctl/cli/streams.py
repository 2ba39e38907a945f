"""The process's own streams: what can't be written to them is lost, the work is not, and the loss is remembered."""

from __future__ import annotations

import io
import os
import select
import sys

TYPE_CHECKING = False  # as in typing, which takes longer to import than to tell the version
if TYPE_CHECKING:
    from typing import TextIO

    from _typeshed import ReadableBuffer


class Streams:
    """Stdin, stdout and stderr, of which a process has one each."""

    def __init__(self) -> None:
        self._out: _Unfailing | None = None
        self._err: _Unfailing | None = None

    def hold(self) -> None:
        """From now on no write fails; called before a file is opened, which would get the number of a closed stream."""
        if sys.stdin is None:
            sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115 - as long as the process
        self._out, sys.stdout = _held(sys.stdout)
        self._err, sys.stderr = _held(sys.stderr)

    @property
    def can_ask(self) -> bool:
        """Whether there is somebody to ask, who sees the question; it goes to stderr."""
        return sys.stdin.isatty() and not self.unseen

    @property
    def unseen(self) -> bool:
        """Whether what is written to stderr can't be shown."""
        if self._err is None:
            return False
        self._err.write(b"")  # one that is closed says so
        return bool(self._err.lost)

    def end(self, status: int, *, shows: bool) -> int:
        """Say once that stdout is not whole; gives the exit status: what only `shows` something has failed by that."""
        sys.stdout.flush()
        if self._out is None or not self._out.lost:
            return status
        sys.stderr.write(f"✗ The output could not be written: {self._out.lost}.\n")
        if status or not shows:
            sys.stderr.write("  The command went on without it, and its exit status says how it ended.\n")
        return status or int(shows)


class _Unfailing(io.FileIO):
    """Takes whatever is written to a file descriptor; `lost` says why something went nowhere."""

    lost = ""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            while (written := super().write(data)) is None:  # somebody else has made it one that doesn't wait
                select.select([], [self], [])
        except OSError as error:
            if not isinstance(error, BrokenPipeError):  # as with `| head`: what is lost, nobody wants
                self.lost = error.strerror or type(error).__name__
            written = len(memoryview(data))
        return written


def _held(stream: TextIO | None) -> tuple[_Unfailing, TextIO]:
    """The same stream, unfailing; one that is closed takes nothing either, and remembers that it should have."""
    number = os.open(os.devnull, os.O_RDONLY) if stream is None else stream.fileno()
    raw = _Unfailing(number, "w", closefd=False)
    encoding = "utf-8" if stream is None else stream.encoding
    # What can't be encoded is shown as another character.
    return raw, io.TextIOWrapper(io.BufferedWriter(raw), encoding, errors="replace", line_buffering=True)


STREAMS = Streams()
