"""The audit log's records: one JSON object a line, chained by the hash of the line before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rolloutctl.rules.flags import Audience


@dataclass(frozen=True, slots=True)
class Record:
    """One line of an audit log, as it stands there, and what it says."""

    line: str
    data: Mapping[str, Any]

    @property
    def change(self) -> str:
        """The id of the change that the record belongs to."""
        return str(self.data.get("change", ""))

    @property
    def event(self) -> str:
        """started, kept, reverted ..."""
        return str(self.data.get("event", ""))

    @property
    def flag(self) -> str:
        """The flag that the change is about."""
        return str(self.data.get("flag", ""))

    @property
    def torn(self) -> bool:
        """Whether the line was cut off by a crash: no JSON object."""
        return not self.data


@dataclass(frozen=True, slots=True)
class Fault:
    """Where a chain breaks: the line's number, counted from 1, and how."""

    line: int
    problem: str


def read_record(line: str) -> Record:
    """One line; a line that is no JSON object is a torn record."""
    try:
        data = json.loads(line)
    except ValueError:
        data = None
    return Record(line, data if isinstance(data, dict) else {})


def read_log(text: str) -> tuple[Record, ...]:
    """All records of a log, oldest first. Only a newline ends a line."""
    return tuple(read_record(line) for line in text.split("\n") if line)


def body(fields: Mapping[str, Any]) -> str:
    """A record's fields as the host appends them behind its own: JSON without the opening brace, one line of ASCII."""
    return json.dumps(fields, separators=(",", ":"))[1:]


def verify(records: Iterable[Record]) -> Fault | None:
    """The first place where a log was changed, cut or joined; None for a sound one.

    A torn line that the next record names as its predecessor is an accident and no fault. The chain finds accidents,
    not attackers who can write the log.
    """
    before: Record | None = None
    for number, record in enumerate(records, 1):
        expected = "" if before is None else hashlib.sha256(before.line.encode()).hexdigest()
        if record.torn:
            if not record.line.startswith('{"prev":'[: len(record.line)]):
                return Fault(number, "is no record")
        elif record.data.get("prev") != expected:
            return Fault(number, "does not follow the line before it")
        before = record
    return None


def audience_of(fields: Mapping[str, Any] | None) -> Audience:
    """An audience as records and JSON hold it: ``{"enabled": bool, "companies": [...]}``."""
    if not fields:
        return Audience(enabled=False)
    return Audience(bool(fields.get("enabled")), tuple(int(number) for number in fields.get("companies") or ()))


def audience_fields(audience: Audience) -> dict[str, Any]:
    """The inverse of `audience_of`."""
    return {"enabled": audience.enabled, "companies": list(audience.companies)}
