"""What happened to a flag, in order: marks of incidents, and changes that were kept."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from rolloutctl.rules.history import Change, fold
from rolloutctl.rules.records import Record, texts_in
from rolloutctl.rules.rollout_log import marks_in, order_of
from rolloutctl.rules.rollout_standing import INCIDENT, Mark, moment_of

_LONGEST = 1_000  # characters of what somebody said
_A_DAY = timedelta(days=1)  # no change takes longer: a clock was set meanwhile


class Happening(Struct, frozen=True):
    """A mark of an incident, or a kept change; `at` is UTC, by the clock of whoever made it, a change's when it ended.

    `off`: whether nobody sees the feature from then on, on any host: none was missed, and on each it is live.
    """

    at: datetime
    actor: str
    what: str
    note: str = ""
    mark: Mark | None = None
    off: bool = False


def happenings_in(ours: Mapping[str, Sequence[Record]]) -> tuple[Happening, ...]:
    """Marks of incidents and kept changes, in the order of the logs.

    What every host that can be asked owed and wrote late says nothing of the order: that takes its place by its time.
    """
    marks = {mark.entry: mark for mark in marks_in(r for log in ours.values() for r in log)}
    changes = {change.id: change for change in fold(ours)}
    lengths = _lengths(ours)
    seen_on: dict[str, bool] = {}
    found: list[Happening] = []
    late: list[Happening] = []
    for name, is_late in order_of(ours.values()):
        if name in marks and marks[name].fields.get("event") == INCIDENT:
            mark = marks[name]
            note = said(mark.fields.get("note")) or said(mark.fields.get("symptom"))
            happened = Happening(mark.at, mark.actor, mark.what, note, mark)
        elif name in changes and changes[name].outcome == "kept":
            happened = _changed(changes[name], ours, seen_on)
            happened = replace(happened, at=happened.at + lengths.get(name, timedelta()))
        else:
            continue
        (late if is_late else found).append(happened)
    for each in late:
        later = (place for place, other in enumerate(found) if other.at > each.at)
        found.insert(next(later, len(found)), each)
    return tuple(found)


def said(value: object) -> str:
    """What somebody said, as far as a record takes it; nothing for what is no text."""
    return value[:_LONGEST] if isinstance(value, str) else ""


def _changed(change: Change, ours: Collection[str], seen_on: dict[str, bool]) -> Happening:
    """A change that was kept; `seen_on` has by host whether somebody sees the feature there, as far as one knows."""
    off, lame = change.after.nobody, change.lame
    kept = [host for host, end in change.ends.items() if end == "kept"]
    named = texts_in(change.fields.get("hosts"))
    if off:  # also a host whose log can't be read: nobody knows that it was switched off
        for host in named:
            seen_on.setdefault(host, True)
    seen_on.update({host: not off or host in lame for host in kept})
    still_on = sorted(host for host, on in seen_on.items() if on and (host in ours or host in named))
    if not off:
        what = f"opened for {change.after}"
    elif not still_on:
        what = "switched off"
    else:
        missed = ", ".join(host for host in still_on if host not in lame)
        what = "set to nobody" + (f", not on {missed}" if missed else "")
        what += f"{' and' if missed else ', but it'} may not be live on {', '.join(lame)}" if lame else ""
    actor = str(change.fields.get("actor") or "somebody")
    note = said(change.fields.get("reason"))
    return Happening(moment_of(change.fields), actor, what, note, off=off and not still_on)


def _lengths(ours: Mapping[str, Iterable[Record]]) -> dict[str, timedelta]:
    """How long each change took, by the clock of the host that took longest; what is no length counts for none."""
    begun: dict[tuple[str, str], datetime] = {}
    longest: dict[str, timedelta] = {}
    for host, log in ours.items():
        for record in log:
            if not record.change or record.data.get("late"):
                continue
            at = moment_of({"time": record.data.get("time")})
            took = at - begun.setdefault((host, record.change), at)
            if longest.get(record.change, timedelta()) < took < _A_DAY:
                longest[record.change] = took
    return longest
