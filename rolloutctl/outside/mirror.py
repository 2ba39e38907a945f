"""What the operator's machine remembers of the hosts' audit logs, and the records that a host still owes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rolloutctl.rules.records import Record, body, read_log


class FileMirror:
    """One folder for each environment, and in it two files for each host: ``HOST.jsonl`` and ``HOST.owed.jsonl``.

    Appends are one write each, so that two commands at once don't mix their lines.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def saw(self, environment: str, host: str, records: Iterable[Record]) -> None:
        """Remember records that a host showed."""
        path = self._path(environment, host, "jsonl")
        known = set(_lines(path))
        new = [record.line for record in records if record.line not in known]
        if new:
            _append(path, new)

    def seen(self, environment: str, host: str) -> tuple[Record, ...]:
        """All that was ever seen, in that order."""
        return read_log("\n".join(_lines(self._path(environment, host, "jsonl"))))

    def owe(self, environment: str, host: str, fields: Mapping[str, Any]) -> None:
        """Keep a record that the host could not write."""
        _append(self._path(environment, host, "owed.jsonl"), ["{" + body(fields)])

    def owed(self, environment: str, host: str) -> tuple[Mapping[str, Any], ...]:
        """The records that the host still has to write."""
        lines = _lines(self._path(environment, host, "owed.jsonl"))
        return tuple(json.loads(line) for line in lines)

    def paid(self, environment: str, host: str) -> None:
        """The host has written what it owed."""
        self._path(environment, host, "owed.jsonl").unlink(missing_ok=True)

    def _path(self, environment: str, host: str, ending: str) -> Path:
        return self._folder / environment / f"{host}.{ending}"


def _lines(path: Path) -> list[str]:
    try:
        return [line for line in path.read_text(encoding="utf-8", errors="surrogateescape").split("\n") if line]
    except OSError:
        return []


def _append(path: Path, lines: Iterable[str]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    data = "".join(f"{line}\n" for line in lines).encode(errors="surrogateescape")
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, data)
    finally:
        os.close(descriptor)
