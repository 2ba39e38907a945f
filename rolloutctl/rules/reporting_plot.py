"""How a metric over time looks: the geometry of its plot, for a picture of any width."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from itertools import pairwise

from msgspec import Struct
from msgspec.structs import replace

from rolloutctl.rules.metrics import Metric
from rolloutctl.rules.plots import Tick, TimeScale, ValueScale, area, number_ticks, path, time_ticks
from rolloutctl.rules.reporting import Chart, Curve, Story
from rolloutctl.rules.reporting_series import Bucket
from rolloutctl.rules.reporting_words import value, when

_HEIGHT = 200.0
_TOP, _BOTTOM = 34.0, 22.0  # room for the names of phases, in two lines, and of days
_LEFT, _RIGHT = 52.0, 12.0  # room for numbers; and at the right for the names of hosts, where there are several
_NAMES = 64.0
_CHARACTER = 6.2  # how wide one is, about, at the size that pictures write in
_LINE = 13.0  # how high
_A_DAY = 62.0  # what a day's name needs, with room around it
_FAR = 3.0  # a limit that is so many times above everything would press the rest flat
_SPIKE = 4.0  # so many times above the lines, a band is cut off, and told
_MARGIN = 0.1  # of what is shown, below it
_GAP = 2  # buckets without a sample, from which the line ends
_DASHES = ("", "6 3", "2 3", "8 3 2 3")  # which line is which host's, also without colour


class Mark(Struct, frozen=True):
    """Something upright in a plot, with its name above, where there is room for it in one of two lines."""

    x: float
    name: str
    line: int = 0  # the lower one is 0


class Zone(Struct, frozen=True):
    """A stretch of time in a plot, with what it is."""

    x: float
    width: float
    told: str


class Drawn(Struct, frozen=True):
    """A curve: its line, the band from least to most, and where its name stands."""

    name: str
    line: str
    band: str
    dash: str
    y: float


class Level(Struct, frozen=True):
    """A value of its own, across the plot."""

    y: float
    name: str


class Plot(Struct, frozen=True, kw_only=True):
    """All of a plot, in the units of its picture."""

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    values: tuple[Tick, ...]
    days: tuple[Tick, ...]
    curves: tuple[Drawn, ...]
    limit: Level | None
    baseline: Level | None
    phases: tuple[Mark, ...]
    incidents: tuple[Zone, ...]
    gaps: tuple[Zone, ...]
    peaks: tuple[Mark, ...]
    told: tuple[str, ...]  # what the picture does not show


def plot(chart: Chart, story: Story, zone: tzinfo, width: float) -> Plot:
    """The plot of a metric."""
    several = len(chart.curves) > 1
    right = width - (_NAMES if several else _RIGHT)
    grid = chart.grid
    end = min(grid.begins(grid.count), story.at)
    times = TimeScale(grid.begin, end, _LEFT, right - _LEFT)
    ticks, far, cut = _range(chart)
    values = ValueScale(ticks[0], ticks[-1], _TOP, _HEIGHT - _TOP - _BOTTOM)
    metric, limit = chart.metric, chart.metric.limit
    drawn = [_drawn(curve, chart, times, values, number) for number, curve in enumerate(chart.curves)]
    return Plot(
        width=width,
        height=_HEIGHT,
        left=_LEFT,
        right=right,
        top=_TOP,
        bottom=_HEIGHT - _BOTTOM,
        values=tuple(Tick(values.y(each), f"{each:,.10g}") for each in ticks),
        days=time_ticks(times, zone, max(2, int((right - _LEFT) / _A_DAY))),
        curves=_spread(drawn, _HEIGHT - _BOTTOM),
        limit=Level(values.y(limit.bound), f"limit {limit}") if limit and not far else None,
        baseline=None
        if chart.baseline is None or not values.holds(chart.baseline)
        else Level(values.y(chart.baseline), f"before: {value(chart.baseline, metric)}"),
        phases=_phases(story, times),
        incidents=tuple(_incidents(story, times)),
        gaps=tuple(_gaps(chart, times)),
        peaks=tuple(_peaks(chart, times, values)) if cut else (),
        told=tuple(_told(chart, zone, far=far, cut=values.high if cut else None)),
    )


def _range(chart: Chart) -> tuple[tuple[float, ...], bool, bool]:
    """The numbers beside the plot; whether the limit is too far off to be drawn, and whether a spike is cut off."""
    found = [bucket for curve in chart.curves for bucket in curve.buckets]
    lows, highs = [b.least for b in found], [b.most for b in found]
    middles = [b.middle for b in found]
    low, high = min(lows, default=0.0), max(highs, default=1.0)
    limit = chart.metric.limit
    usual = max(middles, default=high)
    if limit is not None and limit.upper:
        usual = max(usual, limit.bound if 0 < limit.bound <= _FAR * max(high, usual) else 0.0)
    cut = low >= 0 and usual > 0 and high > _SPIKE * usual
    high = usual * _SPIKE / 2 if cut else high
    far = _is_far(chart.metric, low, high)
    if limit is not None and not far:
        low, high = min(low, limit.bound), max(high, limit.bound)
    if 0 <= low < high / 2 or low == high:
        low = min(low, 0.0)
    elif low > 0:
        low -= _MARGIN * (high - low)
    return number_ticks(low, high if high > low else low + 1), far, cut


def _is_far(metric: Metric, low: float, high: float) -> bool:
    """Whether a limit would press all that was measured flat."""
    if metric.limit is None:
        return False
    if metric.limit.upper:
        return high > 0 and metric.limit.bound > _FAR * high
    return low > 0 and high - metric.limit.bound > _FAR * 2 * (high - low)


def _drawn(curve: Curve, chart: Chart, times: TimeScale, values: ValueScale, number: int) -> Drawn:
    lines, bands = [], []
    for run in _runs(curve.buckets):
        # As steps: a slope would say of one spike that it came and went slowly.
        edges = [(times.x(chart.grid.begins(b.number)), times.x(chart.grid.begins(b.number + 1)), b) for b in run]
        middles = [(times.x(chart.grid.middle(b.number)), values.y(b.middle)) for b in run]
        alone = [(x, values.y(b.middle)) for begin, end, b in edges for x in (begin, end)]
        lines.append(path(middles if len(run) > 1 else alone))
        upper = [(x, values.y(b.most)) for begin, end, b in edges for x in (begin, end)]
        lower = [(x, values.y(b.least)) for begin, end, b in edges for x in (begin, end)]
        bands.append(area(upper, lower))
    last = values.y(curve.buckets[-1].middle) if curve.buckets else values.top
    dash = _DASHES[number % len(_DASHES)]
    return Drawn(curve.name, "".join(lines), "".join(bands), dash, last)


def _spread(curves: Sequence[Drawn], bottom: float) -> tuple[Drawn, ...]:
    """The same curves, with names that don't stand on each other, nor below the plot: a line apart."""
    drawn = list(curves)
    below = bottom + _LINE
    for number, curve in sorted(enumerate(drawn), key=lambda pair: -pair[1].y):
        below = min(curve.y, below - _LINE)
        drawn[number] = replace(curve, y=below)
    return tuple(drawn)


def _runs(buckets: Sequence[Bucket]) -> Iterator[Sequence[Bucket]]:
    """Buckets that are near enough to each other to be joined by a line."""
    begin = 0
    for number, (one, other) in enumerate(pairwise(buckets), 1):
        if other.number - one.number > _GAP:
            yield buckets[begin:number]
            begin = number
    if buckets:
        yield buckets[begin:]


def _gaps(chart: Chart, times: TimeScale) -> Iterator[Zone]:
    """Where no host was measured."""
    known = sorted({bucket.number for curve in chart.curves for bucket in curve.buckets})
    edges = [-1, *known, chart.grid.count]
    for one, other in pairwise(edges):
        if other - one > _GAP:
            yield Zone(*times.stretch(chart.grid.begins(one + 1), chart.grid.begins(other)), "no samples")


def _phases(story: Story, times: TimeScale) -> tuple[Mark, ...]:
    """Where a phase began; its name in the lower line, else in the upper one, else nowhere."""
    begun = sorted(
        (stay.begin, chapter.name) for chapter in story.chapters for stay in chapter.stays if times.holds(stay.begin)
    )
    found: list[Mark] = []
    free = [0.0, 0.0]
    for number, (moment, name) in enumerate(begun):
        x, width = times.x(moment), (len(name) + 1) * _CHARACTER
        end = min(times.x(begun[number + 1][0]) if number + 1 < len(begun) else math.inf, times.left + times.width)
        # In the lower line a name must not reach the next mark, whose line begins there.
        fits = (x >= free[0] and x + width <= end, x >= free[1] and x + width <= times.left + times.width)
        line = fits.index(True) if any(fits) else -1
        found.append(Mark(x, name if line >= 0 else "", max(line, 0)))
        if line >= 0:
            free[line] = x + width
    return tuple(found)


def _incidents(story: Story, times: TimeScale) -> Iterator[Zone]:
    for incident in story.incidents:
        end = incident.recovered or story.at
        if end >= times.begin and incident.detected <= times.end:
            told = f"incident, {incident.severity}: {incident.symptom}"
            yield Zone(*times.stretch(incident.detected, end, 3.0), told)


def _peaks(chart: Chart, times: TimeScale, values: ValueScale) -> Iterator[Mark]:
    """Where something reached above the picture."""
    for number in sorted({b.number for curve in chart.curves for b in curve.buckets if b.most > values.high}):
        yield Mark(times.x(chart.grid.middle(number)), "")


def _told(chart: Chart, zone: tzinfo, *, far: bool, cut: float | None) -> Iterator[str]:
    metric = chart.metric
    if far and metric.limit is not None:
        way = "above" if metric.limit.upper else "below"
        yield f"The limit {metric.limit} {metric.unit}".rstrip() + f" is far {way} the picture."
    if cut is not None:
        above = [(b.most, b.number, c.name) for c in chart.curves for b in c.buckets if b.most > cut]
        most, number, name = max(above)
        where = f" on {name}" if len(chart.curves) > 1 else ""
        at: datetime = chart.grid.middle(number)
        many = (
            "1 peak reaches" if len({n for _, n, _ in above}) == 1 else f"{len({n for _, n, _ in above})} peaks reach"
        )
        yield f"{many} above the picture (▲), up to {value(most, metric)}{where}, about {when(at, zone)}."
