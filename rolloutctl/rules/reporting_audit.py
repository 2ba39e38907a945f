"""The audit log of a flag in words: an entry for each change and for each thing that was said, newest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from rolloutctl.rules.history import Change, fold
from rolloutctl.rules.records import Record
from rolloutctl.rules.reporting import Line, deed
from rolloutctl.rules.reporting_words import people
from rolloutctl.rules.rollout_standing import MARKS, Mark, moment_of

_LONGEST = 300  # characters of what somebody said


def audit_lines(logs: Mapping[str, Sequence[Record]]) -> tuple[Line, ...]:
    """What the logs of some hosts tell of a flag, each change and each mark once."""
    said = {str(record.data["entry"]): record for log in logs.values() for record in log if _is_said(record)}
    found = [*map(_of_change, fold(logs)), *map(_of_mark, said.values())]
    return tuple(sorted(found, key=lambda line: line.at, reverse=True))


def endings_in(logs: Mapping[str, Sequence[Record]]) -> tuple[datetime, ...]:
    """When a rollout was aborted, by changes that were kept and by marks."""
    changes = (each for each in fold(logs) if each.outcome == "kept" and _aborts(each))
    marks = (
        record
        for log in logs.values()
        for record in log
        if record.event == "rollout" and record.data.get("action") == "aborted"
    )
    moments = [moment_of(each.outcome_fields or each.fields) for each in changes]
    return tuple(sorted({*moments, *(moment_of(record.data) for record in marks)}))


def _aborts(change: Change) -> bool:
    about = change.fields.get("rollout")
    return isinstance(about, Mapping) and bool(about.get("aborted"))


def _is_said(record: Record) -> bool:
    """Whether it is written by itself, and not a part of a change."""
    return isinstance(record.data.get("entry"), str) and not record.change


def _of_change(change: Change) -> Line:
    told = deed(change)
    entered = f"{told.phase}: " if told.phase else ""
    what = f"{entered}{people(told.before)} → {people(told.after)}, {told.outcome}"
    return Line(told.at, told.actor, what, told.reason[:_LONGEST])


def _of_mark(record: Record) -> Line:
    mark = Mark(record.data)
    what = mark.what if record.event in MARKS else f"{record.event} {mark.action}".strip()
    return Line(mark.at, mark.actor[:_LONGEST], what[:_LONGEST], (mark.note or _text(record, "symptom"))[:_LONGEST])


def _text(record: Record, name: str) -> str:
    value = record.data.get(name)
    return value if isinstance(value, str) else ""
