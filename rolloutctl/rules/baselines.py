"""What a metric was before a change, and how far from it noise alone would lead: docs/monitoring.md has the why."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from statistics import NormalDist, fmean, median

from msgspec import Struct

from rolloutctl.rules.metrics import FromLog, FromRedis, Metric, Sample, Sustained

FEWEST = 60  # values without which there is no baseline
_MOST = 5_000  # values, the newest
_DAY = timedelta(days=1)
_NEAR = timedelta(hours=1)
_A_SECOND = timedelta(seconds=1)
_LONGEST_AGO = timedelta(days=28)
_FALSE_ALARM = 1e-6  # how likely a healthy application may look failed, at each sample
_TYPICAL = 0.99  # what is beyond this share of the counts raises no mean
_AS_SIGMA = 1.4826  # the median distance from the median of a normal distribution, as its standard deviation
_LARGEST_POWER = 700.0  # of e, that is still a number
_TAIL, _TAIL_SIGMAS = 0.95, 1.645  # where 95 % of a normal distribution end


class Baseline(Struct, frozen=True):
    """The values from before a change that today's are held against, and which ones they are, in words."""

    values: tuple[float, ...]
    told: str

    @property
    def enough(self) -> bool:
        """Whether something can be said by it."""
        return len(self.values) >= FEWEST


class Normal(Struct, frozen=True):
    """What a value is held against: `worse` times the `middle`, and what noise leads to. It is beyond behind both."""

    middle: float
    factor: float  # `worse` times the middle
    noise: float
    rising: bool  # whether a rise is bad
    baseline: Baseline

    @property
    def bound(self) -> float:
        """The farther one of the two."""
        return max(self.factor, self.noise) if self.rising else min(self.factor, self.noise)

    def left_by(self, value: float) -> bool:
        """Whether a value is beyond both."""
        return value > self.bound if self.rising else value < self.bound


def baseline_of(samples: Sequence[Sample], before: datetime, moment: datetime) -> Baseline:
    """The samples of one metric on one host with which those of `moment` are to be compared.

    The same hours of the same weekday where there are enough, else of any day, else the newest day before the change.
    """
    usable = sorted(
        ((moment - sample.at, sample.value) for sample in samples if before - _LONGEST_AGO <= sample.at < before),
        key=lambda pair: pair[0],
    )
    aged = [(ago, value) for ago, value in usable if value is not None]
    near = [(days, value) for ago, value in aged if abs(ago - (days := round(ago / _DAY)) * _DAY) <= _NEAR]
    weekday = [value for days, value in near if days % 7 == 0]
    if len(weekday) >= FEWEST:
        return Baseline(tuple(weekday[:_MOST]), "the same hours of the same weekday before")
    if len(near) >= FEWEST:
        return Baseline(tuple(value for _, value in near[:_MOST]), "the same hours of the days before")
    newest = [value for ago, value in aged if ago <= moment - before + _DAY]
    return Baseline(tuple(newest[:_MOST]), "the day before the change")


def spans_for(before: datetime, moment: datetime) -> tuple[tuple[datetime, datetime], ...]:
    """When the samples are from that `baseline_of` looks at, from and until: a tenth of all."""
    days = (moment - before + _LONGEST_AGO) // _DAY + 2
    hours = [(at - _NEAR, at + _NEAR) for ago in range(days) for at in [moment - ago * _DAY]]
    found: list[tuple[datetime, datetime]] = []
    for since, until in sorted([*hours, (before - _DAY, before)]):
        begin, end = max(since, before - _LONGEST_AGO), min(until + _A_SECOND, before)
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        elif begin < end:
            found.append((begin, end))
    return tuple(found)


def normal(metric: Metric, baseline: Baseline, every: float) -> Normal | None:
    """What is normal for a metric that is sampled every so many seconds; None where that can't be told."""
    if metric.worse is None or not baseline.enough:
        return None
    middle, rising = median(baseline.values), metric.worse > 1
    return Normal(
        middle=middle,
        factor=middle + (metric.worse - 1) * abs(middle),
        noise=_noise(baseline.values, metric.sustained, rising=rising, event=_event(metric, baseline, every)),
        rising=rising,
        baseline=baseline,
    )


def _event(metric: Metric, baseline: Baseline, every: float) -> float:
    """By how much one more event raises a value that counts events; 0 where it counts none."""
    source = metric.source
    if isinstance(source, FromLog) or (isinstance(source, FromRedis) and source.value == "evicted"):
        return 60.0 / every
    return 1.0 if all(value.is_integer() for value in baseline.values) else 0.0


def _noise(values: Sequence[float], sustained: Sustained, *, rising: bool, event: float) -> float:
    """The value that so many of so many samples leave by chance once in a million times."""
    chance = (_FALSE_ALARM / math.comb(sustained.of, sustained.beyond)) ** (1 / sustained.beyond)
    sigmas = NormalDist().inv_cdf(1 - chance) * (1 + 2.5 / math.sqrt(len(values)))  # few values tell less
    ordered = sorted(values)
    edge = _quantile(ordered, 1 - chance if rising else chance)
    found = [edge, _tail(ordered, sigmas, rising=rising, event=event)]
    if event and ordered[0] >= 0:
        found.append(_poisson(ordered, sigmas, rising=rising, event=event))
    return max(found) if rising else min(found)


def _tail(ordered: Sequence[float], sigmas: float, *, rising: bool, event: float) -> float:
    """So many standard deviations from the median, on a scale on which both sides are alike."""
    there, back = _scale(ordered[0], rising=rising, event=event)
    middle = there(median(ordered))
    distance = median(abs(there(value) - middle) for value in ordered) * _AS_SIGMA
    tail = there(_quantile(ordered, _TAIL if rising else 1 - _TAIL))
    spread = max(distance, abs(tail - middle) / _TAIL_SIGMAS)
    return back(middle + sigmas * spread if rising else middle - sigmas * spread)


def _scale(least: float, *, rising: bool, event: float) -> tuple[Callable[[float], float], Callable[[float], float]]:
    """Times rise by factors, counts by roots (Anscombe's); what may be negative, by differences."""
    if least < 0:
        return float, float
    if least > 0 and rising:
        return math.log, lambda value: math.exp(min(value, _LARGEST_POWER))
    more = event * 3 / 8
    return lambda value: math.sqrt(value + more), lambda value: max(max(value, 0.0) ** 2 - more, 0.0)


def _poisson(ordered: Sequence[float], sigmas: float, *, rising: bool, event: float) -> float:
    """Where a count gets to by chance alone, if single events come by chance: its root varies by a half."""
    most = _quantile(ordered, _TYPICAL)
    mean = fmean(min(value, most) for value in ordered) / event
    unseen = 3 / len(ordered)  # what never came in n samples may come this often in each: the rule of three
    if rising:
        return event * (math.sqrt(mean + unseen) + sigmas / 2) ** 2
    return event * max(math.sqrt(mean) - sigmas / 2, 0.0) ** 2


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, max(0, math.ceil(share * len(ordered)) - 1))]
