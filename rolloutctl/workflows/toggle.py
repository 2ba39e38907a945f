"""toggle: give a flag a new audience in an environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from rolloutctl.contracts import Desk
from rolloutctl.errors import PersonNeeded, Unlisted, Unreachable
from rolloutctl.fleet import Fleet
from rolloutctl.rules.config import Environment, Flag
from rolloutctl.rules.env_text import UnsafeEdit, value_of
from rolloutctl.rules.flags import Audience
from rolloutctl.rules.host import HostState, audience_from
from rolloutctl.rules.plans import Edit, HostPlan, Plan, Wish, is_narrowing, plan_edits
from rolloutctl.workflows.change import carry_out
from rolloutctl.workflows.closing import again
from rolloutctl.workflows.tools import Done, Options, Tools

_HURRY = 5.0  # seconds that a switch-off gives a list of hosts, where it knows an older one


class Request(Struct, frozen=True):
    """What somebody asked for; a rollout also says what the records tell of its phase, and which gates it passes by.

    `guard` sees the hosts before each plan, and may refuse it.
    """

    environment: str
    flag: str
    wish: Wish
    reason: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)
    overridden: tuple[str, ...] = ()
    guard: Callable[[Mapping[str, HostState]], None] = lambda _states: None
    fulfils: Mapping[str, str] = field(default_factory=dict)  # what the records say of the schedule it carries out


def toggle(request: Request, options: Options, tools: Tools, desk: Desk) -> Done:
    """Give the flag the audience that was asked for, on every host or on none; a switch-off on every host it reaches.

    Raises:
        UsageError: there is no such environment or flag.
        Refused: a gate, a lock, a proof or the person said no; nothing was touched.
    """
    environment, outdated = _environment(request, tools)
    flag = tools.configuration.flag(request.flag)
    change = tools.new_id()

    def make_plan(states: Mapping[str, HostState], lost: Mapping[str, Unreachable]) -> Plan:
        if not states:
            raise nothing_reached(environment, lost) if request.wish.enabled else _not_switched_off(request, lost)
        request.guard(states)
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
            confirm_within=options.confirm_within,
            about=request.about,
            overridden=request.overridden,
            fulfils=request.fulfils,
        )

    fleet = Fleet(environment, tools.sessions, tools.clock)
    done = carry_out(fleet, make_plan, options, tools, desk, hurry=not request.wish.enabled)
    return _with_doubt(done, outdated) if outdated else done


def _environment(request: Request, tools: Tools) -> tuple[Environment, str]:
    """The environment with its hosts, for a switch-off else with those that were listed last; and what is odd then."""
    written = tools.configuration.environment(request.environment)
    last = tools.with_hosts.last(written) if written.source else None
    if written.source and last and not request.wish.enabled:  # a switch-off waits for no list that hangs
        written = replace(written, source=replace(written.source, timeout=min(written.source.timeout, _HURRY)))
    try:
        return tools.with_hosts(written), ""
    except Unlisted as error:
        if request.wish.enabled or last is None:
            raise
        environment, listed_at = last
        return environment, f"{error.message} Those of {listed_at:%d %b %H:%M} UTC were taken."


def _with_doubt(done: Done, outdated: str) -> Done:
    """A switch-off on hosts that were listed earlier: others may have come since."""
    if done.error is not None or done.result == "planned":
        return replace(done, notes=(*done.notes, outdated))
    doubt = PersonNeeded(
        f"{done.plan.flag.name} is off on the hosts that were listed last; others may have come since.",
        subject=done.plan.environment.name,
        state=outdated,
        hint=again(done.plan),
    )
    return replace(done, error=doubt)


def nothing_reached(environment: Environment, lost: Mapping[str, Unreachable]) -> Unreachable:
    """No host can be reached: the first one's reason, and that nothing was changed."""
    name, error = next(iter(lost.items()))
    return Unreachable(
        error.message,
        subject=f"{environment.name} · {name}",
        state="Nothing was changed on any host.",
        hint=error.hint,
        details=(*error.details, *(f"{other}: {why.message}" for other, why in lost.items() if other != name)),
    )


def _not_switched_off(request: Request, lost: Mapping[str, Unreachable]) -> PersonNeeded:
    """A switch-off that reached nobody: each host with its reason, and that people may still see the feature."""
    command = f"rolloutctl toggle {request.environment} {request.flag} false"
    hints = dict.fromkeys(error.hint for error in lost.values() if error.hint)
    return PersonNeeded(
        f"{request.flag} was not switched off: no host can be reached.",
        subject=request.environment,
        state="People may still see the feature. Nothing was changed on any host.",
        hint="\n".join((*hints, f"Then the same again: {command}")),
        details=tuple(f"{name}: {error.message}" for name, error in lost.items()),
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
