"""A rollout's whole way as dated steps, from development to everyone: as planned, as it was, as it looks now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from math import ceil
from typing import Literal
from zoneinfo import ZoneInfo

from msgspec import Struct

from rolloutctl.rules.rollout_dates import planned
from rolloutctl.rules.rollout_progress import PhaseProgress, progress
from rolloutctl.rules.rollout_standing import VALIDATE, Standing, moment_of
from rolloutctl.rules.rollouts import Preparation, Rollout

Kind = Literal["preparation", "validation", "phase"]
State = Literal["done", "current", "over by plan", "ahead", "left out"]
Span = tuple[date, date]  # both days are in it
_DAY = timedelta(days=1)
_SECONDS = 86400.0


class Step(Struct, frozen=True, kw_only=True):
    """One step of the way. Days are those of the rollout's zone; `real` has no end as long as it lasts.

    `forecast` is only of what is not over. `slipped_days` counts how much later than planned a phase began or will
    begin, or the validation ended or still lasts; None where nobody can say.
    """

    name: str
    kind: Kind
    state: State
    planned: Span | None = None
    real: tuple[datetime, datetime | None] | None = None
    forecast: Span | None = None
    slipped_days: int | None = None
    unknown: str = ""  # why there is no forecast: `held`, `skipped`, `no start`, `unreachable`
    length: str = ""  # of what has no days: `15 working days`


class Timeline(Struct, frozen=True):
    """The way of one rollout. `standing` is None where no host could be asked: then there are only plans."""

    rollout: Rollout
    now: datetime
    standing: Standing | None
    steps: tuple[Step, ...]

    @property
    def today(self) -> date:
        """In the rollout's zone."""
        return day_of(self.rollout, self.now)

    @property
    def dated(self) -> bool:
        """Whether any step has a day."""
        return any(days_of(step, self) for step in self.steps)


def timeline(rollout: Rollout, standing: Standing | None, now: datetime) -> Timeline:
    """The steps of a rollout at the moment.

    Raises:
        ValueError: the moment has no time zone.
    """
    known = standing or Standing()
    today, begun = day_of(rollout, now), bool(known.stays or known.earlier)
    spans = _before_the_start(rollout)
    steps = [_prepared(each, span, today, begun) for each, span in zip(rollout.timeline, spans, strict=True)]
    validation = _validation(rollout, known, begun)
    if validation is not None:
        place = next((n for n, each in enumerate(rollout.timeline) if each.validation), None)
        if place is None:
            steps.append(validation)
        else:
            steps[place] = _joined(steps[place], validation, rollout, today)
    steps += _phases(rollout, standing, now)
    return Timeline(rollout, now, standing, tuple(steps))


def days_of(step: Step, around: Timeline) -> Span | None:
    """The days on which a step is, as far as anybody knows: real ones, else expected, else planned."""
    if step.real is not None:
        first = day_of(around.rollout, step.real[0])
        if step.real[1] is not None:
            return first, day_of(around.rollout, step.real[1])
        return first, max(first, around.today, step.forecast[1] if step.forecast else first)
    return step.forecast or step.planned


def planned_spans(rollout: Rollout) -> list[Span | None]:
    """The days that each phase is planned to last; see `_spans`."""
    return _spans(rollout, planned(rollout))


def day_of(rollout: Rollout, moment: datetime) -> date:
    """The day of a moment in the rollout's zone.

    Raises:
        ValueError: the moment has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return moment.astimezone(ZoneInfo(rollout.zone)).date()


def _before_the_start(rollout: Rollout) -> list[Span | None]:
    """The days of the work before the first phase, counted back from the day before its start."""
    first = planned(rollout)[0]
    if first is None:
        return [None] * len(rollout.timeline)
    spans: list[Span | None] = []
    day = first
    for each in reversed(rollout.timeline):
        last = day = _working_day_before(rollout, day)
        for _ in range(each.days - 1):
            day = _working_day_before(rollout, day)
        spans.append((day, last))
    return spans[::-1]


def _working_day_before(rollout: Rollout, day: date) -> date:
    day -= _DAY
    while day in rollout.holidays or day.weekday() in rollout.weekend:
        day -= _DAY
    return day


def _prepared(each: Preparation, span: Span | None, today: date, begun: bool) -> Step:
    """Work that leaves no record: once the rollout has begun it is over; before that only its plan is known."""
    return Step(
        name=each.name,
        kind="validation" if each.validation else "preparation",
        state="done" if begun else _by_plan(span, today),
        planned=span,
        length=f"{each.days} working day{'' if each.days == 1 else 's'}",
    )


def _by_plan(span: Span | None, today: date) -> State:
    if span is None or today < span[0]:
        return "ahead"
    return "current" if today <= span[1] else "over by plan"


def _validation(rollout: Rollout, now: Standing, begun: bool) -> Step | None:
    """What the records tell of the validation: from the first check or sign-off to the last."""
    checks = (moment_of(fields) for fields in now.checks if fields.get("phase") in (None, VALIDATE))
    moments = sorted([*checks, *(mark.at for mark in now.validated.values())])
    if rollout.validate is None and not moments:
        return None
    real = (moments[0], moments[-1] if begun else None) if moments else None
    return Step(
        name=VALIDATE,
        kind="validation",
        state="done" if begun else "current" if real else "ahead",
        real=real,
    )


def _joined(plan: Step, record: Step, rollout: Rollout, today: date) -> Step:
    """The planned validation with what the records tell of it."""
    slipped = None
    if record.real is not None and plan.planned is not None:
        ended = day_of(rollout, record.real[1]) if record.real[1] else max(today, plan.planned[1])
        slipped = (ended - plan.planned[1]).days
    return Step(
        name=plan.name,
        kind="validation",
        state=record.state if record.real else plan.state,
        planned=plan.planned,
        real=record.real,
        slipped_days=slipped,
        length=plan.length,
    )


def _phases(rollout: Rollout, standing: Standing | None, now: datetime) -> Iterator[Step]:
    found = progress(rollout, standing or Standing(), now)
    plans = planned_spans(rollout)
    expected = _spans(rollout, [each.dates.day if each.state in ("current", "ahead") else None for each in found])
    for number, each in enumerate(found):
        known = standing is not None
        held = each.state == "current" and any(later.dates.unknown == "held" for later in found[number + 1 :])
        yield Step(
            name=each.phase.name,
            kind="phase",
            state=each.state,
            planned=plans[number],
            real=_real(each, standing) if standing else None,
            forecast=expected[number] if known and not held else None,
            slipped_days=each.dates.slipped if known else None,
            unknown="held" if held else each.dates.unknown if known else "unreachable",
            length=f"{_days(each.phase.soak)} day{'' if _days(each.phase.soak) == 1 else 's'}"
            if each.phase.soak
            else "",
        )


def _spans(rollout: Rollout, begins: Sequence[date | None]) -> list[Span | None]:
    """Each phase until the day before the next one begins; the last, and one before an unknown, as long as it soaks."""
    spans: list[Span | None] = []
    for number, begin in enumerate(begins):
        following = begins[number + 1] if number + 1 < len(begins) else None
        if begin is None:
            spans.append(None)
            continue
        soaked = begin + timedelta(days=max(0, _days(rollout.phases[number].soak) - 1))
        spans.append((begin, max(begin, following - _DAY) if following else soaked))
    return spans


def _days(soak: float) -> int:
    return ceil(soak / _SECONDS)


def _real(each: PhaseProgress, now: Standing) -> tuple[datetime, datetime | None] | None:
    """From when to when a phase was on: until the next stay, or the abort."""
    if each.stay is None:
        return None
    stays = (*now.earlier, *now.stays)
    following = stays[stays.index(each.stay) + 1 :]
    if following:
        return each.stay.at, following[0].at
    return each.stay.at, now.aborted.at if now.aborted else None
