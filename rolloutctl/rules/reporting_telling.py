"""How a story is made of what was found out: records, plan, gates and measurements become chapters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from rolloutctl.rules.config import Environment
from rolloutctl.rules.flags import Audience
from rolloutctl.rules.incidents import Incident
from rolloutctl.rules.metrics import Metric
from rolloutctl.rules.reporting import Chapter, Goal, Leg, Proof, Stretch, within
from rolloutctl.rules.reporting_goals import Measured, goals
from rolloutctl.rules.reporting_proofs import (
    gates_now,
    gates_of_validation,
    gates_then,
    goals_of_records,
    goals_of_validation,
)
from rolloutctl.rules.reporting_study import Study
from rolloutctl.rules.reporting_words import people, when
from rolloutctl.rules.rollout_gates import Gate
from rolloutctl.rules.rollout_standing import Standing
from rolloutctl.rules.rollouts import Rollout
from rolloutctl.rules.ticks import Progress
from rolloutctl.rules.timeline import Span, Step, planned_spans, timeline

Planned = tuple[datetime, datetime | None]


class Found(Struct, frozen=True, kw_only=True):
    """What was found out of a rollout, before it becomes a story."""

    rollout: Rollout
    environment: Environment
    now: datetime
    standing: Standing
    legs: tuple[Leg, ...]
    stays: Mapping[str, tuple[Stretch, ...]]
    gates: tuple[Gate, ...] = ()  # before the next phase, as they stand
    incidents: tuple[Incident, ...] = ()
    metrics: tuple[Metric, ...] = ()
    studies: tuple[Study, ...] = ()
    progress: Progress | None = None  # of the checklist

    @property
    def zone(self) -> ZoneInfo:
        """In which the report's times are."""
        return ZoneInfo(self.rollout.zone)


def chapters(found: Found) -> tuple[Chapter, ...]:
    """A chapter for each phase of the plan, and for those that were in the plan once."""
    spans = planned_spans(found.rollout)
    told = [_chapter(leg, _planned(leg, span, found), found) for leg, span in zip(found.legs, spans, strict=True)]
    return (*told, *_forgotten(found))


def before(found: Found) -> tuple[Chapter, ...]:
    """What came before the first phase: the work that is planned, and the validation."""
    steps = timeline(found.rollout, found.standing, found.now).steps
    return tuple(_before(step, found) for step in steps if step.kind != "phase")


def _before(step: Step, found: Found) -> Chapter:
    told = Chapter(
        name=step.name,
        state=step.state,
        who="",
        kind="preparation",
        planned=_days(step.planned, found),
        slipped=step.slipped_days,
        stays=(Stretch(*step.real),) if step.real else (),
        note=step.length,
    )
    asked, signed, zone = found.rollout.validate, found.standing.validated, found.zone
    if step.kind != "validation" or asked is None:
        return told
    return replace(
        told,
        who=f"in {asked.environment}",
        kind="validation",
        proofs=tuple(gates_of_validation(asked, found.progress, signed, zone)),
        goals=tuple(goals_of_validation(asked, found.progress, signed, over=bool(found.stays))),
    )


def state_of(found: Found) -> str:
    """Where it stands, in words."""
    now, zone = found.standing, found.zone
    if now.aborted is not None:
        why = f": {now.aborted.note}" if now.aborted.note else ""
        return f"aborted {when(now.aborted.at, zone)} by {now.aborted.actor}{why}"
    if now.stay is None:
        return "not begun"
    where = f"in {now.stay.phase} since {when(now.stay.at, zone)}"
    if now.stay.phase == found.rollout.names[-1]:
        where = f"in its last phase, {now.stay.phase}, since {when(now.stay.at, zone)}"
    if now.held is not None:
        return f"{where}, held by {now.held.actor}" + (f": {now.held.note}" if now.held.note else "")
    return f"{where}, not as the phase has it" if now.departed is not None else where


def _days(span: Span | None, found: Found) -> tuple[datetime, datetime] | None:
    """From the beginning of the first day to the end of the last one."""
    if span is None:
        return None
    return datetime.combine(span[0], time(), found.zone), datetime.combine(span[1], time.max, found.zone)


def _planned(leg: Leg, span: Span | None, found: Found) -> Planned | None:
    """A phase's days, as its timeline has them; the last one, where it has nothing to soak, goes on."""
    days = _days(span, found)
    return (days[0], None) if days and leg is found.legs[-1] and not leg.phase.soak else days


def _chapter(leg: Leg, planned: Planned | None, found: Found) -> Chapter:
    stays = found.stays.get(leg.phase.name, ()) if leg.state != "left out" else ()
    return Chapter(
        name=leg.phase.name,
        state=leg.state,
        who=_whom(leg),
        cohort=leg.cohort if leg.phase.audience is None else None,
        planned=planned,
        expected=_midnight(leg.dates.expected, found),
        unknown=leg.dates.unknown,
        slipped=leg.dates.slipped,
        stays=stays,
        soak=leg.phase.soak,
        soaked=leg.soak,
        proofs=tuple(_proofs(leg, found)),
        goals=_goals(leg, stays, found) if stays else (),
        note=_note(leg, found),
    )


def _forgotten(found: Found) -> Iterator[Chapter]:
    """Phases that it was in, and that the plan has no more."""
    for name, stays in found.stays.items():
        if name not in found.rollout.names:
            running = stays[-1].end is None
            note = "the plan has this phase no more"
            yield Chapter(name=name, state="current" if running else "done", who="", stays=stays, note=note)


def _whom(leg: Leg) -> str:
    if leg.phase.audience is not None:
        return leg.phase.audience
    if leg.cohort is not None and leg.cohort.companies:
        return people(Audience(True, leg.cohort.companies))
    if leg.phase.percent is not None:
        return f"{leg.phase.percent:g} % of the companies"
    return people(Audience(True, leg.phase.companies))


def _note(leg: Leg, found: Found) -> str:
    stay, now = leg.stay, found.standing
    notes = []
    if leg.state == "current" and now.departed is not None:
        by = now.departed.fields.get("actor") or "somebody"
        notes.append(f"{by}'s change {now.departed.id} departs from it: {people(now.departed.after)} sees the feature")
    skipped = stay.fields.get("skipped") if stay else None
    if isinstance(skipped, list) and skipped:
        notes.append(f"{', '.join(map(str, skipped))} left out before it")
    return "; ".join(notes)


def _goals(leg: Leg, stays: Sequence[Stretch], found: Found) -> tuple[Goal, ...]:
    name = leg.phase.name
    tallies = {
        metric.name: [each.tallies[name] for each in found.studies if each.metric is metric and name in each.tallies]
        for metric in found.metrics
    }
    inside = set(within((each.detected for each in found.incidents), stays, found.now))
    measured = Measured(
        environment=found.environment,
        zone=found.zone,
        metrics=found.metrics,
        tallies=tallies,
        befores={(s.metric.name, s.host): s.befores[name] for s in found.studies if name in s.befores},
        incidents=[each for each in found.incidents if each.detected in inside],
        running=leg.state == "current",
        audience=leg.phase.audience or "limited",
    )
    return (*goals_of_records(leg), *goals(measured))


def _proofs(leg: Leg, found: Found) -> Iterator[Proof]:
    if leg.state == "current":
        return gates_now(leg, found.gates, found.zone)
    return gates_then(leg, found.standing, found.zone) if leg.state == "done" else iter(())


def _midnight(day: date | None, found: Found) -> datetime | None:
    return None if day is None else datetime.combine(day, time(), found.zone)
