"""monitor: sample the metrics of an environment again and again, and say what is worse than it should be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from rolloutctl.fleet import Fleet
from rolloutctl.rules.baselines import Baseline, Normal, baseline_of, normal
from rolloutctl.rules.config import Environment
from rolloutctl.rules.history import last_kept, of_environment
from rolloutctl.rules.host import HostState
from rolloutctl.rules.metrics import Metric, Sample
from rolloutctl.rules.rollout_standing import moment_of
from rolloutctl.rules.verdicts_metrics import Pace, Verdict, judge, worst
from rolloutctl.workflows.sampling import Sampler
from rolloutctl.workflows.tools import Tools

_LONGEST_AGO = timedelta(days=28)
_REFRESHED = timedelta(minutes=10)  # what was before changes slowly, and reading it costs most of a round
_KEPT = timedelta(days=90)
_LATELY = timedelta(hours=2)  # samples that tell how often they are taken
_USUAL = 30.0  # seconds between samples, where they don't
_WINDOWS = 2  # how many times the length of the window is read of the newest samples


@dataclass(frozen=True, slots=True)
class Watch:
    """What is to be watched. `before`: the moment of the change; None: that of the flag's newest one."""

    environment: str
    flag: str | None = None
    every: float = 30.0  # seconds
    before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Round:
    """One look: the samples and what they are worth, metric by metric and host by host."""

    at: datetime
    environment: Environment
    metrics: tuple[Metric, ...]
    samples: tuple[Sample, ...]
    verdicts: tuple[Verdict, ...]

    @property
    def worst(self) -> Verdict | None:
        """The verdict that counts for all."""
        return worst(self.verdicts)

    @property
    def well(self) -> bool:
        """Whether nothing fails; not enough data is not well and not ill."""
        return all(verdict.word != "fail" for verdict in self.verdicts)


class Judge:
    """Verdicts from stored samples; what was before a change is read once in ten minutes."""

    def __init__(self, environment: str, before: datetime, every: float, tools: Tools) -> None:
        self._environment, self._before, self._every, self._tools = environment, before, every, tools
        self._normals: dict[tuple[str, str | None], tuple[datetime, Normal | Baseline]] = {}

    def verdict(self, metric: Metric, host: str | None, now: datetime) -> Verdict:
        """How a metric is on one host."""
        window = timedelta(seconds=_WINDOWS * self._every * metric.sustained.of)
        newest = self._tools.samples.of(metric.name, self._environment, host, now - window, now + window)
        return judge(metric, host, newest, self._normal(metric, host, now), Pace(now, self._every))

    def _normal(self, metric: Metric, host: str | None, now: datetime) -> Normal | Baseline | None:
        if metric.worse is None:
            return None
        read, found = self._normals.get((metric.name, host), (None, None))
        if read is None or now - read > _REFRESHED:
            since = self._before - _LONGEST_AGO
            samples = self._tools.samples.of(metric.name, self._environment, host, since, self._before)
            baseline = baseline_of(samples, self._before, now)
            found = normal(metric, baseline, self._every) or baseline
            self._normals[metric.name, host] = (now, found)
        return found


def monitor(
    watch: Watch, tools: Tools, shown: Callable[[Round], None], *, seconds: float | None = None, once: bool = False
) -> Round:
    """Watch an environment for so many seconds (None: until somebody ends it); `shown` gets each round.

    Raises:
        UsageError: there is no such environment.
        Unlisted: nobody knows which hosts it has.
    """
    environment = tools.environment(watch.environment)
    metrics = metrics_of(environment.name, tools)
    tools.samples.prune(tools.clock.now() - _KEPT)
    with Fleet(environment, tools.sessions, tools.clock, lambda _host, _event: None) as fleet:
        fleet.open(tools.configuration.flags.values())
        every = (_usual_pace(metrics, environment, tools) if once else 0.0) or watch.every
        judge_ = Judge(environment.name, watch.before or _changed_at(fleet, watch, tools), every, tools)
        sampler = Sampler(fleet, metrics, tools)
        rounds, begun = 0, tools.clock.monotonic()
        while True:
            samples = sampler.take()
            now = tools.clock.now()
            verdicts = tuple(judge_.verdict(metric, host, now) for metric, host in _measured(metrics, environment))
            last = Round(now, environment, metrics, samples, verdicts)
            shown(last)
            rounds += 1
            spent = tools.clock.monotonic() - begun
            if once or (seconds is not None and spent + watch.every > seconds):
                return last
            tools.clock.wait(max(0.0, rounds * watch.every - spent))


def metrics_of(environment: str, tools: Tools) -> tuple[Metric, ...]:
    """The metrics that are measured in an environment."""
    return tuple(metric for metric in tools.configuration.metrics.values() if metric.measured_in(environment))


def verdict_on(metric: Metric, environment: Environment, before: datetime, tools: Tools) -> Verdict:
    """The verdict on one metric by the samples of this machine; the worst of its hosts. `before`: the change."""
    now = tools.clock.now()
    judge_ = Judge(environment.name, before, _usual_pace((metric,), environment, tools) or _USUAL, tools)
    found = worst(judge_.verdict(each, host, now) for each, host in _measured((metric,), environment))
    assert found is not None  # noqa: S101 - each metric is measured somewhere
    return found


def _usual_pace(metrics: Iterable[Metric], environment: Environment, tools: Tools) -> float:
    """The seconds between samples as they were taken lately, be it by cron; 0 where that can't be told."""
    now = tools.clock.now()
    for metric, host in _measured(metrics, environment)[:1]:
        return _pace(tools.samples.of(metric.name, environment.name, host, now - _LATELY, now))
    return 0.0


def _pace(samples: Sequence[Sample]) -> float:
    """The seconds between two samples, as they mostly are; 0 where there are no two."""
    gaps = [(later.at - sooner.at).total_seconds() for sooner, later in pairwise(samples)]
    return median(gaps) if gaps else 0.0


def _measured(metrics: Iterable[Metric], environment: Environment) -> list[tuple[Metric, str | None]]:
    hosts = [host.name for host in environment.hosts]
    places: dict[str, list[str | None]] = {"every": [*hosts], "first": [*hosts[:1]], "none": [None]}
    return [(metric, host) for metric in metrics for host in places[metric.hosts]]


def _changed_at(fleet: Fleet, watch: Watch, tools: Tools) -> datetime:
    """When the flag was changed last, as the hosts tell; now, where nobody changed it."""
    seen = fleet.look(content=False)
    changes = of_environment({name: state for name, state in seen.items() if isinstance(state, HostState)})
    kept = [change for change in changes if change.outcome == "kept" and watch.flag in (None, change.flag)]
    change = last_kept(changes, watch.flag) if watch.flag else kept[-1] if kept else None
    return moment_of(change.fields) if change else tools.clock.now()
