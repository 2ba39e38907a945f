"""Verdicts on metrics, from the samples that this machine has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import chain, pairwise
from statistics import median

from rolloutctl.rules.baselines import Baseline, Normal, baseline_of, normal, spans_for
from rolloutctl.rules.config import Environment
from rolloutctl.rules.metrics import Metric, Sample
from rolloutctl.rules.verdicts_metrics import Pace, Verdict, judge, worst
from rolloutctl.workflows.tools import Tools

_REFRESHED = timedelta(minutes=10)  # what was before changes slowly, and reading it costs more than a round
_TOO_OLD = timedelta(hours=1)  # as behind the night of a laptop
_AT_ONCE = 4  # baselines that are read behind one round
_LATELY = timedelta(hours=2)  # samples that tell how often they are taken
_USUAL = 30.0  # seconds between samples, where they don't
_WINDOWS = 2  # how many times the length of the window is read of the newest samples

Place = tuple[Metric, str | None]  # a metric and the host that it is measured on; None: from the operator's side


class Judge:
    """Verdicts from stored samples; what was before a change is kept, and read anew by `refresh`."""

    def __init__(self, environment: str, before: datetime, every: float, tools: Tools) -> None:
        self._environment, self._before, self._every, self._tools = environment, before, every, tools
        self._metrics: dict[str, Metric] = {}
        self._normals: dict[tuple[str, str | None], tuple[datetime, Normal | Baseline]] = {}

    def verdict(self, metric: Metric, host: str | None, now: datetime) -> Verdict:
        """How a metric is on one host."""
        window = timedelta(seconds=_WINDOWS * self._every * metric.sustained.of)
        newest = self._tools.samples.of(metric.name, self._environment, host, now - window, now + window)
        return judge(metric, host, newest, self._normal(metric, host, now), Pace(now, self._every))

    def refresh(self, now: datetime) -> None:
        """Read anew what is ten minutes old, a few at a time. It takes its time: not before a guard has acted."""
        old = [(read, place) for place, (read, _) in self._normals.items() if now - read > _REFRESHED]
        for _, place in sorted(old, key=lambda each: each[0])[:_AT_ONCE]:
            self._normals[place] = (now, self._read(*place, now))

    def _normal(self, metric: Metric, host: str | None, now: datetime) -> Normal | Baseline | None:
        if metric.worse is None:
            return None
        read, found = self._normals.get((metric.name, host), (None, None))
        if read is None or now - read > _TOO_OLD:
            self._metrics[metric.name] = metric
            found = self._read(metric.name, host, now)
            self._normals[metric.name, host] = (now, found)
        return found

    def _read(self, name: str, host: str | None, now: datetime) -> Normal | Baseline:
        metric = self._metrics[name]
        baseline = before_change((metric, host), self._environment, self._before, now, self._tools)
        return normal(metric, baseline, self._every) or baseline


def before_change(place: Place, environment: str, change: datetime, moment: datetime, tools: Tools) -> Baseline:
    """What the values of a moment are held against, when there was a change."""
    metric, host = place
    spans = spans_for(change, moment)
    samples = (tools.samples.of(metric.name, environment, host, since, until) for since, until in spans)
    return baseline_of(tuple(chain.from_iterable(samples)), change, moment)


def metrics_of(environment: str, tools: Tools) -> tuple[Metric, ...]:
    """The metrics that are measured in an environment."""
    return tuple(metric for metric in tools.configuration.metrics.values() if metric.measured_in(environment))


def places_of(metrics: Iterable[Metric], environment: Environment) -> list[Place]:
    """Where metrics are measured."""
    hosts = [host.name for host in environment.hosts]
    places: dict[str, list[str | None]] = {"every": [*hosts], "first": [*hosts[:1]], "none": [None]}
    return [(metric, host) for metric in metrics for host in places[metric.hosts]]


def verdict_on(metric: Metric, environment: Environment, before: datetime, tools: Tools) -> Verdict:
    """The verdict on one metric by the samples of this machine; the worst of its hosts. `before`: the change."""
    now = tools.clock.now()
    judge_ = Judge(environment.name, before, usual_pace((metric,), environment, tools) or _USUAL, tools)
    found = worst(judge_.verdict(each, host, now) for each, host in places_of((metric,), environment))
    assert found is not None  # noqa: S101 - each metric is measured somewhere
    return found


def usual_pace(metrics: Iterable[Metric], environment: Environment, tools: Tools) -> float:
    """The seconds between samples as they were taken lately, be it by cron; 0 where that can't be told."""
    now = tools.clock.now()
    for metric, host in places_of(metrics, environment)[:1]:
        return _pace(tools.samples.of(metric.name, environment.name, host, now - _LATELY, now))
    return 0.0


def _pace(samples: Sequence[Sample]) -> float:
    """The seconds between two samples, as they mostly are; 0 where there are no two."""
    gaps = [(later.at - sooner.at).total_seconds() for sooner, later in pairwise(samples)]
    return median(gaps) if gaps else 0.0
