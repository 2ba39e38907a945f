"""What the samples of a metric on one host come to in a stretch of time: by its own rule, and against before."""

from __future__ import annotations

import operator
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from rolloutctl.rules.baselines import FEWEST, Baseline, Normal, normal
from rolloutctl.rules.metrics import Metric, Sample
from rolloutctl.rules.reporting_series import between, falls, gaps, middle_of, pace

_AGES = 2  # how many times the length of its window a sample counts, as for a verdict
_TOGETHER = 0.5  # of the pace: samples nearer to each other saw the same moment
_SLACK = 1.5  # of the pace: a longer pause was not measured
_A_WEEK = timedelta(days=7)
_BREAKS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.ge,
    "<=": operator.gt,
    ">": operator.le,
    ">=": operator.lt,
}
_Broken = tuple[bool, bool]  # the limit; what was normal before


class Series(Struct, frozen=True):
    """The samples of a metric on one host, in the order of their times, and how many seconds are mostly between two."""

    metric: Metric
    host: str | None
    samples: Sequence[Sample]
    every: float

    @classmethod
    def of(cls, metric: Metric, host: str | None, samples: Sequence[Sample]) -> Series:
        """Samples, with the pace at which they were taken."""
        return cls(metric, host, samples, pace(samples))


class Before(Struct, frozen=True):
    """What a metric was on one host before: its mean or median; and its noise, where it has `worse`."""

    level: float
    normal: Normal | None = None


class Spell(Struct, frozen=True):
    """A sustained failure, as `monitor` would have found it, from its first sample beyond to its last."""

    begin: datetime
    end: datetime


class Tally(Struct, frozen=True, kw_only=True):
    """What the samples of a metric on one host come to in one stretch of time."""

    host: str | None
    samples: int = 0  # those with a value
    blind: int = 0  # those without
    within: int = 0  # of those with a value: neither beyond the limit nor worse than before
    worst: float | None = None
    worst_at: datetime | None = None
    middle: float | None = None
    covered: float = 0.0  # share of the time that was measured
    spells: tuple[Spell, ...] = ()

    @property
    def share(self) -> float | None:
        """The share of the samples that were within."""
        return self.within / self.samples if self.samples else None


def before(series: Series, moment: datetime) -> Before | None:
    """What a metric was in the week before a moment; None for too few samples to tell."""
    metric, week = series.metric, between(series.samples, moment - _A_WEEK, moment)
    values = [sample.value for sample in week if sample.value is not None]
    if len(values) < FEWEST:
        return None
    found = normal(metric, Baseline(tuple(values), "the week before"), series.every or 1.0)
    return Before(middle_of(metric, values), found)


def tally(series: Series, stretches: Iterable[tuple[datetime, datetime]], worse: Normal | None = None) -> Tally:
    """What the samples of a metric on one host come to in some stretches of time that don't overlap.

    Args:
        series: the metric, and its samples there.
        stretches: from when to before when.
        worse: what was normal before, where that can be told.
    """
    spans, metric = tuple(stretches), series.metric
    inside = [sample for begin, end in spans for sample in between(series.samples, begin, end)]
    valued = [(sample.value, sample.at) for sample in inside if sample.value is not None]
    worst = (min if falls(metric) else max)(valued, key=operator.itemgetter(0), default=(None, None))
    broken = _tester(metric, worse)
    marks = [(each.at, (False, False) if each.value is None else broken(each.value)) for each in inside]
    beyond = sum(mark != (False, False) for _, mark in marks)
    return Tally(
        host=series.host,
        samples=len(valued),
        blind=len(inside) - len(valued),
        within=len(valued) - beyond,
        worst=worst[0],
        worst_at=worst[1],
        middle=middle_of(metric, [value for value, _ in valued]) if valued else None,
        covered=_covered(inside, spans, series.every),
        spells=tuple(_spells(metric, marks, series.every)) if beyond >= metric.sustained.beyond else (),
    )


def _tester(metric: Metric, worse: Normal | None) -> Callable[[float], _Broken]:
    """What tells whether a value breaks the limit, and whether it is worse than before."""
    limit = metric.limit
    breaks, bound = (_BREAKS[limit.sign], limit.bound) if limit else (_never, 0.0)
    leaves, edge = (operator.gt if worse.rising else operator.lt, worse.bound) if worse else (_never, 0.0)
    return lambda value: (breaks(value, bound), leaves(value, edge))


def _never(_value: float, _bound: float) -> bool:
    return False


def _spells(metric: Metric, marks: Iterable[tuple[datetime, _Broken]], every: float) -> Iterator[Spell]:
    """The sustained failures: so many of so many samples in a row are beyond the same bound, as `judge` has it."""
    rule = metric.sustained
    window: deque[tuple[datetime, _Broken]] = deque(maxlen=rule.of)
    near, age = timedelta(seconds=_TOGETHER * every), timedelta(seconds=_AGES * every * rule.of)
    found: Spell | None = None
    for at, broken in marks:
        if window and at - window[-1][0] < near:
            continue
        while window and at - window[0][0] > age:
            window.popleft()
        window.append((at, broken))
        beyond = [(moment, each) for moment, each in window if each != (False, False)]
        if any(sum(each[test] for _, each in beyond) >= rule.beyond for test in (0, 1)):
            found = Spell(found.begin if found else beyond[0][0], beyond[-1][0])
        elif found is not None:
            yield found
            found = None
    if found is not None:
        yield found


def _covered(samples: Sequence[Sample], stretches: Iterable[tuple[datetime, datetime]], every: float) -> float:
    """The share of the time at which something was measured: each sample stands for the time until the next is due."""
    whole = sum((end - begin).total_seconds() for begin, end in stretches)
    if not (samples and whole > 0 and every):
        return 0.0
    measured = sum(min(gap, _SLACK * every) for gap in gaps(samples)) + every
    return min(1.0, measured / whole)
