"""rollout status and plan: the phases with who is in them, when they began or may begin, and what comes next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from rolloutctl.rules.cohorts import Cohort, recorded_cohort
from rolloutctl.rules.rollout_dates import Forecast, forecast
from rolloutctl.rules.rollout_gates import opens_at, phase_of, shut
from rolloutctl.rules.rollout_log import Stay
from rolloutctl.rules.rollouts import Phase
from rolloutctl.workflows.rollout_looking import Look, look
from rolloutctl.workflows.tools import Tools

State = Literal["done", "current", "ahead", "left out"]


@dataclass(frozen=True, slots=True)
class Row:
    """One phase. `stay` is the last stay in it in this run; `cohort` who is in it, or would be now."""

    phase: Phase
    state: State
    stay: Stay | None
    cohort: Cohort | None
    dates: Forecast


@dataclass(frozen=True, slots=True)
class Report:
    """Where a rollout stands, phase by phase, and the commands that lead on."""

    look: Look
    rows: tuple[Row, ...]
    next: tuple[str, ...]  # commands and sentences, in the order in which they make sense


def report(flag: str, tools: Tools) -> Report:
    """Where the rollout of a flag stands. Changes nothing.

    Raises:
        UsageError: no rollout of it is planned.
        Unreachable: no host can be reached.
    """
    found = look(tools.configuration.rollout(flag), tools)
    return Report(found, _rows(found), _next(found))


def _rows(found: Look) -> tuple[Row, ...]:
    now, names = found.standing, found.rollout.names
    stays = {stay.phase: stay for stay in now.stays}
    at = names.index(now.stay.phase) if now.stay and now.stay.phase in names else None
    left = now.stay.soak(found.now) if now.stay else 0.0
    phase = phase_of(found.rollout, now.stay.phase) if now.stay else None
    dates = forecast(
        found.rollout,
        found.now,
        {names.index(name): stay.at for name, stay in stays.items() if name in names},
        current=at,
        soak_left=max(0.0, phase.soak - left) if phase else 0.0,
        held=bool(now.stay) and not now.ticking,
    )
    return tuple(
        Row(each, _state(number, at, stays.get(each.name)), stays.get(each.name), _cohort(each, found, stays), date)
        for number, (each, date) in enumerate(zip(found.rollout.phases, dates, strict=True))
    )


def _cohort(phase: Phase, found: Look, stays: Mapping[str, Stay]) -> Cohort | None:
    """Who was let in when the phase was entered; before that, who would be now."""
    stay = stays.get(phase.name)
    return recorded_cohort(stay.audience, stay.fields) if stay else found.cohorts.get(phase.name)


def _state(number: int, at: int | None, stay: Stay | None) -> State:
    if at is None or number > at:
        return "ahead"
    if number == at:
        return "current"
    return "done" if stay is not None else "left out"


def _next(found: Look) -> tuple[str, ...]:
    """The one command to run now, or what has to come before it."""
    flag, now, target = found.rollout.flag, found.standing, found.target
    if target is None:
        return () if now.stay and now.stay.phase in found.rollout.names else (_lost_phase(found),)
    onward = f"rolloutctl rollout {'advance' if now.stay else 'start'} {flag}"
    closed = shut(found.gates)
    if not closed:
        return (onward,)
    opens = opens_at(found.gates)
    if opens is not None:
        return (f"From {opens.astimezone():%a %d %b %H:%M}: {onward}",)
    mends = dict.fromkeys(gate.mend for gate in closed if gate.mend.startswith("rolloutctl "))
    times = [gate.opens for gate in closed if gate.opens]
    last = f"From {max(times).astimezone():%a %d %b %H:%M}: {onward}" if times else f"Then: {onward}"
    return (*mends, last)


def _lost_phase(found: Look) -> str:
    first = found.rollout.names[0]
    return f"Name the phase that it is in now: rolloutctl rollout advance {found.rollout.flag} --to {first}"
