"""The audit log's records: one JSON object a line, chained by the hash of the line before."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import Any

from msgspec import Struct

from rolloutctl.rules.flags import Audience
from rolloutctl.rules.hiding import repr_without

# The causes of a switch-off that was kept. The second one says little: an application that is ill beside it is enough.
DONE, STEP_FAILED = "done", "a-step-failed"
NO_EFFECT = "no-effect"  # no step builds the config cache anew
NOT_LIVE = "not-live"  # an event, behind the end of a switch-off: people may still see the feature
_HEAD = re.compile(r"(?P<lines>0|[1-9][0-9]{0,11}) (?P<hash>[0-9a-f]{64}|)\n")


class Record(Struct, frozen=True):
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
    def steps(self) -> tuple[Mapping[str, Any], ...]:
        """The steps that ran, each with its name, ok and ms; a host may have written anything."""
        steps = self.data.get("steps")
        return tuple(step for step in steps if isinstance(step, Mapping)) if isinstance(steps, list) else ()

    @property
    def unfinished(self) -> bool:
        """Whether it is of a change that ended, and what that wrote may not be live all the same."""
        last = {str(step.get("name")): step.get("ok") for step in self.steps}
        return self.event == NOT_LIVE or self.data.get("cause") == NO_EFFECT or not all(last.values())

    @property
    def torn(self) -> bool:
        """Whether the line was cut off by a crash: no JSON object."""
        return not self.data


class Log(Struct, frozen=True):
    """A host's whole log as it stands, oldest first, and `head`, the file beside it; empty where there is none.

    It may be tens of megabytes, so it is read a line at a time where that will do.
    """

    text: str = ""
    head: str = ""

    __repr__ = repr_without("text")

    @property
    def records(self) -> tuple[Record, ...]:
        """Every line of it, read."""
        return read_log(self.text)


class Fault(Struct, frozen=True):
    """Where a log is broken: the line's number, counted from 1, and how, in words that follow it."""

    line: int
    problem: str


def read_object(text: str) -> dict[str, Any]:
    """A JSON object that a host sent; empty for anything else."""
    try:
        data = json.loads(text, parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError):  # a host may send anything
        return {}
    return data if isinstance(data, dict) else {}


def _finite(digits: str) -> float:
    """NaN and Infinity are no JSON, and what is written from them would be none."""
    number = float(digits)
    if not isfinite(number):
        raise ValueError(digits)
    return number


def read_record(line: str) -> Record:
    """One line; a line that is no JSON object is a torn record."""
    return Record(line, read_object(line))


def read_log(text: str) -> tuple[Record, ...]:
    """All records of a log, oldest first. Only a newline ends a line; a blank line is a torn record too."""
    return tuple(read_record(line) for line in lines_of(text))


def lines_of(text: str) -> list[str]:
    """The lines of a log; the last one may lack its end."""
    lines = text.split("\n")
    return lines if lines[-1] else lines[:-1]


def body(fields: Mapping[str, Any]) -> str:
    """A record's fields as the host appends them behind its own: JSON without the opening brace, one line of ASCII."""
    return json.dumps(fields, separators=(",", ":"))[1:]


def verify(log: Log) -> Fault | None:
    """The first place where a log was changed, cut or joined; None for a sound one.

    Finds accidents, not attackers who can write the log and its head. No fault: a torn line, see `verify_chain`; one
    line more than the head knows, when it follows the one that the head names: a power cut between the two writes.
    """
    lines = lines_of(log.text)
    return verify_chain(lines) or _verify_end(log, lines)


def verify_chain(lines: Iterable[str]) -> Fault | None:
    """The first line that does not follow the one before it.

    A torn line that begins as a record would and that the next one names as its predecessor is an accident and no
    fault. Nothing follows the last line: what happened to that only the head can tell.
    """
    expected = ""
    for number, record in enumerate(map(read_record, lines), 1):
        begins = f'{{"prev":"{expected}"'
        if record.torn and not _cut_off(record.line, begins):
            return Fault(number, "is no record")
        if not record.torn and record.data.get("prev") != expected:
            return Fault(number, "does not follow the line before it")
        expected = hash_of(record.line)
    return None


def _verify_end(log: Log, lines: Sequence[str]) -> Fault | None:
    """How the end of a log differs from what its head says of it."""
    if not log.head:
        headed = any("line" in read_object(line) for line in lines)  # written together with a head
        return Fault(len(lines), "is not named by audit.head any more: that file is gone") if headed else None
    head = _HEAD.fullmatch(log.head)
    if head is None:
        return Fault(max(len(lines), 1), "is not named by audit.head any more: that file was changed")
    known, whole = int(head["lines"]), log.text.count("\n")
    if whole < known:
        return Fault(whole + 1, f"is gone or cut off: audit.head names {known} lines")
    if (hash_of(lines[known - 1]) if known else "") != head["hash"]:
        return Fault(max(known, 1), "is not as it was written, says audit.head")
    return Fault(known + 2, f"was added: audit.head names {known} lines") if len(lines) > known + 1 else None


def hash_of(line: str) -> str:
    """What the next record names as its predecessor."""
    return hashlib.sha256(line.encode(errors="surrogatepass")).hexdigest()


def _cut_off(line: str, begins: str) -> bool:
    """Whether a line is the beginning of a record, and not a whole one with more behind it: two lines joined.

    Behind the beginning a file system may leave zeros.
    """
    line = line.rstrip("\0")
    if not (line.startswith(begins) or begins.startswith(line)):
        return False
    try:
        json.JSONDecoder().raw_decode(line)
    except (ValueError, RecursionError):
        return True
    return False


def missing_from(log: Iterable[str], seen: Iterable[str]) -> tuple[Record, ...]:
    """The records that were seen in a log once and are not there any more, as they were. Both as lines."""
    lines = set(log)
    records = (read_record(line) for line in seen if line not in lines)
    return tuple(record for record in records if not record.torn)


class OfAChange:
    """What the fields that all records of a change share say of it."""

    __slots__ = ()

    fields: Mapping[str, Any]

    @property
    def flag(self) -> str:
        """The flag that it is about."""
        return str(self.fields.get("flag", ""))

    @property
    def environment(self) -> str:
        """Where."""
        return str(self.fields.get("environment", ""))

    @property
    def before(self) -> Audience:
        """Who saw the feature before."""
        return audience_of(self.fields.get("from"))

    @property
    def after(self) -> Audience:
        """Who is to see it."""
        return audience_of(self.fields.get("to"))


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
