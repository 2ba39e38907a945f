"""Where a rollout stands: folded from the records of its flag in the hosts' audit logs. There is no other state.

Three kinds of records tell it: changes that carry ``rollout`` (a phase is entered when such a change is kept), marks
(`MARKS`: written by themselves, the same `entry` on every host), and changes by anyone else, which depart from it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeGuard

from rolloutctl.rules.durations import in_days
from rolloutctl.rules.flags import Audience
from rolloutctl.rules.history import Change, fold, merged_orders
from rolloutctl.rules.records import Record, audience_of

VALIDATE = "validate"  # the stage before the first phase
ROLLOUT, SIGN_OFF, CHECK = "rollout", "sign-off", "check"
MARKS = (ROLLOUT, SIGN_OFF, CHECK)
_APART = 300.0  # seconds that two clocks may differ
_YEARS = range(1971, 9000)  # another one can't be a record's, nor be shown on every clock
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that somebody said of a rollout, apart from any change: its record's fields."""

    fields: Mapping[str, Any]

    @property
    def entry(self) -> str:
        """Its id, the same on every host."""
        return str(self.fields.get("entry", ""))

    @property
    def at(self) -> datetime:
        """When, by the clock of whoever said it."""
        return moment_of(self.fields)

    @property
    def actor(self) -> str:
        """Who: with `--as` the name that was given."""
        return str(self.fields.get("signer") or self.fields.get("actor") or "somebody")

    @property
    def action(self) -> str:
        """entered, held, signed, passed ..."""
        return str(self.fields.get("action", ""))

    @property
    def what(self) -> str:
        """What was said, in words: `10% entered`, `product signed for pilot`, `login passed`."""
        about = self.fields.get("rollout")
        entered = about.get("phase") if isinstance(about, Mapping) else None
        subject = self.fields.get("item") or self.fields.get("role") or entered or "the rollout"
        phase = f" for {self.fields.get('phase')}" if self.fields.get("role") else ""
        return f"{subject} {self.action}{phase}"

    @property
    def note(self) -> str:
        """What was said about it."""
        return str(self.fields.get("note") or self.fields.get("reason") or "")


@dataclass(frozen=True, slots=True)
class Stay:
    """One stay in a phase. `soaked` are the seconds that counted up to `since`; None there: the clock stands."""

    phase: str
    at: datetime
    actor: str
    audience: Audience
    fields: Mapping[str, Any]  # what was recorded of the cohort and the gates: see `Plan.about`
    change: str = ""  # the change that entered it; empty where nothing had to be written
    soaked: float = 0.0
    since: datetime | None = None
    signed: Mapping[str, Mark] = field(default_factory=dict)  # by role

    def soak(self, now: datetime) -> float:
        """The seconds of soak that count up to now."""
        return self.soaked + (max(0.0, (now - self.since).total_seconds()) if self.since else 0.0)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a rollout stands. Without stays it has not begun: sign-offs and checks belong to its validation."""

    stays: tuple[Stay, ...] = ()
    earlier: tuple[Stay, ...] = ()  # those of runs that were aborted
    run: str = ""  # the id of this run of the rollout; a start after an abort begins another
    aborted: Mark | None = None
    held: Mark | None = None
    departed: Change | None = None  # somebody's change since, that gives the flag another audience than the phase
    validated: Mapping[str, Mark] = field(default_factory=dict)  # sign-offs before the start, by role
    checks: tuple[Mapping[str, Any], ...] = ()
    good: str = ""  # the last phase that was left for the next one: an aborted run goes on from there
    cohorts: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # by phase: the companies it had last
    known: frozenset[str] = frozenset()  # every change and entry that was read

    @property
    def stay(self) -> Stay | None:
        """The current stay; None before the start and after an abort."""
        return self.stays[-1] if self.stays and self.aborted is None else None

    @property
    def phase(self) -> str:
        """The current phase, or `validate`."""
        return self.stay.phase if self.stay else VALIDATE

    @property
    def signed(self) -> Mapping[str, Mark]:
        """The sign-offs that count now, by role."""
        return self.stay.signed if self.stay else self.validated

    @property
    def ticking(self) -> bool:
        """Whether the clock of the soak runs."""
        return self.stay is not None and self.stay.since is not None


def standing(logs: Mapping[str, Sequence[Record]], *, flag: str, environment: str) -> Standing:
    """Fold what hosts have recorded of a flag.

    Args:
        logs: each host's records of the flag, oldest first; the arbiter first.
        flag: the rollout's flag.
        environment: the rollout's environment.
    """
    ours = {host: [r for r in log if _is_of(r, flag, environment)] for host, log in logs.items()}
    changes = {change.id: change for change in fold(ours)}
    marks = {mark.entry: mark for mark in marks_in(r for log in ours.values() for r in log)}
    timely = frozenset(_name(r) for log in ours.values() for r in log if not r.data.get("late"))
    found = Standing(known=frozenset((*changes, *marks)))
    for name in merged_orders([_ends(log, timely) for log in ours.values()]):
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


def moment_of(fields: Mapping[str, Any]) -> datetime:
    """A record's time by the clock of whoever made it, else the host's; UTC. 1970 for one that can't be read."""
    for name in ("at", "time"):
        try:
            found = datetime.fromisoformat(str(fields.get(name) or ""))
        except ValueError:
            continue
        if found.year in _YEARS:
            return found if found.tzinfo else found.replace(tzinfo=UTC)
    return _NEVER


def _is_of(record: Record, flag: str, environment: str) -> bool:
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
    acts = {ROLLOUT: _moved, SIGN_OFF: _signed, CHECK: _checked}
    return acts[str(mark.fields.get("event"))](found, mark)


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


def same_people(one: Audience, other: Audience) -> bool:
    """Whether the same people see the feature: a list behind a flag that is off does not count."""
    return one == other or (one.nobody and other.nobody)


def _stopped(stay: Stay, at: datetime) -> Stay:
    return replace(stay, soaked=stay.soak(at), since=None)


def _with(found: Standing, stay: Stay) -> Standing:
    return replace(found, stays=(*found.stays[:-1], stay))


def soaked_at(stay: Stay, soak: float, now: datetime) -> datetime | None:
    """When the soak of a stay is over, if nothing stops its clock; None while it stands."""
    return None if stay.since is None else now + timedelta(seconds=max(0.0, soak - stay.soak(now)))
