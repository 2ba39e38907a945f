"""The items of a checklist that look by themselves, looked at where a feature is tried. Changes and writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rolloutctl.contracts import Session
from rolloutctl.errors import Unreachable
from rolloutctl.fleet import Fleet
from rolloutctl.rules.check_runs import CheckRun, hindered, judge_command, judge_request, requests_of
from rolloutctl.rules.checklists import Checklist, Item
from rolloutctl.rules.config import Environment, Flag
from rolloutctl.rules.flags import Audience
from rolloutctl.rules.host import HostState
from rolloutctl.rules.outcomes import asked_in
from rolloutctl.rules.work import Asked, Ran
from rolloutctl.workflows.tools import Tools

_Seen = Mapping[str, HostState | Unreachable]


def run_checks(
    checklist: Checklist, environment: Environment, flag: Flag, tools: Tools, only: Iterable[str] | None = None
) -> tuple[CheckRun, ...]:
    """Look at the automatic items, or at those of them that are named, in the order of the checklist.

    Requests are asked by every host of itself, commands run on the first one, one after the other.

    Args:
        checklist: whose items.
        environment: where the feature is tried, with its hosts.
        flag: whose state an item may need.
        tools: what may be used of the outside.
        only: ids of items; None: all that are automatic.

    Raises:
        UsageError: `only` names what is no item, or one that a person has to see.
    """
    items = checklist.automatic(only)
    if not items:
        return ()
    with Fleet(environment, tools.sessions, tools.clock) as fleet:
        seen = _look(fleet, tools)
        audiences = {name: _audience(state, flag) for name, state in seen.items() if isinstance(state, HostState)}
        ended = {item.id: found for item in items if (found := hindered(item, environment, audiences))}
        able = [item for item in items if item.id not in ended]
        ended |= _asked(fleet, seen, [item for item in able if item.request is not None])
        ended |= _ran(fleet, seen, [item for item in able if item.run is not None])
    return tuple(ended[item.id] for item in items)


def _look(fleet: Fleet, tools: Tools) -> _Seen:
    """Each host's state, in their order; with its `.env`, for only then what a command says can be shown."""
    lost = fleet.open(tools.configuration.flags.values())
    found = fleet.look(content=True)
    for name, state in found.items():
        if isinstance(state, HostState):
            tools.mirror.saw(fleet.environment.name, name, state.records)
    return {host.name: found.get(host.name) or lost[host.name] for host in fleet.environment.hosts}


def _audience(state: HostState, flag: Flag) -> Audience | None:
    return state.effective(flag) or state.in_file(flag)


def _asked(fleet: Fleet, seen: _Seen, items: Iterable[Item]) -> dict[str, CheckRun]:
    wanted = tuple(items)

    def one(session: Session) -> tuple[Asked, ...]:
        return asked_in(session.ask(requests_of(wanted, fleet.environment, session.host, session.server)))

    if not wanted:
        return {}
    able = [name for name, state in seen.items() if isinstance(state, HostState) and state.live is not None]
    said = fleet.each(one, able)
    return {
        item.id: judge_request(item, {name: _answer(item, state, said.get(name)) for name, state in seen.items()})
        for item in wanted
    }


def _answer(item: Item, state: HostState | Unreachable, said: tuple[Asked, ...] | Unreachable | None) -> Asked | str:
    """A host's answer to one request, or why there is none."""
    for lost in (state, said):
        if isinstance(lost, Unreachable):
            return _lost(lost)
    answers = said if isinstance(said, tuple) else ()
    nobody = state.live_error if isinstance(state, HostState) else ""
    return next((answer for answer in answers if answer.id == item.id), nobody or "did not ask")


def _ran(fleet: Fleet, seen: _Seen, items: Iterable[Item]) -> dict[str, CheckRun]:
    host = fleet.environment.hosts[0].name
    return {item.id: judge_command(item, host, _command(fleet, seen, item, host)) for item in items}


def _command(fleet: Fleet, seen: _Seen, item: Item, host: str) -> Ran | str:
    state = seen[host]
    if isinstance(state, Unreachable):
        return _lost(state)
    said = fleet.each(lambda session: session.run(item.run or "", item.timeout), [host])[host]
    return _lost(said) if isinstance(said, Unreachable) else said


def _lost(error: Unreachable) -> str:
    return f"cannot be reached: {error.message.rstrip('.')}"
