"""Where things stand in a plot: scales, ticks and paths, in the units of its picture. No markup, and no colour."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta, tzinfo

from msgspec import Struct

_STEPS = (1.0, 2.0, 5.0, 10.0)  # what a step may begin with
_MINUTES = (1, 5, 15, 30, 60, 180, 360, 720)  # steps of a short time axis
_SHORT = 48  # hours, up to which times of the day are named
_DAYS = (1, 2, 7, 14, 28, 91)  # and of a longer one; from a week on they are Mondays
_WEEK = 7
_APART = 1e-9  # of a value: what is nearer is the same
_ROUND = 1e-9  # of a step: what a sum of floats may be off
Point = tuple[float, float]


class TimeScale(Struct, frozen=True):
    """Moments as distances from the left."""

    begin: datetime
    end: datetime
    left: float
    width: float

    def x(self, moment: datetime) -> float:
        """Where a moment is; one outside stands at the edge."""
        whole = (self.end - self.begin).total_seconds()
        share = (moment - self.begin).total_seconds() / whole if whole > 0 else 0.0
        return round(self.left + self.width * min(max(share, 0.0), 1.0), 1)

    def stretch(self, begin: datetime, end: datetime, least: float = 0.0) -> tuple[float, float]:
        """The left edge and the width of a stretch of time, at least so wide that it can be seen."""
        left, right = self.x(begin), self.x(end)
        width = max(right - left, least)
        return round(max(self.left, min(left, self.left + self.width - width)), 1), round(width, 1)

    def holds(self, moment: datetime) -> bool:
        """Whether a moment is within."""
        return self.begin <= moment <= self.end


class ValueScale(Struct, frozen=True):
    """Values as distances from the top: `high` is at the top."""

    low: float
    high: float
    top: float
    height: float

    def y(self, value: float) -> float:
        """Where a value is; one outside stands at the edge."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.top + self.height * (1 - min(max(share, 0.0), 1.0)), 1)

    def holds(self, value: float) -> bool:
        """Whether a value is within."""
        return self.low <= value <= self.high


class Tick(Struct, frozen=True):
    """A place on an axis, with what stands beside it."""

    at: float
    label: str


def number_ticks(low: float, high: float, most: int = 5) -> tuple[float, ...]:
    """Round numbers from the one at or below `low` to the one at or above `high`, about `most` of them.

    What lies so near to each other that no digits tell it apart is one value.
    """
    least = max(abs(low), abs(high)) * _APART
    step = _step((high - low) / most if high - low > max(least, _APART) else max(abs(high), 1.0) / most)
    first = math.floor(low / step + _ROUND)
    last = max(math.ceil(high / step - _ROUND), first + 1)
    return tuple(float(f"{number * step:.12g}") for number in range(first, last + 1))


def time_ticks(scale: TimeScale, zone: tzinfo, most: int) -> tuple[Tick, ...]:
    """The days, or the hours, that are named on a time axis: at most about so many."""
    begin, end = scale.begin.astimezone(zone), scale.end.astimezone(zone)
    hours = (end - begin).total_seconds() / 3600
    step = next((each for each in _MINUTES if hours * 60 / each <= most), None)
    if step is not None and hours <= _SHORT:
        moments = _every_minutes(begin, end, step)
        return tuple(Tick(scale.x(each), _hour(each)) for each in moments)
    fewest = math.ceil(hours / 24 / most / _WEEK) * _WEEK  # of years, there are never more ticks than room
    days = next((each for each in _DAYS if hours / 24 / each <= most), fewest)
    return tuple(Tick(scale.x(each), f"{each.day} {each:%b}") for each in _every_days(begin, end, days))


def path(points: Iterable[Point]) -> str:
    """The `d` of a line through some points; empty for none, a dot for one."""
    each = [f"{_short(x)} {_short(y)}" for x, y in points]
    if len(each) == 1:
        return f"M{each[0]}h.1"
    return f"M{'L'.join(each)}" if each else ""


def area(upper: Sequence[Point], lower: Sequence[Point]) -> str:
    """The `d` of the surface between two lines that begin and end at the same places."""
    return f"{path([*upper, *reversed(lower)])}Z" if len(upper) > 1 else ""


def _step(rough: float) -> float:
    """The round number that is nearest above."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(each * power for each in _STEPS if each * power >= rough * (1 - _ROUND))


def _every_minutes(begin: datetime, end: datetime, step: int) -> Iterator[datetime]:
    """On the zone's clock; one that it skips is left out, one that it has twice comes once."""
    day = begin.date()
    while day <= end.date():
        for minute in range(0, 24 * 60, step):
            moment = datetime.combine(day, time(minute // 60, minute % 60), begin.tzinfo)
            if begin <= moment <= end:
                yield moment
        day += timedelta(days=1)


def _every_days(begin: datetime, end: datetime, step: int) -> Iterator[datetime]:
    day: date = begin.date()
    if step >= _WEEK:
        day -= timedelta(days=day.weekday())
    while day <= end.date():
        moment = datetime.combine(day, time(), begin.tzinfo)
        if begin <= moment <= end:
            yield moment
        day += timedelta(days=step)


def _hour(moment: datetime) -> str:
    return f"{moment.day} {moment:%b}" if moment.time() == time() else f"{moment:%H:%M}"


def _short(number: float) -> str:
    return f"{number:.1f}".rstrip("0").rstrip(".")
