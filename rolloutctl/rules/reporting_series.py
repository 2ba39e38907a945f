"""Many samples as few: what a metric on some hosts comes to in a plot."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import fmean, median

from msgspec import Struct

from rolloutctl.rules.metrics import FromLog, FromRedis, FromRequest, Metric, Sample

_LENGTHS = (60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 14400, 21600, 43200, 86400)  # seconds of a bucket
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Grid(Struct, frozen=True):
    """Buckets of one length, in seconds, side by side."""

    begin: datetime
    seconds: int
    count: int

    def of(self, moment: datetime) -> int:
        """In which bucket a moment is."""
        return int((moment - self.begin).total_seconds() // self.seconds)

    def begins(self, number: float) -> datetime:
        """When a bucket begins."""
        return self.begin + timedelta(seconds=self.seconds * number)

    def middle(self, number: int) -> datetime:
        """The middle of a bucket."""
        return self.begins(number + 0.5)


class Bucket(Struct, frozen=True):
    """What the values of one stretch come to: the least, the one that stands for them, the most."""

    number: int
    least: float
    middle: float
    most: float


def grid(begin: datetime, end: datetime, most: int) -> Grid:
    """Buckets of a round length over a stretch of time: at most so many, and one."""
    seconds = (end - begin).total_seconds()
    length = next((each for each in _LENGTHS if seconds / each <= most - 1), 0)
    if not length:  # a long stretch: whole days
        length = 86400 * (int(seconds / 86400 / (most - 1)) + 1)
    first = int((begin - _EPOCH).total_seconds() // length) * length
    start = _EPOCH + timedelta(seconds=first)
    return Grid(start, length, int((end - start).total_seconds() // length) + 1)


def round_length(least: float, unit: int) -> int:
    """The next round length, in seconds, that so many whole buckets of `unit` seconds make up."""
    found = (each for each in _LENGTHS if each >= least and each % unit == 0)
    return next(found, 0) or 86400 * (int(least / 86400) + 1)


def buckets(metric: Metric, samples: Iterable[Sample], over: Grid) -> tuple[Bucket, ...]:
    """The samples of one host as buckets; those in which nothing was measured are left out."""
    held: dict[int, list[float]] = {}
    for sample in samples:
        number = over.of(sample.at)
        if sample.value is not None and 0 <= number < over.count:
            held.setdefault(number, []).append(sample.value)
    return tuple(
        Bucket(number, min(values), middle_of(metric, values), max(values)) for number, values in sorted(held.items())
    )


def together(series: Sequence[Sequence[Bucket]]) -> tuple[Bucket, ...]:
    """Several hosts as one: the median of their middles, between the least and the most of any."""
    held: dict[int, list[Bucket]] = {}
    for each in series:
        for bucket in each:
            held.setdefault(bucket.number, []).append(bucket)
    return tuple(
        Bucket(number, min(b.least for b in found), median(b.middle for b in found), max(b.most for b in found))
        for number, found in sorted(held.items())
    )


def coarser(metric: Metric, found: Sequence[Bucket], factor: int) -> tuple[Bucket, ...]:
    """So many buckets as one."""
    held: dict[int, list[Bucket]] = {}
    for bucket in found:
        held.setdefault(bucket.number // factor, []).append(bucket)
    return tuple(
        Bucket(n, min(b.least for b in of), middle_of(metric, [b.middle for b in of]), max(b.most for b in of))
        for n, of in sorted(held.items())
    )


def counts(metric: Metric) -> bool:
    """Whether single events are counted, of which the mean tells more than the median, which is mostly 0."""
    source = metric.source
    if isinstance(source, FromRequest):
        return source.value == "failed"
    return isinstance(source, FromLog) or (isinstance(source, FromRedis) and source.value == "evicted")


def falls(metric: Metric) -> bool:
    """Whether it is too little that is bad."""
    return not metric.limit.upper if metric.limit is not None else metric.worse is not None and metric.worse < 1


def pace(samples: Sequence[Sample]) -> float:
    """The seconds between two samples, as they mostly are; 0 where there are no two."""
    return median(gaps(samples)) if len(samples) > 1 else 0.0


def between(samples: Sequence[Sample], begin: datetime, end: datetime) -> Sequence[Sample]:
    """Those from one moment on and before another; they are in the order of their times."""
    first = bisect_left(samples, begin, key=lambda sample: sample.at)
    return samples[first : bisect_left(samples, end, key=lambda sample: sample.at)]


def middle_of(metric: Metric, values: Iterable[float]) -> float:
    """The mean of what counts events, else the median."""
    return (fmean if counts(metric) else median)(values)


def gaps(samples: Iterable[Sample]) -> list[float]:
    """The seconds from each sample to the next."""
    return [(later.at - sooner.at).total_seconds() for sooner, later in pairwise(samples)]
