"""How far a rollout is along its plan: by its records alone, phase by phase, with the days that each has."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from msgspec import Struct

from rolloutctl.rules.rollout_dates import Forecast, forecast
from rolloutctl.rules.rollout_gates import next_phase, phase_of
from rolloutctl.rules.rollout_standing import Standing, Stay
from rolloutctl.rules.rollouts import Phase, Rollout

State = Literal["done", "current", "ahead", "left out"]


class PhaseProgress(Struct, frozen=True):
    """One phase. `stay` is the last stay in it, none while it is ahead."""

    phase: Phase
    state: State
    stay: Stay | None
    dates: Forecast


def progress(rollout: Rollout, now: Standing, at: datetime) -> tuple[PhaseProgress, ...]:
    """Every phase of the plan, in its order, as it stands at the moment.

    Raises:
        ValueError: the moment has no time zone.
    """
    names, stays = rollout.names, _last_stays(now)
    current = names.index(now.stay.phase) if now.stay and now.stay.phase in names else None
    reached = _reached(rollout, now) if current is None else current
    dates = forecast(
        rollout,
        at,
        {names.index(name): stay.at for name, stay in stays.items() if name in names},
        current=reached,
        soak_left=_soak_left(rollout, now, at),
        held=bool(now.stay) and (not now.ticking or current is None),
    )
    found = []
    for number, (phase, date) in enumerate(zip(rollout.phases, dates, strict=True)):
        stay = stays.get(phase.name) if reached is not None and number <= reached else None
        found.append(PhaseProgress(phase, _state(number, current, reached, stay), stay, date))
    return tuple(found)


def _last_stays(now: Standing) -> Mapping[str, Stay]:
    return {stay.phase: stay for stay in (*now.earlier, *now.stays)}


def _reached(rollout: Rollout, now: Standing) -> int | None:
    """The last phase that lies behind a rollout that is in none of the plan's; None where none does."""
    names = rollout.names
    if now.aborted is not None and (target := next_phase(rollout, now)) is not None:
        return names.index(target.name) - 1 if target is not rollout.phases[0] else None
    been = [names.index(stay.phase) for stay in now.stays if stay.phase in names] if now.stay else []
    return been[-1] if been else None


def _soak_left(rollout: Rollout, now: Standing, at: datetime) -> float:
    stay = now.stay
    phase = phase_of(rollout, stay.phase) if stay else None
    return max(0.0, phase.soak - stay.soak(at)) if stay and phase else 0.0


def _state(number: int, current: int | None, reached: int | None, stay: Stay | None) -> State:
    if number == current:
        return "current"
    if reached is None or number > reached:
        return "ahead"
    return "done" if stay is not None else "left out"
