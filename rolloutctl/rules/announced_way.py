"""What the announcements of a phase, and of the end of the way, tell."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from msgspec import Struct

from rolloutctl.rules.announced_words import day_of, metric_in_words, moment, people, whom
from rolloutctl.rules.announcements import Scene
from rolloutctl.rules.cohorts import Cohort
from rolloutctl.rules.durations import in_days
from rolloutctl.rules.flags import companies_in_words
from rolloutctl.rules.metrics import Metric
from rolloutctl.rules.redact import one_line
from rolloutctl.rules.rollout_dates import Forecast
from rolloutctl.rules.rollout_standing import Stay
from rolloutctl.rules.rollouts import Phase

Facts = dict[str, Any]


class Leg(Struct, frozen=True):
    """One phase of the way, as it was or is expected: who was or would be in it, and when it begins."""

    phase: Phase
    stay: Stay | None
    cohort: Cohort | None
    dates: Forecast
    ahead: bool


class Told(Struct, frozen=True, kw_only=True):
    """What else is known beside the scene: the way of the rollout, the metrics, what is on the checklist."""

    legs: tuple[Leg, ...] = ()
    metrics: tuple[Metric, ...] = ()
    checklist: tuple[str, ...] = ()
    rollout_environment: str = ""
    start: date | None = None
    signoffs: tuple[str, ...] = ()


def phase_facts(scene: Scene, told: Told) -> Facts:
    """Of the phase that the rollout is in."""
    stay, rollout, held = scene.standing.stay, scene.rollout, scene.standing.held
    assert stay is not None and rollout is not None  # noqa: S101, PT018 - it is true, or nothing is said
    number = rollout.names.index(stay.phase)
    phase = rollout.phases[number]
    leg = next((leg for leg in told.legs if leg.phase.name == stay.phase), None)
    following = next((leg for leg in told.legs if leg.ahead), None)
    return {
        "phase": stay.phase,
        "number": number + 1,
        "phases": len(rollout.phases),
        "whom": whom(stay.audience),
        "limited": stay.audience.limited,
        "people": people(leg.cohort) if leg and leg.cohort and stay.audience.enabled else None,
        "since": moment(stay.at, scene),
        "until": _until(following, last=number == len(rollout.phases) - 1),
        "held": one_line(f"by {held.actor}" + (f": {held.note}" if held.note else "")) if held else None,
        "criteria": _criteria(phase, told.metrics, last=number == len(rollout.phases) - 1),
        "ahead": [expected(each) for each in told.legs if each.ahead],
    }


def _criteria(phase: Phase, metrics: Iterable[Metric], *, last: bool) -> list[str]:
    """What has to hold before the phase is left, in words."""
    if last:
        return ["It is the last phase: nothing comes after it"]
    known = {metric.name: metric for metric in metrics}
    found = ["Every host is well, and shows what the phase says"]
    found += [f"It has lasted {in_days(phase.soak)}"] if phase.soak else []
    found += [metric_in_words(known[name]) if name in known else name for name in phase.gates.metrics]
    found += [f"It is on in {name}" for name in phase.gates.on_in]
    return found + [f"Signed off by {role}" for role in phase.gates.signoffs]


def _until(following: Leg | None, *, last: bool) -> str:
    if last:
        return "it stays"
    if following is None or following.dates.expected is None:
        return "nobody knows yet"
    return f"{day_of(following.dates.expected)} at the earliest"


def done_facts(scene: Scene, told: Told) -> Facts:
    """Of the way as a whole."""
    stays = [leg.stay for leg in told.legs if leg.stay is not None]
    now = scene.standing.stay
    last = told.legs[-1] if told.legs else None
    since = moment(now.at, scene) if now else f"{moment(scene.now, scene)}, or before"
    took = (now.at - stays[0].at).total_seconds() if now and stays else 0.0
    return {
        "since": since,
        "lasted": in_days(took) if took > 0 else None,
        "people": people(last.cohort) if last and last.cohort else None,
        "behind": [
            f"{leg.phase.name}: {whom(leg.stay.audience)}, since {day_of(leg.stay.at.date())}"
            for leg in told.legs
            if leg.stay
        ],
    }


def expected(leg: Leg) -> str:
    """`10%: 12 of 120 companies, 10.0 %, from Mon 1 Dec 2025 at the earliest`."""
    audience = leg.phase.audience
    many = audience or (people(leg.cohort) if leg.cohort else None)
    if many is None:
        many = f"{leg.phase.percent:g} %" if leg.phase.percent else companies_in_words(leg.phase.companies)
    when = f"from {day_of(leg.dates.expected)} at the earliest" if leg.dates.expected else "no date yet"
    return f"{leg.phase.name}: {many}, {when}"


def _been(name: str, stay: Stay) -> str:
    return f"{name}: {whom(stay.audience)}, from {day_of(stay.at.date())} on"
