"""Taking samples: each metric of an environment once, over sessions that stay open, with as little load as can be."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime

from msgspec import Struct

from rolloutctl.errors import Unreachable
from rolloutctl.fleet import Fleet
from rolloutctl.rules.config import Environment
from rolloutctl.rules.measuring import Reading, asked_value, request_for
from rolloutctl.rules.metrics import FromPrometheus, Metric, Sample
from rolloutctl.workflows.log_lines import LogLine, LogLines
from rolloutctl.workflows.sampling_host import Answered, HostRound, Readings
from rolloutctl.workflows.tools import Tools

_ROUNDS = 500  # then sessions are begun anew: what a host may say in one is bounded


class Lost(Struct, frozen=True):
    """A host that can't be reached since some moment, and why."""

    host: str
    since: datetime
    why: str


class Sampler:
    """Takes samples of some metrics, and goes on where the last one ended, be it another process's."""

    def __init__(self, fleet: Fleet, metrics: Iterable[Metric], tools: Tools) -> None:
        self._fleet, self._tools = fleet, tools
        self._environment: Environment = fleet.environment
        self._metrics = tuple(metrics)
        self._rounds = 0
        self._mark = tools.new_id()
        self._lost: dict[str, Lost] = {}
        self._lines = LogLines(fleet)

    @property
    def lost(self) -> tuple[Lost, ...]:
        """The hosts that the newest sample did not reach."""
        return tuple(self._lost.values())

    def lines(self) -> tuple[LogLine, ...]:
        """The newest entries of logs that were counted and may be shown, the newest last."""
        return self._lines.shown()

    def settle(self) -> None:
        """Learn what is secret where an entry waits for that. It takes its time: not before a guard has acted."""
        self._lines.learn()

    def take(self) -> tuple[Sample, ...]:
        """Each metric once: on the hosts at the same time, then from here. They are stored before they are returned."""
        at = self._tools.clock.now()
        said = self._on_all(at)
        self._note_lost(said, at)
        found: dict[tuple[str, str | None], Reading] = {}
        for host in self._environment.hosts:
            answer = said.get(host.name, Unreachable("cannot be reached"))
            if isinstance(answer, Answered):
                readings = answer.readings
                self._lines.add(host.name, at, answer)
            else:
                readings = {metric.name: Reading(None, answer.message) for metric in self._of(host.name)}
            found.update({(name, host.name): reading for name, reading in readings.items()})
        found.update({(name, None): reading for name, reading in self._from_here().items()})
        samples = tuple(Sample(name, host, at, each.value, each.note) for (name, host), each in found.items())
        memories = {place: json.dumps(each.memory) for place, each in found.items() if each.memory is not None}
        self._tools.samples.add(self._environment.name, samples, memories)
        return samples

    def _on_all(self, at: datetime) -> Mapping[str, Answered | Unreachable]:
        """What the hosts answer. Connections that were cut are made anew, as those of a laptop that slept."""
        self._rounds += 1
        if self._rounds % _ROUNDS == 0:
            self._mark = self._tools.new_id()
            missing = [host.name for host in self._environment.hosts]
        else:
            missing = [host.name for host in self._environment.hosts if host.name not in self._fleet.sessions]
        said: dict[str, Answered | Unreachable] = {**self._reach(missing)}
        said |= self._asked(self._fleet.sessions, at)
        cut = [name for name, answer in said.items() if isinstance(answer, Unreachable) and name not in missing]
        if cut:
            said |= self._reach(cut)
            said |= self._asked([name for name in cut if name in self._fleet.sessions], at)
        return said

    def _reach(self, names: list[str]) -> Mapping[str, Unreachable]:
        if not names:
            return {}
        self._lines.forget(names)
        return self._fleet.renew(names)

    def _asked(self, names: Iterable[str], at: datetime) -> dict[str, Answered | Unreachable]:
        return self._fleet.each(
            lambda session: HostRound(session, self._environment, self._of(session.host.name), self._tools).ask(
                at, self._mark
            ),
            list(names),
        )

    def _note_lost(self, said: Mapping[str, Answered | Unreachable], at: datetime) -> None:
        for host in self._environment.hosts:
            answer = said.get(host.name)
            if isinstance(answer, Answered):
                self._lost.pop(host.name, None)
            else:
                since = self._lost[host.name].since if host.name in self._lost else at
                why = answer.message if answer is not None else "cannot be reached"
                self._lost[host.name] = Lost(host.name, since, why)

    def _of(self, host: str) -> tuple[Metric, ...]:
        """The metrics that are measured on a host."""
        first = self._environment.hosts[0].name
        return tuple(m for m in self._metrics if m.hosts == "every" or (m.hosts == "first" and host == first))

    def _from_here(self) -> Readings:
        found: Readings = {}
        for metric in (metric for metric in self._metrics if metric.hosts == "none"):
            if metric.lacks:
                found[metric.name] = Reading(None, metric.lacks)
            elif isinstance(metric.source, FromPrometheus):
                found[metric.name] = Reading(*self._tools.prometheus(metric.source, metric.timeout))
            elif self._environment.url is None:
                found[metric.name] = Reading(None, "the environment has no url")
            else:
                asked = self._tools.outsider(self._environment.url, [request_for(metric, {})])
                found[metric.name] = asked_value(metric, asked)
        return found
