"""What the operator's machine remembers of the hosts' audit logs, and the records that a host still owes."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from rolloutctl.errors import PersonNeeded
from rolloutctl.outside.places import private
from rolloutctl.rules.records import Record, body, lines_of, read_record

_PIECE = 1 << 20  # bytes


class FileMirror:
    """One folder for each environment, and in it two files for each host: ``HOST.jsonl`` and ``HOST.owed``.

    A lock on each file keeps two commands at once from mixing their lines. A torn line is none: it may be a record
    that a host was writing while it was read.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[Path, bytes] = {}  # what `owed` showed, and `paid` may forget

    def saw(self, environment: str, host: str, records: Iterable[Record]) -> None:
        """Remember records that a host showed; a machine that can't remember is no reason to stop."""
        path = self._path(environment, host, "jsonl")
        unknown = {_bytes(record.line): record.line for record in records if not record.torn}
        if not unknown:
            return
        with suppress(OSError), _locked(path) as file:
            last = b""
            for last in _each_line(file):  # a few at a time: over years it may have become large
                unknown.pop(last.removesuffix(b"\n"), None)
            _append(file, last, unknown.values())

    def seen(self, environment: str, host: str) -> tuple[str, ...]:
        """Every line that was ever seen, in that order."""
        return _lines(_content(self._path(environment, host, "jsonl")))

    def place(self, environment: str, host: str) -> str:
        """Where a person finds what was seen of a host."""
        return str(self._path(environment, host, "jsonl"))

    def owe(self, environment: str, host: str, fields: Mapping[str, Any]) -> None:
        """Keep a record that the host could not write.

        Raises:
            PersonNeeded: it can't be written here either.
        """
        line = "{" + body(fields)
        try:
            with _locked(self._path(environment, host, "owed")) as file:
                _append(file, file.read(), [line])
                os.fsync(file.fileno())
        except OSError as error:
            raise PersonNeeded(
                f"The record of the change could be written neither on {host} nor here: {error.strerror}.",
                subject=f"{environment} · {host}",
                state="The change itself is made.",
                hint="Keep these lines; they are the record.",
                details=(line,),
            ) from error

    def owed(self, environment: str, host: str) -> tuple[Mapping[str, Any], ...]:
        """The records that the host still has to write."""
        path = self._path(environment, host, "owed")
        self._read[path] = _content(path)
        return tuple(record.data for record in _records(self._read[path]))

    def paid(self, environment: str, host: str) -> None:
        """The host has written what `owed` showed; what came since stays."""
        path = self._path(environment, host, "owed")
        read = self._read.pop(path, b"")
        if not read:
            return
        with suppress(OSError), _locked(path) as file:
            now = file.read()
            if now.startswith(read):  # else another command has paid it
                file.truncate(0)
                file.write(now[len(read) :])

    def _path(self, environment: str, host: str, ending: str) -> Path:
        return self._folder / environment / f"{host}.{ending}"


@contextmanager
def _locked(path: Path) -> Iterator[BinaryIO]:
    private(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        yield file


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _records(data: bytes) -> tuple[Record, ...]:
    return tuple(record for record in map(read_record, _lines(data)) if not record.torn)


def _lines(data: bytes) -> tuple[str, ...]:
    return tuple(lines_of(data.decode(errors="surrogateescape")))


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


def _each_line(file: BinaryIO) -> Iterator[bytes]:
    """The lines of an unbuffered file, which stays open."""
    rest = b""
    while piece := file.read(_PIECE):
        *lines, rest = (rest + piece).split(b"\n")
        yield from (line + b"\n" for line in lines)
    if rest:
        yield rest


def _append(file: BinaryIO, before: bytes, lines: Iterable[str]) -> None:
    data = _bytes("".join(f"{line}\n" for line in lines))
    if data:
        end = b"" if before.endswith(b"\n") or not before else b"\n"  # a line that was cut off stands alone
        if file.write(end + data) < len(end + data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
