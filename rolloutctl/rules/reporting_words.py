"""The words of a report that stand alike on every page of it: moments of its zone, shares, values of a metric."""

from __future__ import annotations

from datetime import datetime, tzinfo

from rolloutctl.rules.flags import Audience
from rolloutctl.rules.metrics import Metric
from rolloutctl.rules.verdicts_metrics import in_unit

_FEW = 4  # companies that are named one by one
_NEARLY = 0.9999  # a share that is not whole is never told as 100 %


def when(moment: datetime, zone: tzinfo) -> str:
    """`Mon 24 Nov 09:12`, on the clock of the zone."""
    local = moment.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b %H:%M}"


def made_at(moment: datetime, zone: tzinfo) -> str:
    """`Mon 24 Nov 2025, 09:12`."""
    return f"{day(moment, zone)} {moment.astimezone(zone):%Y, %H:%M}"


def day(moment: datetime, zone: tzinfo) -> str:
    """`Mon 24 Nov`."""
    local = moment.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b}"


def until(begin: datetime, end: datetime, zone: tzinfo) -> str:
    """`Mon 24 Nov 09:12 to 09:24`: the day once, where it is one."""
    first, last = begin.astimezone(zone), end.astimezone(zone)
    if first.date() == last.date():
        return when(begin, zone) if f"{first:%H:%M}" == f"{last:%H:%M}" else f"{when(begin, zone)} to {last:%H:%M}"
    return f"{when(begin, zone)} to {when(end, zone)}"


def percent(share: float) -> str:
    """`100 %`, `99.98 %`, `12 %`: as many digits as tell it from all and from nothing."""
    if share >= 1:
        return "100 %"
    if share > _NEARLY:
        return "over 99.99 %"
    if share >= 0.99:  # noqa: PLR2004 - from here on the last percent is what counts
        return f"{share * 100:.2f} %"
    return f"{share * 100:.1f} %" if 0 < share < 0.1 else f"{share * 100:.0f} %"  # noqa: PLR2004 - below, 0.4 is not 0


def value(number: float, metric: Metric) -> str:
    """A value of a metric, with its unit."""
    return in_unit(number, metric.unit)


def target(metric: Metric) -> str:
    """What a metric is held against: `<= 0.05 per minute; at most 2x before`."""
    found = []
    if metric.limit is not None:
        found.append(f"{metric.limit} {metric.unit}".rstrip())
    if metric.worse is not None:
        found.append(f"{'at most' if metric.worse > 1 else 'at least'} {metric.worse:g}x before")
    return "; ".join(found) or "none"


def counted(number: int, noun: str) -> str:
    """`1 sample`, `20,160 samples`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def people(audience: Audience) -> str:
    """`nobody`, `companies 15 and 42`, `30 companies`: a list only where it is short."""
    many = len(audience.companies)
    return f"{many:,} companies" if audience.limited and many > _FEW else str(audience)


def listed(names: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""
