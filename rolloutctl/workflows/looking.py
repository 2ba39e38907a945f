"""Looking at hosts before a change: what can't be read or is listed twice is told before anything begins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rolloutctl.errors import Refused, Unreachable
from rolloutctl.fleet import Fleet
from rolloutctl.rules.host import HostState
from rolloutctl.workflows.tools import Tools


def look_at(
    fleet: Fleet, names: Iterable[str] | None, lost: dict[str, Unreachable], tools: Tools, *, records: int = 200
) -> dict[str, HostState]:
    """The state of open hosts with their `.env`; a host that can't be read or was lost goes to `lost`.

    Raises:
        Refused: two hosts are the same application on the same machine.
    """
    states: dict[str, HostState] = {}
    for name, state in fleet.look(names, content=True, records=records).items():
        if isinstance(state, Unreachable):
            lost[name] = state
        elif state.content is None:
            lost[name] = Unreachable(
                f".env cannot be read by the user {state.user}.",
                subject=name,
                hint=f"Let {state.user} own it, or be in its group with mode 0660.",
            )
        else:
            states[name] = state
            tools.mirror.saw(fleet.environment.name, name, state.records)
    _refuse_twins(fleet.environment.name, states)
    return states


def _refuse_twins(environment: str, states: Mapping[str, HostState]) -> None:
    places: dict[str, str] = {}
    for name, state in states.items():
        twin = places.setdefault(state.place, name)
        if twin != name:
            raise Refused(
                f"{twin} and {name} are the same application on the same machine.",
                subject=environment,
                state="Nothing was changed on any host.",
                hint="List each host once in environments.yaml.",
            )
