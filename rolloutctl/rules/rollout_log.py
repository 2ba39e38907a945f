"""Where a rollout stands: folded from the records of its flag in the hosts' audit logs. There is no other state.

Three kinds of records tell it: changes that carry ``rollout`` (a phase is entered when such a change is kept), marks
(`MARKS`: written by themselves, the same `entry` on every host), and changes by anyone else, which depart from it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeGuard

from msgspec.structs import replace

from rolloutctl.rules.durations import in_days
from rolloutctl.rules.flags import same_people
from rolloutctl.rules.history import Change, fold, merged_orders
from rolloutctl.rules.records import Record, audience_of
from rolloutctl.rules.rollout_standing import (
    ANNOUNCE,
    CHECK,
    MARKS,
    ROLLOUT,
    SIGN_OFF,
    Mark,
    Standing,
    Stay,
    moment_of,
)

_APART = 300.0  # seconds that two clocks may differ


def standing(logs: Mapping[str, Sequence[Record]], *, flag: str, environment: str) -> Standing:
    """Fold what hosts have recorded of a flag.

    Args:
        logs: each host's records of the flag, oldest first; the arbiter first.
        flag: the rollout's flag.
        environment: the rollout's environment.
    """
    ours = {host: [r for r in log if is_of(r, flag, environment)] for host, log in logs.items()}
    changes = {change.id: change for change in fold(ours)}
    marks = {mark.entry: mark for mark in marks_in(r for log in ours.values() for r in log)}
    said = (entry for entry, mark in marks.items() if mark.fields.get("event") != ANNOUNCE)
    found = Standing(known=frozenset((*changes, *said)))
    for name, _late in order_of(ours.values()):
        if name in marks:
            found = _marked(found, marks[name])
        elif name in changes and changes[name].outcome == "kept":
            found = _changed(found, changes[name])
    return found


def marks_in(records: Iterable[Record]) -> tuple[Mark, ...]:
    """The marks in some hosts' records, each once, in the order in which they are first met."""
    found: dict[str, Mark] = {}
    for record in records:
        if _is_mark(record):
            found.setdefault(str(record.data["entry"]), Mark(record.data))
    return tuple(found.values())


def order_of(logs: Collection[Sequence[Record]]) -> list[tuple[str, bool]]:
    """The changes and marks of some hosts' logs, each where it ended; and whether all that know it wrote it late."""
    timely = frozenset(_name(record) for log in logs for record in log if not record.data.get("late"))
    return [(name, name not in timely) for name in merged_orders([_ends(log, timely) for log in logs])]


def is_of(record: Record, flag: str, environment: str) -> bool:
    """Whether a record is about a flag in an environment."""
    return record.flag == flag and record.data.get("environment") == environment


def _is_mark(record: Record) -> bool:
    return record.event in MARKS and isinstance(record.data.get("entry"), str)


def _name(record: Record) -> str:
    return str(record.data["entry"]) if _is_mark(record) else record.change


def _ends(log: Iterable[Record], timely: Collection[str]) -> list[str]:
    """The order of a log: marks where they stand, each change where it ended.

    What a host owed and wrote late says nothing of the order, as long as another wrote it in time.
    """
    order: dict[str, None] = {}
    for record in log:
        name = _name(record)
        if name and not (record.data.get("late") and name in timely):
            order.pop(name, None)
            order[name] = None
    return list(order)


def _changed(found: Standing, change: Change) -> Standing:
    about = change.fields.get("rollout")
    if not isinstance(about, Mapping):
        return _departed(found, change)
    if about.get("aborted"):
        return _ended(found, Mark(change.fields))
    if not _names_a_phase(about):
        return _departed(found, change)
    at, actor = moment_of(change.outcome_fields or change.fields), str(change.fields.get("actor") or "somebody")
    stay = Stay(about["phase"], at, actor, change.after, about, change.id, since=at)
    return _entered(found, stay)


def _names_a_phase(about: object) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(about, Mapping) and isinstance(about.get("phase"), str) and bool(about["phase"])


def _marked(found: Standing, mark: Mark) -> Standing:
    """A mark of anything else, such as an incident, moves no rollout."""
    acts = {ROLLOUT: _moved, SIGN_OFF: _signed, CHECK: _checked}
    act = acts.get(str(mark.fields.get("event")))
    return act(found, mark) if act else found


def _moved(found: Standing, mark: Mark) -> Standing:
    if mark.action == "entered":
        return _entered_by(found, mark)
    stay = found.stay
    if stay is None:
        return found
    if mark.action == "aborted":
        return _ended(found, mark)
    if mark.action == "held":
        return _with(replace(found, held=mark), _stopped(stay, mark.at))
    if mark.action == "resumed" and found.departed is None:
        return _with(replace(found, held=None), replace(stay, since=stay.since or mark.at))
    return replace(found, held=None) if mark.action == "resumed" else found


def _entered_by(found: Standing, mark: Mark) -> Standing:
    about = mark.fields.get("rollout")
    if not _names_a_phase(about):
        return found
    audience = audience_of(mark.fields.get("to"))
    return _entered(found, Stay(about["phase"], mark.at, mark.actor, audience, about, since=mark.at))


def _signed(found: Standing, mark: Mark) -> Standing:
    """A sign-off counts for the phase it was given in."""
    role = str(mark.fields.get("role", ""))
    if mark.fields.get("phase") != found.phase or not role:
        return found
    signed = {name: each for name, each in found.signed.items() if name != role}
    if mark.action == "signed":
        signed[role] = mark
    stay = found.stay
    return _with(found, replace(stay, signed=signed)) if stay else replace(found, validated=signed)


def _checked(found: Standing, mark: Mark) -> Standing:
    return replace(found, checks=(*found.checks, mark.fields))


def _entered(found: Standing, stay: Stay) -> Standing:
    run = str(stay.fields.get("run") or "")
    if run != found.run:
        found = replace(found, stays=(), earlier=(*found.earlier, *found.stays), run=run, aborted=None)
    elif found.stay and not stay.fields.get("onward") and _is_as(found.stay, stay):
        return _back(found, stay.at)
    left = found.stays[-1] if found.stays else None
    good = left.phase if left and stay.fields.get("onward") else found.good
    stays = (*found.stays[:-1], _stopped(left, stay.at), stay) if left else (stay,)
    cohorts = {**found.cohorts, stay.phase: stay.audience.companies} if stay.audience.limited else found.cohorts
    return replace(found, stays=stays, held=None, departed=None, aborted=None, good=good, cohorts=cohorts)


def _is_as(one: Stay, other: Stay) -> bool:
    return one.phase == other.phase and same_people(one.audience, other.audience)


def _back(found: Standing, at: datetime) -> Standing:
    """The phase's own audience stands again: the soak goes on, unless somebody holds it."""
    found = replace(found, departed=None)
    if found.stay is None or found.held is not None:
        return found
    return _with(found, replace(found.stay, since=found.stay.since or at))


def _ended(found: Standing, mark: Mark) -> Standing:
    if found.stay is None:
        return found
    return replace(_with(found, _stopped(found.stay, mark.at)), aborted=mark, held=None, departed=None)


def _departed(found: Standing, change: Change) -> Standing:
    """A change that is not the rollout's: the soak counts only while the phase's own audience stands."""
    stay = found.stay
    if stay is None:
        return found
    at = moment_of(change.outcome_fields or change.fields)
    if same_people(change.after, stay.audience):
        return _back(found, at)
    return _with(replace(found, departed=change), _stopped(stay, at))


def clock_trouble(record: Record) -> str:
    """What to say where the clock of whoever made a record differs from its host's; a soak is measured by the first."""
    try:
        at, time = (datetime.fromisoformat(str(record.data[name])) for name in ("at", "time"))
        apart = (at - time).total_seconds()
    except (KeyError, ValueError, TypeError):
        return ""
    if abs(apart) <= _APART or record.data.get("late"):
        return ""
    how = f"{in_days(abs(apart))} {'ahead of' if apart > 0 else 'behind'}"
    return f"This machine's clock is {how} that of {record.data.get('host')}: the soak of a phase is measured by it."


def _stopped(stay: Stay, at: datetime) -> Stay:
    return replace(stay, soaked=stay.soak(at), since=None)


def _with(found: Standing, stay: Stay) -> Standing:
    return replace(found, stays=(*found.stays[:-1], stay))
