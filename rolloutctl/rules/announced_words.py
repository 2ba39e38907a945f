"""Days, moments, numbers of people and metrics as an announcement says them."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from rolloutctl.rules.announcements import Scene
from rolloutctl.rules.cohorts import Cohort
from rolloutctl.rules.flags import Audience
from rolloutctl.rules.metrics import Metric
from rolloutctl.rules.redact import one_line


def moment(at: datetime, scene: Scene) -> str:
    """In the zone of the rollout, else in UTC; always with its name, for those who read it elsewhere."""
    local = at.astimezone(ZoneInfo(scene.rollout.zone if scene.rollout else "UTC"))
    return f"{day_of(local.date())} {local:%H:%M %Z}"


def day_of(day: date) -> str:
    """`Mon 1 Dec 2025`."""
    return f"{day:%a} {day.day} {day:%b %Y}"


def counted(number: int, one: str, many: str) -> str:
    """`1 company`, `12 companies`."""
    return f"1 {one}" if number == 1 else f"{number:,} {many}"


def whom(audience: Audience) -> str:
    """`2 companies`, `everyone`, `nobody`."""
    return counted(len(audience.companies), "company", "companies") if audience.limited else str(audience)


def people(cohort: Cohort) -> str | None:
    """How many see it, as far as somebody counts them."""
    if cohort.people is not None and cohort.people_in_all:
        many = f"{cohort.people:,} of {cohort.people_in_all:,} people"
    elif cohort.companies and cohort.population:
        many = f"{len(cohort.companies):,} of {cohort.population:,} companies"
    elif cohort.companies:
        return counted(len(cohort.companies), "company", "companies")
    else:
        return f"{cohort.population:,} companies" if cohort.population else None
    return many if cohort.share is None else f"{many}, {cohort.share:.1f} %"


def metric_in_words(metric: Metric) -> str:
    """What it tells, and how it has to be."""
    what = one_line(metric.description).rstrip(".") or metric.name
    bounds = [f"{metric.limit} {metric.unit}".rstrip()] if metric.limit else []
    if metric.worse is not None:
        bounds.append(f"no {'more' if metric.worse > 1 else 'less'} than {metric.worse:g} times what it was before")
    return f"{what}: {', '.join(bounds)}"


def sentence(text: str) -> str:
    """One line that ends as a sentence does."""
    said = one_line(text)
    return said if said.endswith((".", "!", "?", "…")) else f"{said}."
