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


def read_object(text: str) -> dict[str, Any]:
    """A JSON object that a host sent; empty for anything else."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):  # a host may send anything
        return {}
    return data if isinstance(data, dict) else {}


def read_record(line: str) -> Record:
    """One line; a line that is no JSON object is a torn record."""
    return Record(line, read_object(line))


def read_log(text: str) -> tuple[Record, ...]:
    """All records of a log, oldest first. Only a newline ends a line; a blank line is a torn record too."""
    lines = text.split("\n")
    return tuple(read_record(line) for line in (lines if lines[-1] else lines[:-1]))


def body(fields: Mapping[str, Any]) -> str:
    """A record's fields as the host appends them behind its own: JSON without the opening brace, one line of ASCII."""
    return json.dumps(fields, separators=(",", ":"))[1:]


def verify(records: Iterable[Record]) -> Fault | None:
    """The first place where a log was changed, cut or joined; None for a sound one.

    A torn line that begins as a record would and that the next one names as its predecessor is an accident and no
    fault. The chain finds accidents, not attackers who can write the log. Nothing follows the last line: that it was
    changed or cut off is seen by comparing with what was read before (`missing_from`).
    """
    expected = ""
    for number, record in enumerate(records, 1):
        begins = f'{{"prev":"{expected}"'
        if record.torn and not _cut_off(record.line, begins):
            return Fault(number, "is no record")
        if not record.torn and record.data.get("prev") != expected:
            return Fault(number, "does not follow the line before it")
        expected = hashlib.sha256(record.line.encode(errors="surrogatepass")).hexdigest()
    return None


def _cut_off(line: str, begins: str) -> bool:
    """Whether a line is the beginning of a record, and not a whole one with more behind it: two lines joined."""
    if not (line.startswith(begins) or begins.startswith(line)):
        return False
    try:
        json.JSONDecoder().raw_decode(line)
    except (ValueError, RecursionError):
        return True
    return False


def missing_from(log: Iterable[Record], seen: Iterable[Record]) -> tuple[Record, ...]:
    """The records that were seen in a log once and are not there any more, as they were."""
    lines = {record.line for record in log}
    return tuple(record for record in seen if record.line not in lines and not record.torn)


def audience_of(fields: object) -> Audience:
    """An audience as records and JSON hold it: ``{"enabled": bool, "companies": [...]}``; nobody for anything else."""
    if not isinstance(fields, Mapping):
        return Audience(enabled=False)
    companies = fields.get("companies")
    numbers = companies if isinstance(companies, list) else []
    return Audience(bool(fields.get("enabled")), tuple(number for number in numbers if type(number) is int))


def texts_in(value: object) -> tuple[str, ...]:
    """The texts of a list that a record holds; a host may have written anything."""
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()


def edits_in(value: object) -> tuple[Mapping[str, Any], ...]:
    """The edits that a record holds, each with its key, its text before and after; none when one of them is not so."""
    edits = value if isinstance(value, list) else []
    return tuple(edits) if all(_is_edit(edit) for edit in edits) else ()


def audience_fields(audience: Audience) -> dict[str, Any]:
    """The inverse of `audience_of`."""
    return {"enabled": audience.enabled, "companies": list(audience.companies)}


def _is_edit(edit: object) -> bool:
    if not isinstance(edit, Mapping) or not isinstance(edit.get("key"), str):
        return False
    return all(name in edit and (edit[name] is None or isinstance(edit[name], str)) for name in ("before", "after"))
