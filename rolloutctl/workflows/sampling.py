"""Taking samples: each metric of an environment once, over sessions that stay open, with as little load as can be."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from rolloutctl.contracts import Session
from rolloutctl.errors import Unreachable
from rolloutctl.fleet import Fleet
from rolloutctl.rules.config import Environment
from rolloutctl.rules.log_entries import entries, matching
from rolloutctl.rules.log_following import Place, command, read
from rolloutctl.rules.measuring import (
    Memory,
    Reading,
    asked_value,
    command_line,
    is_asked_by_command,
    outputs,
    per_minute,
    reading,
    request_for,
    seconds_for,
    taken_at,
)
from rolloutctl.rules.metrics import FromLog, FromPrometheus, FromRequest, Metric, Sample
from rolloutctl.rules.outcomes import asked_in
from rolloutctl.rules.records import read_object
from rolloutctl.rules.requests import target
from rolloutctl.workflows.tools import Tools

_PIECE = 1_000_000  # bytes of a log that are read at once
_PIECES = 24  # a log that has more to say waits for the next sample
_LOOK = 15.0  # seconds for one piece
_ROUNDS = 500  # then sessions are begun anew: what a host may say in one is bounded

_Readings = dict[str, Reading]  # by metric


class Sampler:
    """Takes samples of some metrics, and goes on where the last one ended, be it another process's."""

    def __init__(self, fleet: Fleet, metrics: Iterable[Metric], tools: Tools) -> None:
        self._fleet, self._tools = fleet, tools
        self._environment: Environment = fleet.environment
        self._metrics = tuple(metrics)
        self._rounds = 0

    def take(self) -> tuple[Sample, ...]:
        """Each metric once: on the hosts at the same time, then from here. They are stored before they are returned."""
        at = self._tools.clock.now()
        lost = self._reach_lost()
        said: dict[str, _Readings | Unreachable] = {**lost, **self._fleet.each(lambda session: self._on(session, at))}
        found: dict[tuple[str, str | None], Reading] = {}
        for host in self._environment.hosts:
            answer = said.get(host.name, Unreachable("cannot be reached"))
            if isinstance(answer, Unreachable):
                answer = {metric.name: Reading(None, answer.message) for metric in self._of(host.name)}
            found.update({(name, host.name): reading_ for name, reading_ in answer.items()})
        found.update({(name, None): reading_ for name, reading_ in self._from_here().items()})
        samples = tuple(Sample(name, host, at, each.value, each.note) for (name, host), each in found.items())
        memories = {place: json.dumps(each.memory) for place, each in found.items() if each.memory is not None}
        self._tools.samples.add(self._environment.name, samples, memories)
        return samples

    def _reach_lost(self) -> Mapping[str, Unreachable]:
        """Connections that were cut are made anew, as those of a laptop that slept; and old ones."""
        self._rounds += 1
        if self._rounds % _ROUNDS == 0:
            return self._fleet.renew([host.name for host in self._environment.hosts])
        names = [host.name for host in self._environment.hosts if host.name not in self._fleet.sessions]
        still = self._fleet.each(lambda session: session.still())
        dead = [name for name, answer in still.items() if isinstance(answer, Unreachable)]
        return self._fleet.renew([*names, *dead]) if names or dead else {}

    def _of(self, host: str) -> tuple[Metric, ...]:
        """The metrics that are measured on a host."""
        first = self._environment.hosts[0].name
        return tuple(m for m in self._metrics if m.hosts == "every" or (m.hosts == "first" and host == first))

    def _on(self, session: Session, at: datetime) -> _Readings:
        mine = self._of(session.host.name)
        found = {metric.name: Reading(None, metric.lacks) for metric in mine if metric.lacks}
        able = [metric for metric in mine if not metric.lacks]
        found |= self._requested(session, [metric for metric in able if isinstance(metric.source, FromRequest)])
        found |= self._commanded(session, [metric for metric in able if is_asked_by_command(metric)], at)
        for metric in able:
            if isinstance(metric.source, FromLog):
                found[metric.name] = self._logged(session, metric, metric.source, at)
        return {metric.name: found[metric.name] for metric in mine if metric.name in found}

    def _requested(self, session: Session, metrics: Sequence[Metric]) -> _Readings:
        url = self._environment.url
        if not metrics:
            return {}
        if url is None:
            return {metric.name: Reading(None, "the environment has no url") for metric in metrics}
        where = target(url, session.host, session.server)
        asked = asked_in(session.ask([request_for(metric, where) for metric in metrics]))
        return {metric.name: asked_value(metric, asked) for metric in metrics}

    def _commanded(self, session: Session, metrics: Sequence[Metric], at: datetime) -> _Readings:
        if not metrics:
            return {}
        mark = self._tools.new_id()
        ran = session.run(command_line(metrics, mark), seconds_for(metrics))
        answers = outputs(ran.output, mark, len(metrics))
        return {
            metric.name: reading(metric, status, printed, at, self._memory(metric, session.host.name))
            for metric, (status, printed) in zip(metrics, answers, strict=True)
        }

    def _logged(self, session: Session, metric: Metric, source: FromLog, at: datetime) -> Reading:
        """The entries since the last sample, as a rate. The first look only finds the end of the log."""
        before = self._memory(metric, session.host.name) or {}
        place, count, note = Place.from_json(str(before.get("place", ""))), 0, ""
        begun = place.of(source.file).begun
        for _ in range(_PIECES):
            ran = session.run(command(source.file, place, _PIECE), _LOOK)
            news = read(place, source.file, ran.output)
            if news.blind:
                return Reading(None, news.note)
            place, note = news.place, news.note or note
            count += len(matching(entries(news.text), source.level or "debug", source.pattern or ""))
            if not news.more:
                break
        memory = {"place": place.to_json(), "at": at.isoformat()}
        if not begun:
            return Reading(None, "the next sample can tell: it takes two", memory)
        return Reading(per_minute(count, taken_at(before), at), note, memory)

    def _from_here(self) -> _Readings:
        found: _Readings = {}
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

    def _memory(self, metric: Metric, host: str) -> Memory | None:
        return read_object(self._tools.samples.recall(metric.name, self._environment.name, host)) or None
