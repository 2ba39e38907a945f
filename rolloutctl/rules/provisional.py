"""Confirm or revert: how a change that goes back unless somebody confirms it stands, as its hosts tell together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from rolloutctl.errors import UsageError
from rolloutctl.rules.config import Environment, Flag
from rolloutctl.rules.durations import in_words, parse_duration
from rolloutctl.rules.env_lines import EnvText
from rolloutctl.rules.history import Change, of_environment
from rolloutctl.rules.host import HostState
from rolloutctl.rules.plans import Edit, HostPlan, Plan
from rolloutctl.rules.records import OfAChange, audience_of, edits_in

NOT_CONFIRMED = "not-confirmed"  # the cause of going back
_SHORTEST, _LONGEST = 1, 24 * 3600  # seconds


class Provisional(Struct, OfAChange, frozen=True):
    """A change that some hosts keep only until their time is over.

    `left` has the seconds of each host that holds it. `ends` has those that don't: kept, reverted, started
    (interrupted: nobody holds it there any more), provisional (the same), or nothing where the host tells nothing.
    """

    change: str
    fields: Mapping[str, Any]
    left: Mapping[str, int]
    ends: Mapping[str, str]

    @property
    def arbiter(self) -> str:
        """The host whose outcome is the change's."""
        return str(self.fields.get("arbiter", ""))

    @property
    def actor(self) -> str:
        """Who made it."""
        return str(self.fields.get("actor") or "somebody")

    @property
    def seconds_left(self) -> int:
        """Until the first host goes back."""
        return min(self.left.values())

    @property
    def confirmed(self) -> bool:
        """Whether the arbiter has kept it, so that the others have to follow."""
        return self.ends.get(self.arbiter) == "kept"

    def __str__(self) -> str:
        return f"{self.flag} for {self.after}, by {self.actor}, goes back in {in_words(self.seconds_left)}"


def provisional_in(states: Mapping[str, HostState]) -> Provisional | None:
    """The change that hosts hold provisionally; None when none does. A host holds one change at a time."""
    held = [(name, pending) for name, state in states.items() for pending in state.pending if pending.provisional]
    if not held:
        return None
    first = held[0][1]
    left = {name: pending.seconds_left or 0 for name, pending in held if pending.change == first.change}
    change = next((change for change in of_environment(states) if change.id == first.change), None)
    told = change.ends if change else {}
    ends = {name: told.get(name, "") for name in states if name not in left}
    return Provisional(first.change, first.fields, left, ends)


def newest_provisional(states: Mapping[str, HostState]) -> Change | None:
    """The newest change that ever was provisional, as the newest records tell."""
    changes = of_environment(states)
    were = {record.change for state in states.values() for record in state.records if record.event == "provisional"}
    return next((change for change in reversed(changes) if change.id in were), None)


def ways_on(environment: str, flag: str, left: int) -> tuple[str, str]:
    """For whoever meets a provisional change: until when it stands, and the two commands that end the waiting."""
    return (
        f"It goes back by itself in {in_words(left)}, unless it is confirmed.",
        f"To keep it: rolloutctl confirm {environment}\n"
        f"To end it at once: rolloutctl toggle {environment} {flag} false",
    )


def parse_confirm_within(text: str) -> int:
    """How long a change may wait for its confirmation, in whole seconds, rounded up.

    Raises:
        UsageError: it is no length of time, or too short or too long a one.
    """
    try:
        seconds = -int(-parse_duration(text) // 1)
    except ValueError:
        raise UsageError(
            f"--confirm-within {text} is no length of time.", hint="Say --confirm-within 10m, --confirm-within 90s."
        ) from None
    if not _SHORTEST <= seconds <= _LONGEST:
        raise UsageError(f"--confirm-within {text} is not between 1s and 24h.")
    return seconds


def plan_from(
    change: str,
    fields: Mapping[str, Any],
    environment: Environment,
    flag: Flag,
    states: Mapping[str, HostState],
) -> Plan:
    """A change that stands already, as the plan that it was; of each host what its own record says."""
    hosts = tuple(_host_plan(_fields_on(state, change) or fields, flag, state) for state in states.values())
    return Plan(
        change=change,
        environment=environment,
        flag=flag,
        target=audience_of(fields.get("to")),
        narrow=False,
        hosts=hosts,
        unreachable=tuple(host.name for host in environment.hosts if host.name not in states),
        reason=str(fields.get("reason") or ""),
    )


def way_back(plan: Plan) -> Plan:
    """The plan that takes it back."""
    hosts = tuple(
        replace(host, before=plan.target, edits=tuple(_reversed(edit) for edit in host.edits)) for host in plan.hosts
    )
    return replace(plan, target=plan.before, narrow=True, hosts=hosts)


def _reversed(edit: Edit) -> Edit:
    return Edit(edit.key, edit.after, edit.before, edit.after_text, edit.before_text)


def _fields_on(state: HostState, change: str) -> Mapping[str, Any] | None:
    return next((record.data for record in state.records if record.change == change), None)


def _host_plan(fields: Mapping[str, Any], flag: Flag, state: HostState) -> HostPlan:
    edits = tuple(
        Edit(edit["key"], _value(edit["before"]), _value(edit["after"]), edit["before"], edit["after"])
        for edit in edits_in(fields.get("edits"))
    )
    before = audience_of(fields.get("from"))
    return HostPlan(state, before, state.effective(flag), edits, state.content or EnvText(b""))


def _value(assignment: str | None) -> str | None:
    return None if assignment is None else assignment.partition("=")[2].strip().strip("\"'")
