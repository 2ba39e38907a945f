"""The story of a rollout, as a report tells it: chapters with what was aimed at and measured, changes, incidents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Literal

from msgspec import Struct

from rolloutctl.rules.cohorts import Cohort
from rolloutctl.rules.flags import Audience
from rolloutctl.rules.history import Change
from rolloutctl.rules.incidents import Incident
from rolloutctl.rules.metrics import Metric
from rolloutctl.rules.reporting_series import Bucket, Grid
from rolloutctl.rules.rollout_dates import Forecast
from rolloutctl.rules.rollout_standing import Standing, Stay, moment_of
from rolloutctl.rules.rollouts import Phase

_NAME, _SAID = 200, 1_000  # characters of a name, and of what somebody said: a host may have written more
State = Literal["done", "current", "over by plan", "ahead", "left out"]
Judged = Literal["met", "so far", "missed", "open", "not measured"]
Proved = Literal["ok", "shut", "missing", "no data", "overridden"]


class Goal(Struct, frozen=True):
    """One success metric of a phase: what it was to be, what it was. `so far`: met, and the phase still runs."""

    what: str
    target: str
    measured: str
    verdict: Judged


class Proof(Struct, frozen=True):
    """A gate or a sign-off, with its evidence."""

    name: str
    word: Proved
    evidence: str


class Stretch(Struct, frozen=True):
    """A stay in a phase. Without an end it still is."""

    begin: datetime
    end: datetime | None
    actor: str = ""

    def until(self, now: datetime) -> tuple[datetime, datetime]:
        """From when to when, as of now."""
        return self.begin, self.end or now


class Leg(Struct, frozen=True):
    """One phase as `rollout status` has it: `stay` is the last one in it."""

    phase: Phase
    state: State
    stay: Stay | None
    cohort: Cohort | None
    dates: Forecast
    soak: float = 0.0  # the seconds that counted up to now


class Chapter(Struct, frozen=True, kw_only=True):
    """One phase: who it was for, when it was planned and when it was, what held it back, what became of it."""

    name: str
    state: State
    who: str  # in words
    kind: Literal["phase", "validation", "preparation"] = "phase"
    cohort: Cohort | None = None
    planned: tuple[datetime, datetime | None] | None = None  # None as an end: it is the last phase
    expected: datetime | None = None  # when it may begin, where it is ahead
    unknown: str = ""  # why nobody can say when
    slipped: int | None = None  # days
    stays: tuple[Stretch, ...] = ()
    soak: float = 0.0  # seconds
    soaked: float = 0.0
    proofs: tuple[Proof, ...] = ()
    goals: tuple[Goal, ...] = ()
    note: str = ""


class Deed(Struct, frozen=True):
    """One change of the flag."""

    id: str
    at: datetime
    actor: str
    before: Audience
    after: Audience
    outcome: str  # in words
    reason: str
    phase: str = ""  # the one that it entered

    @property
    def kept(self) -> bool:
        """Whether it stands."""
        return self.outcome.startswith("kept")


class Seen(Struct, frozen=True):
    """Who saw the feature for a while."""

    begin: datetime
    end: datetime | None
    audience: Audience


class Line(Struct, frozen=True):
    """One entry of the audit log, in words."""

    at: datetime
    actor: str
    what: str
    why: str = ""


class Curve(Struct, frozen=True):
    """What one host, or all of them together, measured: buckets of the plot's grid."""

    name: str
    buckets: tuple[Bucket, ...]


class Chart(Struct, frozen=True, kw_only=True):
    """A metric over time. No curve: nothing was measured, and `told` says so."""

    metric: Metric
    grid: Grid
    curves: tuple[Curve, ...]
    told: str
    baseline: float | None = None  # what it mostly was before anybody saw the feature


class Story(Struct, frozen=True, kw_only=True):
    """All that a report tells."""

    flag: str
    description: str
    environment: str
    hosts: tuple[str, ...]
    zone: str  # in which its times are told
    at: datetime
    state: str  # in words
    seen: str  # who sees it now, in words
    chapters: tuple[Chapter, ...]
    before: tuple[Chapter, ...] = ()  # what came before the first phase, the validation among it
    deeds: tuple[Deed, ...] = ()  # oldest first
    watched: tuple[Seen, ...] = ()  # who saw it when
    incidents: tuple[Incident, ...] = ()
    charts: tuple[Chart, ...] = ()
    audit: tuple[Line, ...] = ()  # newest first
    lines: int = 0  # of the audit log in all
    next: tuple[str, ...] = ()
    troubles: tuple[str, ...] = ()  # what could not be found out

    @property
    def whole(self) -> tuple[Chapter, ...]:
        """All of the way, in its order."""
        return (*self.before, *self.chapters)


def stretches(standing: Standing, endings: Sequence[datetime]) -> Mapping[str, tuple[Stretch, ...]]:
    """The stays in each phase, of all runs; one ends as the next begins, or with the abort of its run.

    Args:
        standing: the rollout, folded from the records.
        endings: when it was aborted.
    """
    found: dict[str, tuple[Stretch, ...]] = {}
    stays = (*standing.earlier, *standing.stays)
    for stay, following in pairwise((*stays, None)):
        assert stay is not None  # noqa: S101 - only the last one of the pairs may be
        ends = [moment for moment in endings if moment >= stay.at]
        ends += [following.at] if following is not None else []
        stretch = Stretch(stay.at, min(ends, default=None), stay.actor)
        found[stay.phase] = (*found.get(stay.phase, ()), stretch)
    return found


def deed(change: Change) -> Deed:
    """A change, as it is told."""
    about = change.fields.get("rollout")
    phase = str(about.get("phase") or "") if isinstance(about, Mapping) else ""
    more = f", otherwise on {', '.join(change.dissenters)}" if change.dissenters else ""
    return Deed(
        id=change.id,
        at=moment_of(change.outcome_fields or change.fields),
        actor=str(change.fields.get("actor") or "somebody")[:_NAME],
        before=change.before,
        after=change.after,
        outcome=f"{change.outcome}{more}",
        reason=str(change.fields.get("reason") or "")[:_SAID],
        phase=phase[:_NAME],
    )


def seen_by(deeds: Iterable[Deed]) -> tuple[Seen, ...]:
    """Who saw the feature when, by the changes that were kept, oldest first; before the first one nobody knows."""
    kept = [each for each in deeds if each.kept]
    return tuple(
        Seen(each.at, following.at if following else None, each.after)
        for each, following in pairwise((*kept, None))
        if each is not None
    )


def within(moments: Iterable[datetime], stays: Iterable[Stretch], now: datetime) -> tuple[datetime, ...]:
    """Those of some moments that are in a stay."""
    spans = [stay.until(now) for stay in stays]
    return tuple(moment for moment in moments if any(begin <= moment < end for begin, end in spans))


def begins_at(chapters: Iterable[Chapter], deeds: Iterable[Deed]) -> Iterator[datetime]:
    """Every moment at which something began, planned or real."""
    for chapter in chapters:
        yield from (stay.begin for stay in chapter.stays)
        if chapter.planned is not None:
            yield chapter.planned[0]
    yield from (each.at for each in deeds)
