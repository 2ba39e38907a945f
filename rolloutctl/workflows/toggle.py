"""toggle: give a flag a new audience in an environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rolloutctl.contracts import Desk
from rolloutctl.errors import Unreachable
from rolloutctl.rules.config import Environment, Flag
from rolloutctl.rules.env_text import UnsafeEdit, value_of
from rolloutctl.rules.flags import Audience
from rolloutctl.rules.host import HostState, audience_from
from rolloutctl.rules.plans import Edit, HostPlan, Plan, Wish, is_narrowing, plan_edits
from rolloutctl.workflows.change import carry_out
from rolloutctl.workflows.tools import Done, Options, Tools


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asked for."""

    environment: str
    flag: str
    wish: Wish
    reason: str = ""


def toggle(request: Request, options: Options, tools: Tools, desk: Desk) -> Done:
    """Give the flag the audience that was asked for, on every host or on none; a switch-off on every host it reaches.

    Raises:
        UsageError: there is no such environment or flag.
        Refused: a gate, a lock, a proof or the person said no; nothing was touched.
    """
    environment = tools.environment(request.environment)
    flag = tools.configuration.flag(request.flag)
    change = tools.new_id()

    def make_plan(states: Mapping[str, HostState], lost: Mapping[str, Unreachable]) -> Plan:
        if not states:
            raise nothing_reached(environment, lost)
        first = next(iter(states.values()))
        target = request.wish.audience(flag, standing_audience(flag, first))
        hosts = tuple(_host_plan(flag, target, state) for state in states.values())
        return Plan(
            change=change,
            environment=environment,
            flag=flag,
            target=target,
            narrow=is_narrowing(target, hosts),
            hosts=hosts,
            unreachable=tuple(lost),
            reason=request.reason,
        )

    return carry_out(environment, make_plan, options, tools, desk, hurry=not request.wish.enabled)


def nothing_reached(environment: Environment, lost: Mapping[str, Unreachable]) -> Unreachable:
    """No host can be reached: the first one's reason, and that nothing was changed."""
    name, error = next(iter(lost.items()))
    return Unreachable(
        error.message,
        subject=f"{environment.name} · {name}",
        state="Nothing was changed on any host.",
        hint=error.hint,
        details=error.details or tuple(f"{other}: {why.message}" for other, why in lost.items() if other != name),
    )


def standing_audience(flag: Flag, state: HostState) -> Audience:
    """Who sees the feature according to the file: as phpdotenv reads it, else as far as we can."""
    audience = state.in_file(flag)
    if audience is not None or state.content is None:
        return audience or Audience(enabled=False)
    return audience_from(flag, {key: value_of(state.content, key) for key in flag.keys})


def _host_plan(flag: Flag, target: Audience, state: HostState) -> HostPlan:
    before, effective = standing_audience(flag, state), state.effective(flag)
    assert state.content is not None  # noqa: S101 - a change looks with content
    try:
        edits, new, notes = plan_edits(flag, target, state.content)
    except UnsafeEdit as error:
        if not target.nobody:
            raise
        # The emergency brake: .env stays as it is, the config cache is switched.
        edits, new = (Edit(flag.key, value_of(state.content, flag.key), "false", None, None),), state.content
        notes = (f"{error.message} .env stays as it is; only the config cache is switched.",)
    return HostPlan(state, before, effective, edits, new, notes, uncertain=state.in_file(flag) is None)
