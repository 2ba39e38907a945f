"""What the samples of each metric and host tell of a rollout, and the charts that are made of that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from math import ceil
from statistics import median, quantiles

from msgspec import Struct
from msgspec.structs import replace

from rolloutctl.rules.durations import in_words
from rolloutctl.rules.metrics import Metric, Sample
from rolloutctl.rules.reporting import Chart, Curve, Stretch
from rolloutctl.rules.reporting_series import (
    Bucket,
    Grid,
    buckets,
    coarser,
    counts,
    falls,
    grid,
    round_length,
    together,
)
from rolloutctl.rules.reporting_tally import Before, Series, Tally, before, tally
from rolloutctl.rules.reporting_words import counted, listed

_FINE = 10_000  # buckets of a study
_PLOT = 240  # buckets of a curve: about three of the plot's pixels each
_MOST = 288  # points of a plot, of all its curves together
_CURVES = 4  # that can be told apart
_BEFORE = timedelta(days=7)  # of what was before the rollout, in the plots
_KEPT = timedelta(days=90)  # no sample is older
_FEW = 2  # buckets that tell no spread


class Outline(Struct, frozen=True, kw_only=True):
    """What has to be known of a rollout before samples are read."""

    now: datetime
    stays: Mapping[str, tuple[Stretch, ...]]  # by phase
    quiet: frozenset[str] = frozenset()  # the phases in which nobody sees the feature
    opened: datetime | None = None  # when somebody saw it first

    @property
    def started(self) -> datetime | None:
        """When the first phase began."""
        return min((stay.begin for stays in self.stays.values() for stay in stays), default=None)

    @property
    def since(self) -> datetime:
        """From when on samples are shown."""
        return max(min(self.started or self.now, self.now) - _BEFORE, self.now - _KEPT)

    @property
    def grid(self) -> Grid:
        """The buckets of a study: finer than those of a plot, for nobody knows yet when samples begin."""
        return grid(self.since, self.now, _FINE)


class Study(Struct, frozen=True, kw_only=True):
    """What one metric on one host came to: in each phase, before the rollout, and in the buckets of a plot."""

    metric: Metric
    host: str | None
    samples: int
    every: float  # seconds
    buckets: tuple[Bucket, ...]
    tallies: Mapping[str, Tally]  # by phase
    befores: Mapping[str, Before]  # by phase: what it is held against there
    level: float | None = None  # what it was before the rollout


def study(metric: Metric, host: str | None, samples: Sequence[Sample], outline: Outline) -> Study:
    """All that is told of one metric on one host; `samples` are in the order of their times.

    A phase is held against the week before the rollout; where nothing was measured then, against the time before
    anybody saw the feature, which says nothing of the phases for nobody.
    """
    series = Series.of(metric, host, samples)
    first = before(series, outline.started) if outline.started else None
    second = before(series, outline.opened) if outline.opened and first is None else None
    held = {name: first or (None if name in outline.quiet else second) for name in outline.stays}
    befores = {name: each for name, each in held.items() if each is not None}
    tallies = {}
    for name, stays in outline.stays.items():
        known = befores.get(name)
        spans = [stay.until(outline.now) for stay in stays]
        tallies[name] = tally(series, spans, known.normal if known else None)
    known = first or second
    return Study(
        metric=metric,
        host=host,
        samples=len(samples),
        every=series.every,
        buckets=buckets(metric, samples, outline.grid),
        tallies=tallies,
        befores={name: each for name, each in befores.items() if metric.worse is None or each.normal is not None},
        level=known.level if known else None,
    )


def charts(studies: Iterable[Study], outline: Outline) -> tuple[Chart, ...]:
    """A chart for each metric; all of them begin together, where anything was measured first."""
    by_metric: dict[str, list[Study]] = {}
    for each in studies:
        by_metric.setdefault(each.metric.name, []).append(each)
    whole = outline.grid
    first = min((s.buckets[0].number for found in by_metric.values() for s in found if s.buckets), default=0)
    if outline.started is not None:
        first = min(first, max(0, whole.of(outline.started)))
    shown = Grid(whole.begin + timedelta(seconds=whole.seconds * first), whole.seconds, whole.count - first)
    return tuple(_chart(found, first, shown) for found in by_metric.values())


def _chart(found: Sequence[Study], first: int, shown: Grid) -> Chart:
    metric = found[0].metric
    measured = [replace(s, buckets=_moved(s.buckets, first)) for s in found if s.buckets]
    levels = [each.level for each in measured if each.level is not None]
    curves = _curves(measured)
    most = min(_PLOT, _MOST // max(1, len(curves)))
    factor = round_length(shown.count * shown.seconds / most, shown.seconds) // shown.seconds
    if factor > 1:
        shown = Grid(shown.begin, shown.seconds * factor, ceil(shown.count / factor))
        curves = [Curve(each.name, coarser(metric, each.buckets, factor)) for each in curves]
    return Chart(
        metric=metric,
        grid=shown,
        curves=tuple(curves),
        told=_told(found, curves, shown),
        baseline=median(levels) if levels else None,
    )


def _moved(found: Sequence[Bucket], first: int) -> tuple[Bucket, ...]:
    return tuple(replace(each, number=each.number - first) for each in found)


def _curves(measured: Sequence[Study]) -> list[Curve]:
    """One for all hosts; one for each where they differ; where those are too many, the worst and the others."""
    if not measured:
        return []
    if len(measured) == 1:
        return [Curve(_name(measured[0]), measured[0].buckets)]
    if not _differ(measured):
        return [Curve(f"{len(measured)} hosts", together([each.buckets for each in measured]))]
    if len(measured) <= _CURVES:
        return [Curve(_name(each), each.buckets) for each in measured]
    bad = max(measured, key=_badness)
    others = [each for each in measured if each is not bad]
    return [
        Curve(_name(bad), bad.buckets),
        Curve(f"{len(others)} others", together([each.buckets for each in others])),
    ]


def _name(each: Study) -> str:
    return each.host or "from here"


def _differ(measured: Sequence[Study]) -> bool:
    """Whether one host tells something else than another: it failed alone, or is further off than they vary."""
    failed = {any(each.spells for each in study_.tallies.values()) for study_ in measured}
    middles = [median(bucket.middle for bucket in each.buckets) for each in measured]
    return len(failed) > 1 or max(middles) - min(middles) > median(map(_spread, measured))


def _spread(each: Study) -> float:
    """How far apart the middle half of the buckets is."""
    if len(each.buckets) < _FEW:
        return 0.0
    low, _, high = quantiles((bucket.middle for bucket in each.buckets), n=4)
    return high - low


def _badness(each: Study) -> tuple[int, float]:
    middle = median(bucket.middle for bucket in each.buckets)
    return sum(len(t.spells) for t in each.tallies.values()), -middle if falls(each.metric) else middle


def _told(found: Sequence[Study], curves: Sequence[Curve], shown: Grid) -> str:
    """What the picture is made of."""
    if not curves:
        return "No samples on this machine for that time."
    every = median(each.every for each in found if each.buckets)
    middle = "mean" if counts(found[0].metric) else "median"
    parts = [f"{counted(sum(each.samples for each in found), 'sample')}, every {in_words(max(every, 1.0))}"]
    parts.append(f"line: the {middle} of {in_words(shown.seconds)}, band: from least to most")
    missing = [_name(each) for each in found if not each.buckets]
    if missing:
        parts.append(f"none from {listed(missing)}")
    return "; ".join(parts) + "."
