"""A rollout as it stands: its stays in phases, and the marks, what somebody said of it apart from any change."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import Struct, field

from rolloutctl.rules.flags import Audience
from rolloutctl.rules.history import Change
from rolloutctl.rules.records import audience_of
from rolloutctl.rules.work_marks import deployed_in_words, ran_in_words

VALIDATE = "validate"  # the stage before the first phase
ROLLOUT, SIGN_OFF, CHECK = "rollout", "sign-off", "check"
INCIDENT, ANNOUNCE, SCHEDULE = "incident", "announce", "schedule"
DEPLOY, TASK = "deploy", "task"
MARKS = (ROLLOUT, SIGN_OFF, CHECK, INCIDENT, ANNOUNCE, SCHEDULE, DEPLOY, TASK)
_YEARS = range(1971, 9000)  # another one can't be a record's, nor be shown on every clock
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class Mark(Struct, frozen=True):
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
        """What was said, in words: `10% entered`, `product signed for pilot`, `login passed`, `incident opened`."""
        if self.fields.get("event") == INCIDENT:
            judged = ", ".join(str(self.fields[name]) for name in ("severity", "decision") if self.fields.get(name))
            return f"incident {self.action}" + (f": {judged}" if judged else "")
        if self.fields.get("event") == ANNOUNCE:
            return announced_in_words(self.fields)
        if self.fields.get("event") in (DEPLOY, TASK):
            return deployed_in_words(self.fields) if self.fields.get("event") == DEPLOY else ran_in_words(self.fields)
        if self.fields.get("event") == SCHEDULE:
            named = f"schedule {self.fields.get('schedule') or self.entry} {self.action}"
            meant = f": {audience_of(self.fields['to'])} at {self.fields.get('written')}" if "to" in self.fields else ""
            return named + meant
        about = self.fields.get("rollout")
        entered = about.get("phase") if isinstance(about, Mapping) else None
        subject = self.fields.get("item") or self.fields.get("role") or entered or "the rollout"
        phase = f" for {self.fields.get('phase')}" if self.fields.get("role") else ""
        return f"{subject} {self.action}{phase}"

    @property
    def note(self) -> str:
        """What was said about it."""
        return str(self.fields.get("note") or self.fields.get("symptom") or self.fields.get("reason") or "")


class Stay(Struct, frozen=True):
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


class Standing(Struct, frozen=True):
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


def announced_in_words(fields: Mapping[str, Any]) -> str:
    """`phase pilot announced to team, not to ops`, of a record in which a host may have written anything."""
    channels = fields.get("channels")
    ends = [each for each in channels if isinstance(each, Mapping)] if isinstance(channels, list) else []
    sent, missed = (
        ", ".join(str(each.get("name")) for each in ends if (each.get("outcome") == "sent") is wanted)
        for wanted in (True, False)
    )
    what = " ".join(str(each) for each in (fields.get("kind"), fields.get("phase")) if each)
    return f"{what} announced" + (f" to {sent}" if sent else "") + (f", not to {missed}" if missed else "")


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


def soaked_at(stay: Stay, soak: float, now: datetime) -> datetime | None:
    """When the soak of a stay is over, if nothing stops its clock; None while it stands."""
    return None if stay.since is None else now + timedelta(seconds=max(0.0, soak - stay.soak(now)))
