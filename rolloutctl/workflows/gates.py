"""What has to hold before more people may see a feature. Narrowing meets no gate: it is only told."""

from __future__ import annotations

from collections.abc import Mapping

from rolloutctl.errors import ConfigurationError, Refused, RolloutctlError, Unlisted, Unreachable
from rolloutctl.fleet import Fleet
from rolloutctl.rules.config import Flag
from rolloutctl.rules.freeze import standing
from rolloutctl.rules.host import HostState
from rolloutctl.rules.plans import Plan
from rolloutctl.workflows.narrowed import CACHE_STEP
from rolloutctl.workflows.tools import Tools

_UNTOUCHED = "Nothing was changed on any host."


def check_gates(plan: Plan, lost: Mapping[str, Unreachable], tools: Tools) -> tuple[str, ...]:
    """Refuse a widening that a gate holds back; what a narrowing passes by comes back as notes.

    Raises:
        ConfigurationError: a secret is missing, without which the change can't be proved.
        Refused: naming the gate, the evidence, and when or how it opens.
    """
    notes = tuple(note for host in plan.hosts for note in _about(host.name, host.notes))
    objections = [*_unproved(plan), *_reachable(lost), *_frozen(plan, tools), *_deploying(plan), *_idle(plan)]
    if plan.narrow:
        return (*notes, *(error.message for error in objections))
    if plan.target.enabled:
        objections.extend(_required(plan, tools))
    for error in objections:
        raise error
    return notes


def _about(name: str, notes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{name}: {note}" for note in notes)


def _unproved(plan: Plan) -> list[RolloutctlError]:
    return [
        ConfigurationError(
            f"What needs a secret can't be asked: {missing}.",
            subject=plan.environment.name,
            state=_UNTOUCHED,
            hint="Set it in the environment, or in .env beside environments.yaml.",
        )
        for missing in plan.environment.unmet
    ]


def _reachable(lost: Mapping[str, Unreachable]) -> list[Refused]:
    return [
        Unreachable(f"{name} cannot be reached: {error.message}", subject=name, state=_UNTOUCHED, hint=error.hint)
        for name, error in lost.items()
    ]


def _frozen(plan: Plan, tools: Tools) -> list[Refused]:
    moment = tools.clock.now()
    freeze = standing(plan.environment.freeze, moment)
    if freeze is None or "freeze" in plan.overridden:
        return []
    until = freeze.ends_after(moment)
    return [
        Refused(
            f"{plan.environment.name} is frozen until {until:%a %d %b %H:%M %Z}.",
            subject=plan.environment.name,
            state=_UNTOUCHED,
            hint="Switching off works at any time.",
        )
    ]


def _deploying(plan: Plan) -> list[Refused]:
    at_work = [
        Refused(
            f"{host.state.working} is at work on {host.name}.",
            subject=host.name,
            state=_UNTOUCHED,
            hint="Wait for it to end. Switching off works meanwhile.",
        )
        for host in plan.hosts
        if host.state.working
    ]
    return at_work + [
        Refused(
            f"A deployment is running on {host.name}: {found} is there.",
            subject=host.name,
            state=_UNTOUCHED,
            hint="Wait for it to end; if it crashed, remove that file.",
        )
        for host in plan.hosts
        for found in host.state.deploying
    ]


def _idle(plan: Plan) -> list[Refused]:
    """Where a config cache stands, the application does not read .env; without steps nothing builds it anew."""
    return [
        Refused(
            f"A config cache stands on {host.name}, and no step builds it anew: the change would take no effect.",
            subject=f"{plan.environment.name} · {host.name}",
            state=_UNTOUCHED,
            hint=f"Add it to environments.yaml, below steps: {CACHE_STEP}",
        )
        for host in plan.idle
    ]


def _required(plan: Plan, tools: Tools) -> list[Refused]:
    asked = [name for name in plan.environment.requires if f"on-in-{name}" not in plan.overridden]
    return [
        Refused(
            f"{plan.flag.name} has to be on in {name} first: {why}.",
            subject=name,
            state=_UNTOUCHED,
            hint=f"rolloutctl toggle {name} {plan.flag.name} true",
        )
        for name in asked
        if (why := not_on(name, plan.flag, tools))
    ]


def not_on(required: str, flag: Flag, tools: Tools) -> str:
    """Why a flag is not on in an environment, in words; empty where every host has it on."""
    try:
        environment = tools.environment(required)
    except Unlisted as unlisted:
        return unlisted.message.removesuffix(".")
    with Fleet(environment, tools.sessions, tools.clock) as fleet:
        lost = fleet.open(tools.configuration.flags.values())
        seen = fleet.look(content=False)
    for name, error in lost.items():
        return f"{name} cannot be reached ({error.message})"
    for name, state in seen.items():
        if not isinstance(state, HostState):
            return f"{name} was lost"
        audience = state.effective(flag) or state.in_file(flag)
        if audience is None or audience.nobody:
            return f"on {name} nobody sees it"
    return ""
