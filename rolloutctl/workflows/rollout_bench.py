"""The hosts of an environment, opened to read what was recorded of a flag and to write a mark."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from msgspec import Struct

from rolloutctl.errors import PersonNeeded, Refused, Unreachable
from rolloutctl.fleet import Fleet
from rolloutctl.rules.config import Environment
from rolloutctl.rules.host import Event, HostState
from rolloutctl.rules.records import Record, read_record
from rolloutctl.rules.refusals import why_unrecorded
from rolloutctl.rules.rollout_log import clock_trouble, standing
from rolloutctl.rules.rollout_standing import Standing
from rolloutctl.rules.rollouts import Rollout
from rolloutctl.workflows.toggle import nothing_reached
from rolloutctl.workflows.tools import Tools


class HostBench(Struct, frozen=True, kw_only=True):
    """The open hosts of an environment, what they are like, and what they have recorded of a flag, the arbiter first.

    A host that could not be reached, or not be read, is in `lost`.
    """

    environment: Environment
    flag: str
    fleet: Fleet
    tools: Tools
    states: Mapping[str, HostState]
    lost: Mapping[str, Unreachable]
    logs: Mapping[str, Sequence[Record]]

    def write(self, fields: Mapping[str, Any]) -> tuple[str, ...]:
        """Write a mark into the log of every host that can be reached; the others owe it. What to know of it, in words.

        Raises:
            Refused: no host has written it.
        """
        return self.record(self.mark(fields))

    def mark(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """A mark: what is said, and who says it, when, of what."""
        return {
            "entry": self.tools.new_id(),
            **fields,
            "flag": self.flag,
            "environment": self.environment.name,
            "hosts": [host.name for host in self.environment.hosts],
            **self.tools.origin_now().fields(),
        }

    def record(self, mark: Mapping[str, Any], *, owe: bool = False) -> tuple[str, ...]:
        """Write a mark as `write` does; with `owe` it counts also where no host has written it yet.

        Raises:
            Refused: no host has written it, and `owe` was not said.
        """
        wrote = self.fleet.each(lambda session: session.append(self._on(session.host.name, mark)), self.states)
        missed = {name: error.message for name, error in self.lost.items()}
        for name, answer in wrote.items():
            problem = _problem(answer)
            if problem:
                missed[name] = problem
        if len(missed) == len(self.environment.hosts) and not owe:
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


class Bench(HostBench, frozen=True, kw_only=True):
    """The bench of a rollout: also where it stands by the records."""

    rollout: Rollout
    standing: Standing


@contextmanager
def bench(rollout: Rollout, tools: Tools, *, content: bool = False) -> Iterator[Bench]:
    """Open the hosts of a rollout and read; with `content` they know which of their texts are secrets.

    Raises:
        Unreachable: no host can be reached.
        Unlisted: nobody knows which hosts there are.
    """
    with host_bench(rollout.environment, rollout.flag, tools, content=content) as opened:
        yield Bench(
            environment=opened.environment,
            flag=rollout.flag,
            fleet=opened.fleet,
            tools=tools,
            states=opened.states,
            lost=opened.lost,
            logs=opened.logs,
            rollout=rollout,
            standing=standing(opened.logs, flag=rollout.flag, environment=opened.environment.name),
        )


@contextmanager
def host_bench(
    environment: str, flag: str, tools: Tools, *, content: bool = False, patience: float | None = None
) -> Iterator[HostBench]:
    """Open the hosts of an environment and read what they recorded of a flag; of all flags where none is named.

    With `patience` (seconds) a host that hangs is lost, and it is no error that none can be reached: what is to be
    recorded is owed then.

    Raises:
        Unreachable: no host can be reached.
        Unlisted: nobody knows which hosts there are.
    """
    where = tools.environment(environment)
    with Fleet(where, tools.sessions, tools.clock) as fleet:
        lost = fleet.open(tools.configuration.flags.values(), patience)
        lost |= {name: Unreachable("it gave no answer", subject=name) for name in fleet.arriving}
        states: dict[str, HostState] = {}
        for name, state in fleet.look(content=content).items():
            if isinstance(state, Unreachable):
                lost[name] = state
            else:
                states[name] = state
        if not states and patience is None:
            raise nothing_reached(where, lost)
        found = fleet.each(lambda session: session.records_of(flag) if flag else session.log().records, states)
        logs: dict[str, Sequence[Record]] = {}
        for name, log in found.items():
            if isinstance(log, Unreachable):
                lost[name] = log
            else:
                tools.mirror.saw(where.name, name, log)
                logs[name] = log
        yield HostBench(environment=where, flag=flag, fleet=fleet, tools=tools, states=states, lost=lost, logs=logs)


def _clocks(answers: Iterable[object]) -> tuple[str, ...]:
    """What hosts' own times say of this machine's clock; the first that differs tells enough."""
    events = (event for answer in answers if isinstance(answer, tuple) for event in answer if event.kind == "record")
    told = (clock_trouble(read_record(event.text(0))) for event in events)
    return tuple(filter(None, told))[:1]


def _problem(answer: tuple[Event, ...] | Unreachable) -> str:
    """Why an append has written nothing; empty where it has."""
    return answer.message if isinstance(answer, Unreachable) else why_unrecorded(answer)
