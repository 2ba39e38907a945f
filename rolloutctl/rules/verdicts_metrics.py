"""From samples to a verdict: whether a metric is well, by which rule, and the numbers behind it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct

from rolloutctl.rules.baselines import FEWEST, Baseline, Normal
from rolloutctl.rules.metrics import Metric, Sample

Word = Literal["ok", "warn", "fail", "not enough data"]
_WORST_FIRST: tuple[Word, ...] = ("fail", "not enough data", "warn", "ok")
_TOGETHER = 0.5  # of the interval: samples nearer to each other saw the same moment
_AGES = 2  # how many times the length of the window a sample counts
_WHOLE = 100  # from here on a number is told without its fraction


class Verdict(Struct, frozen=True, kw_only=True):
    """How a metric is on one host, in a sentence. `beyond` of `of` samples broke the test that most of them broke."""

    metric: str
    host: str | None
    word: Word
    told: str
    now: float | None = None
    baseline: float | None = None  # the middle of what was before
    bound: float | None = None  # beyond it, a value is worse than before
    beyond: int = 0
    of: int = 0


class Pace(Struct, frozen=True):
    """For which moment a verdict is, and how many seconds are between two samples."""

    now: datetime
    every: float


class _Test(Struct, frozen=True):
    """One bound, and which of the newest values, the newest first, are beyond it."""

    beyond: tuple[bool, ...]
    bound: str  # in words
    why: str = ""

    @property
    def count(self) -> int:
        return sum(self.beyond)


def judge(
    metric: Metric, host: str | None, samples: Iterable[Sample], before: Normal | Baseline | None, pace: Pace
) -> Verdict:
    """The verdict on one metric on one host.

    Args:
        metric: the metric.
        host: the host's name; None: measured from the operator's side.
        samples: its samples there, in any order; those from later or from too long ago don't count.
        before: what is normal, or the baseline that is too small to tell it.
        pace: for which moment, and how often it is sampled.
    """
    newest = _newest(metric, samples, pace)
    values = [sample.value for sample in newest if sample.value is not None]
    normal = before if isinstance(before, Normal) else None
    tests = _tests(metric, values, normal)
    if len(values) < metric.sustained.beyond:
        word, told = _too_few(metric, newest, len(values))
    else:
        word, told = _judged(metric, values, tests, _unknown(metric, before))
    return Verdict(
        metric=metric.name,
        host=host,
        word=word,
        told=told,
        now=values[0] if values else None,
        baseline=normal.middle if normal else None,
        bound=normal.bound if normal else None,
        beyond=max((test.count for test in tests), default=0),
        of=len(values),
    )


def worst(verdicts: Iterable[Verdict]) -> Verdict | None:
    """The verdict that counts for all of them: a failure, else one without data, else a warning."""
    return min(verdicts, key=lambda verdict: _WORST_FIRST.index(verdict.word), default=None)


def in_unit(value: float, unit: str) -> str:
    """A value as people read it: `12.3 ms`, `1200 ms`, `0.05 per minute`."""
    number = f"{value:.0f}" if abs(value) >= _WHOLE else f"{value:.3g}"
    return f"{number} {unit}".rstrip()


def _newest(metric: Metric, samples: Iterable[Sample], pace: Pace) -> tuple[Sample, ...]:
    """The newest samples, the newest first, as many as count; of those that saw the same moment, one."""
    since = pace.now - timedelta(seconds=_AGES * pace.every * metric.sustained.of)
    until = pace.now + timedelta(seconds=pace.every)
    kept: list[Sample] = []
    for sample in sorted(samples, key=lambda sample: sample.at, reverse=True):
        apart = not kept or (kept[-1].at - sample.at).total_seconds() >= _TOGETHER * pace.every
        if apart and since <= sample.at <= until:
            kept.append(sample)
    return tuple(kept[: metric.sustained.of])


def _tests(metric: Metric, values: Sequence[float], normal: Normal | None) -> tuple[_Test, ...]:
    found = []
    if metric.limit is not None:
        broken = tuple(metric.limit.broken_by(value) for value in values)
        found.append(_Test(broken, f"beyond the limit {metric.limit} {metric.unit}".rstrip()))
    if normal is not None:
        bound = f"{'above' if normal.rising else 'below'} {in_unit(normal.bound, metric.unit)}"
        found.append(_Test(tuple(map(normal.left_by, values)), bound, _why(metric, normal)))
    return tuple(found)


def _judged(metric: Metric, values: Sequence[float], tests: Sequence[_Test], unknown: str) -> tuple[Word, str]:
    now, rule = f"now {in_unit(values[0], metric.unit)}", f"{metric.sustained} fail"
    if not tests:
        return "not enough data", f"{now}; {unknown}"
    for test in tests:
        if test.count >= metric.sustained.beyond:
            return "fail", _joined(f"{test.count} of the newest {len(values)} are {test.bound}", rule, now, test.why)
    for test in tests:
        if test.beyond[0]:
            return "warn", _joined(f"{now}, {test.bound}", f"{test.count} of the newest {len(values)}", rule, test.why)
    bounds = (f"not {test.bound}" for test in tests)
    return "ok", _joined(now, *bounds, *(test.why for test in tests), unknown)


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def _too_few(metric: Metric, newest: Sequence[Sample], values: int) -> tuple[Word, str]:
    why = next((sample.note for sample in newest if sample.value is None), "")
    return "not enough data", _joined(f"{values} of at least {metric.sustained.beyond} samples", why)


def _unknown(metric: Metric, before: Normal | Baseline | None) -> str:
    if metric.worse is None or isinstance(before, Normal):
        return ""
    found = len(before.values) if before is not None else 0
    return f"from before the change there are {found} of at least {FEWEST} samples"


def _why(metric: Metric, normal: Normal) -> str:
    middle, factor, noise = (in_unit(each, metric.unit) for each in (normal.middle, normal.factor, normal.noise))
    return f"{metric.worse:g}x the {middle} of {normal.baseline.told} is {factor}, its noise ends at {noise}"
