"""The hosts of a rollout's environment, opened to read where it stands and to write a mark."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rolloutctl.errors import PersonNeeded, Refused, Unreachable
from rolloutctl.fleet import Fleet
from rolloutctl.rules.config import Environment
from rolloutctl.rules.host import Event, HostState
from rolloutctl.rules.records import read_record
from rolloutctl.rules.refusals import why_unrecorded
from rolloutctl.rules.rollout_log import clock_trouble, standing
from rolloutctl.rules.rollout_standing import Standing
from rolloutctl.rules.rollouts import Rollout
from rolloutctl.workflows.toggle import nothing_reached
from rolloutctl.workflows.tools import Tools


@dataclass(frozen=True, slots=True)
class Bench:
    """The open hosts, what they are like, and where the rollout stands by their records."""

    rollout: Rollout
    environment: Environment
    fleet: Fleet
    tools: Tools
    states: Mapping[str, HostState]
    lost: Mapping[str, Unreachable]
    standing: Standing

    def write(self, fields: Mapping[str, Any]) -> tuple[str, ...]:
        """Write a mark into the log of every host that can be reached; the others owe it. What to know of it, in words.

        Raises:
            Refused: no host has written it.
        """
        mark = {
            "entry": self.tools.new_id(),
            **fields,
            "flag": self.rollout.flag,
            "environment": self.environment.name,
            "hosts": [host.name for host in self.environment.hosts],
            **self.tools.origin_now().fields(),
        }
        wrote = self.fleet.each(lambda session: session.append(self._on(session.host.name, mark)), self.states)
        missed = {name: error.message for name, error in self.lost.items()}
        for name, answer in wrote.items():
            problem = _problem(answer)
            if problem:
                missed[name] = problem
        if len(missed) == len(self.environment.hosts):
            raise Refused(
                "No host has recorded it.",
                subject=self.environment.name,
                state="Nothing was changed: what was said does not count.",
                hint="The same command again, once a host can write its log.",
                details=tuple(f"{name}: {problem}" for name, problem in missed.items()),
            )
        owed = tuple(self._owed(name, mark, problem) for name, problem in missed.items())
        return (*owed, *_clocks(wrote.values()))

    def _on(self, name: str, mark: Mapping[str, Any]) -> dict[str, Any]:
        place = self.states[name].place if name in self.states else ""
        return {**mark, "host": name, "machine": place.partition(":")[0]}

    def _owed(self, name: str, mark: Mapping[str, Any], problem: str) -> str:
        try:
            self.tools.mirror.owe(self.environment.name, name, self._on(name, mark))
        except PersonNeeded as error:
            return f"{name} has not recorded it ({problem}), and nobody keeps it for later: {error.message}"
        return f"{name} has not recorded it ({problem}); a later change from this machine writes it there."


@contextmanager
def bench(rollout: Rollout, tools: Tools, *, content: bool = False) -> Iterator[Bench]:
    """Open the hosts and read; with `content` they know which of their texts are secrets.

    Raises:
        Unreachable: no host can be reached.
        Unlisted: nobody knows which hosts there are.
    """
    environment = tools.environment(rollout.environment)
    with Fleet(environment, tools.sessions, tools.clock, lambda _host, _event: None) as fleet:
        lost = fleet.open(tools.configuration.flags.values())
        states: dict[str, HostState] = {}
        for name, state in fleet.look(content=content).items():
            if isinstance(state, Unreachable):
                lost[name] = state
            else:
                states[name] = state
        if not states:
            raise nothing_reached(environment, lost)
        logs = fleet.each(lambda session: session.records_of(rollout.flag), states)
        for name, log in logs.items():
            if isinstance(log, Unreachable):
                lost[name] = log
            else:
                tools.mirror.saw(environment.name, name, log)
        read = {name: log for name, log in logs.items() if not isinstance(log, Unreachable)}
        now = standing(read, flag=rollout.flag, environment=environment.name)
        yield Bench(rollout, environment, fleet, tools, states, lost, now)


def _clocks(answers: Iterable[object]) -> tuple[str, ...]:
    """What hosts' own times say of this machine's clock; the first that differs tells enough."""
    events = (event for answer in answers if isinstance(answer, tuple) for event in answer if event.kind == "record")
    told = (clock_trouble(read_record(event.text(0))) for event in events)
    return tuple(filter(None, told))[:1]


def _problem(answer: tuple[Event, ...] | Unreachable) -> str:
    """Why an append has written nothing; empty where it has."""
    return answer.message if isinstance(answer, Unreachable) else why_unrecorded(answer)
