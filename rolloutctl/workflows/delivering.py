"""A decision about a provisional change, delivered to the hosts that hold it: the arbiter first, and all follow it."""

from __future__ import annotations

from collections.abc import Iterable

from rolloutctl.contracts import Session
from rolloutctl.errors import Unreachable
from rolloutctl.fleet import Fleet
from rolloutctl.rules.decisions import Decision
from rolloutctl.rules.host import HostState
from rolloutctl.rules.outcomes import untouched
from rolloutctl.rules.plans import Plan
from rolloutctl.workflows.closing import Outcomes, as_found
from rolloutctl.workflows.tools import Tools

_RECENT = 50  # records that tell how the change ended


def look_over(fleet: Fleet, lost: dict[str, Unreachable], tools: Tools) -> dict[str, HostState]:
    """The state of each open host; one that was lost goes to `lost`."""
    states: dict[str, HostState] = {}
    for name, state in fleet.look(content=False).items():
        if isinstance(state, HostState):
            states[name] = state
            tools.mirror.saw(fleet.environment.name, name, state.records)
        else:
            lost[name] = state
    return states


def deliver(fleet: Fleet, plan: Plan, names: Iterable[str], decision: Decision) -> Outcomes:
    """Tell hosts, and see how the change ended there; one whose connection is lost is reached over another."""
    wanted = [name for name in names if name in fleet.sessions]
    said = fleet.each(lambda session: _tell(session, plan.change, decision), wanted)
    lost = [name for name, state in said.items() if isinstance(state, Unreachable)]
    said.update(fleet.settle(lost, plan.change, decision) if lost else {})
    return {name: as_found(untouched(name), state, plan) for name, state in said.items()}


def _tell(session: Session, change: str, decision: Decision) -> HostState:
    session.settle(change, decision)
    return session.look(content=False, records=_RECENT)
