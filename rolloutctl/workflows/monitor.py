"""monitor: sample the metrics of an environment again and again, and say what is worse than it should be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from msgspec import Struct, field

from rolloutctl.fleet import Fleet
from rolloutctl.rules.config import Environment
from rolloutctl.rules.history import last_kept, of_environment
from rolloutctl.rules.host import HostState
from rolloutctl.rules.metrics import Metric, Sample
from rolloutctl.rules.rollout_standing import moment_of
from rolloutctl.rules.rollouts import Rollout
from rolloutctl.rules.verdicts_metrics import Verdict, worst
from rolloutctl.workflows.guard_phases import guarded_phase, rollout_that_guards
from rolloutctl.workflows.judging import Judge, metrics_of, places_of, usual_pace, verdict_on
from rolloutctl.workflows.log_lines import LogLine
from rolloutctl.workflows.recent import Curves, Recent
from rolloutctl.workflows.sampling import Lost, Sampler
from rolloutctl.workflows.tools import Tools

__all__ = ["Round", "Watch", "metrics_of", "monitor", "verdict_on"]

_KEPT = timedelta(days=90)
_DAY = 86_400.0  # seconds between two times at which old samples are forgotten
_PHASE = 300.0  # seconds between two looks at the phase that a rollout is in


class Watch(Struct, frozen=True):
    """What is to be watched. `before`: the moment of the change; None: that of the flag's newest one.

    With `ahead` no change has been made yet: what is measured now is to be what one is held against.
    """

    environment: str
    flag: str | None = None
    every: float = 30.0  # seconds
    before: datetime | None = None
    ahead: bool = False


class Round(Struct, frozen=True):
    """One look: the samples and what they are worth, metric by metric and host by host; and the watch so far.

    Args:
        at: when.
        environment: where.
        metrics: what is measured.
        samples: of this round.
        verdicts: by this round's and earlier samples.
        every: seconds from one to the next.
        since: when the watch began.
        number: which round it is, from 1.
        left: seconds that the watch goes on; None: until somebody ends it.
        lost: hosts that did not answer.
        lines: entries of logs that were counted, the newest last.
        curves: the newest values.
        phase: the rollout's phase whose plan wants the flag guarded; empty where none does.
        told: what a person should know of the stored samples.
    """

    at: datetime
    environment: Environment
    metrics: tuple[Metric, ...]
    samples: tuple[Sample, ...]
    verdicts: tuple[Verdict, ...]
    every: float = 30.0
    since: datetime | None = None
    number: int = 1
    left: float | None = None
    lost: tuple[Lost, ...] = ()
    lines: tuple[LogLine, ...] = ()
    curves: Curves = field(default_factory=dict)
    phase: str = ""
    told: tuple[str, ...] = ()

    @property
    def worst(self) -> Verdict | None:
        """The verdict that counts for all."""
        return worst(self.verdicts)

    @property
    def well(self) -> bool:
        """Whether nothing fails; not enough data is not well and not ill."""
        return all(verdict.word != "fail" for verdict in self.verdicts)

    @property
    def known(self) -> bool:
        """Whether there is enough data of all."""
        return all(verdict.word != "not enough data" for verdict in self.verdicts)


def monitor(
    watch: Watch, tools: Tools, shown: Callable[[Round], None], *, seconds: float | None = None, once: bool = False
) -> Round:
    """Watch an environment for so many seconds (None: until somebody ends it); `shown` gets each round.

    Raises:
        UsageError: there is no such environment.
        Unlisted: nobody knows which hosts it has.
    """
    environment = tools.environment(watch.environment)
    with Fleet(environment, tools.sessions, tools.clock) as fleet:
        fleet.open(tools.configuration.flags.values())
        course = _Course(watch, fleet, tools, once=once)
        begun = tools.clock.monotonic()
        while True:
            spent = tools.clock.monotonic() - begun
            last = course.round(None if seconds is None else max(0.0, seconds - spent))
            shown(last)
            course.settle()
            spent = tools.clock.monotonic() - begun
            if once or (seconds is not None and spent + watch.every > seconds):
                return last
            tools.clock.wait(max(0.0, last.number * watch.every - spent))


class _Course:
    """What a watch knows from one round to the next."""

    def __init__(self, watch: Watch, fleet: Fleet, tools: Tools, *, once: bool) -> None:
        self._watch, self._fleet, self._tools = watch, fleet, tools
        self._environment = fleet.environment
        self._metrics = metrics_of(self._environment.name, tools)
        self._places = places_of(self._metrics, self._environment)
        every = (usual_pace(self._metrics, self._environment, tools) if once else 0.0) or watch.every
        seen = fleet.look(content=True)
        before = watch.before or _changed_at({n: s for n, s in seen.items() if isinstance(s, HostState)}, watch, tools)
        self._judge = Judge(self._environment.name, before, every, tools)
        self._recent = Recent()
        self._recent.remember(self._places, self._environment.name, every, tools)
        self._sampler = Sampler(fleet, self._metrics, tools)
        self._since, self._number = tools.clock.now(), 0
        self._phase = ""
        self._rollout = rollout_that_guards(watch.environment, watch.flag, tools.configuration)
        self._due: dict[str, float] = {}

    def round(self, left: float | None) -> Round:
        """Sample and judge once."""
        if self._rollout is not None and self._is_due("phase", _PHASE):
            self._phase = self._phase_of(self._rollout)
        samples = self._sampler.take()
        now = self._tools.clock.now()
        self._number += 1
        return Round(
            at=now,
            environment=self._environment,
            metrics=self._metrics,
            samples=samples,
            verdicts=tuple(self._judge.verdict(metric, host, now) for metric, host in self._places),
            every=self._watch.every,
            since=self._since,
            number=self._number,
            left=left,
            lost=self._sampler.lost,
            lines=self._sampler.lines(),
            curves=self._recent.add(samples),
            phase=self._phase,
            told=self._tools.samples.told,
        )

    def settle(self) -> None:
        """What may take its time, behind a round."""
        self._sampler.settle()
        self._judge.refresh(self._tools.clock.now())
        if self._is_due("prune", _DAY):
            self._tools.samples.prune(self._tools.clock.now() - _KEPT)

    def _phase_of(self, rollout: Rollout) -> str:
        found = guarded_phase(rollout, self._fleet)
        return self._phase if found is None else found

    def _is_due(self, what: str, every: float) -> bool:
        now = self._tools.clock.monotonic()
        if now < self._due.get(what, now):
            return False
        self._due[what] = now + every
        return True


def _changed_at(seen: Mapping[str, HostState], watch: Watch, tools: Tools) -> datetime:
    """When the flag was changed last, as the hosts tell; now, where nobody did, or the change is still to come."""
    if watch.ahead:
        return tools.clock.now()
    changes = of_environment(seen)
    kept = [change for change in changes if change.outcome == "kept" and watch.flag in (None, change.flag)]
    change = last_kept(changes, watch.flag) if watch.flag else kept[-1] if kept else None
    return moment_of(change.fields) if change else tools.clock.now()
