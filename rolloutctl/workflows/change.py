"""The story of every change: look, plan, prove, ask, lock, commit, keep - or nothing at all.

toggle and rollback differ only in how they make the plan.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from rolloutctl.contracts import Desk
from rolloutctl.errors import PersonNeeded, Refused, Unreachable
from rolloutctl.fleet import Drifted, Fleet
from rolloutctl.rules.config import Environment
from rolloutctl.rules.host import HostState
from rolloutctl.rules.outcomes import HostOutcome, asked_in, unreached, untouched
from rolloutctl.rules.plans import Plan
from rolloutctl.rules.requests import describe, is_about_flag, requests_for
from rolloutctl.rules.work import failures
from rolloutctl.workflows.endings import again, conclude
from rolloutctl.workflows.gates import check_gates
from rolloutctl.workflows.proving import prove
from rolloutctl.workflows.settling import settle_leftovers
from rolloutctl.workflows.tools import Done, Options, Tools

_REPLANS = 20  # how often a switch-off plans anew because somebody else was faster
_PATIENCE = 30.0  # seconds that a switch-off waits for a lock whose holder executes a step

PlanMaker = Callable[[Mapping[str, HostState], Mapping[str, Unreachable]], Plan]


def carry_out(environment: Environment, make_plan: PlanMaker, options: Options, tools: Tools, desk: Desk) -> Done:
    """Carry out a change on all hosts of an environment, or on none.

    Raises:
        Refused: nothing was touched.
    """
    with Fleet(environment, tools.sessions, tools.clock, desk.notice) as fleet:
        lost = fleet.open(tools.configuration.flags.values())
        deadline = tools.clock.now().timestamp() + options.wait
        agreed: object = None
        for attempt in range(_REPLANS):
            plan = _planned(fleet, lost, make_plan, tools)
            if plan.nothing_to_write and (done := _already_so(fleet, plan, tools)):
                return done
            notes = check_gates(plan, lost, tools) + prove(fleet, plan, tools, with_pending=options.with_pending)
            if agreed != _essence(plan):
                desk.show(plan, notes)
                if options.dry_run:
                    return Done(plan, "planned", _nobody_touched(plan), notes)
                if not desk.agrees(plan):
                    raise Refused("You did not agree.", state="Nothing was changed on any host.")
                agreed = _essence(plan)
            try:
                return _apply(fleet, plan, notes, deadline, tools)
            except Drifted:
                over = tools.clock.now().timestamp() > deadline and not plan.narrow
                if over or attempt + 1 == _REPLANS:
                    raise
    raise AssertionError("the last attempt returns or raises")  # pragma: no cover


def _planned(fleet: Fleet, lost: dict[str, Unreachable], make_plan: PlanMaker, tools: Tools) -> Plan:
    states = _look(fleet, lost, tools)
    if settle_leftovers(fleet, states, tools):
        states = _look(fleet, lost, tools)
    return make_plan(states, lost)


def _look(fleet: Fleet, lost: dict[str, Unreachable], tools: Tools) -> dict[str, HostState]:
    seen = fleet.look(content=True)
    lost.update({name: state for name, state in seen.items() if isinstance(state, Unreachable)})
    states = {name: state for name, state in seen.items() if isinstance(state, HostState)}
    _refuse_twins(states)
    for name, state in states.items():
        tools.mirror.saw(fleet.environment.name, name, state.records)
    return states


def _refuse_twins(states: Mapping[str, HostState]) -> None:
    places: dict[str, str] = {}
    for name, state in states.items():
        twin = places.setdefault(state.place, name)
        if twin != name:
            raise Refused(
                f"{twin} and {name} are the same application on the same machine.",
                hint="List each host once in environments.yaml.",
            )


def _wrong_answers(fleet: Fleet, plan: Plan, tools: Tools) -> list[tuple[bool, str]]:
    """What the application answers otherwise than files and caches say: whether it is about the flag, and in words."""
    wrong = []
    for host in plan.hosts:
        session = fleet.sessions[host.name]
        requests = requests_for(
            plan.environment, session.host, [(plan.flag, plan.target)], session.server, patient=False
        )
        for asked in failures(asked_in(session.ask(requests)) if requests else ()):
            name = describe(asked.id, tools.configuration.flags, plan.environment)
            wrong.append((is_about_flag(asked.id, plan.flag), f"{host.name}: {name} answers {asked}"))
    return wrong


def _already_so(fleet: Fleet, plan: Plan, tools: Tools) -> Done | None:
    """Files and caches say so on every host that can be reached; None when the application answers otherwise."""
    wrong = _wrong_answers(fleet, plan, tools)
    if any(is_about for is_about, _ in wrong):
        return None
    error = None
    if plan.unreachable:
        error = PersonNeeded(
            f"{plan.flag.name} is already set to {plan.target} on every host that can be reached; not reached:"
            f" {', '.join(plan.unreachable)}.",
            subject=plan.environment.name,
            state="Nothing was changed.",
            hint=again(plan),
        )
    return Done(plan, "unchanged", _nobody_touched(plan), tuple(note for _, note in wrong), error)


def _apply(fleet: Fleet, plan: Plan, notes: tuple[str, ...], deadline: float, tools: Tools) -> Done:
    begun = tools.clock.now()
    names = [host.name for host in plan.hosts]
    least = _PATIENCE if plan.narrow else 0.0  # a switch-off waits for a step that is being executed
    unlocked = fleet.lock(names, narrow=plan.narrow, seconds=max(least, deadline - begun.timestamp()))
    ready = [name for name in names if name not in unlocked]
    if not ready:
        raise next(iter(unlocked.values()))
    outcomes = {name: unreached(name, str(error)) for name, error in unlocked.items()}
    outcomes |= fleet.commit(plan.change, ready, narrow=plan.narrow)
    done = conclude(fleet, plan, outcomes, tools)
    seconds = (tools.clock.now() - begun).total_seconds()
    return replace(done, notes=(*notes, *done.notes), seconds=seconds)


def _nobody_touched(plan: Plan) -> tuple[HostOutcome, ...]:
    return tuple(untouched(host.name) for host in plan.hosts)


def _essence(plan: Plan) -> tuple[object, ...]:
    """What a person agrees to: the same again needs no second question."""
    return (plan.target, *((host.name, host.writes) for host in plan.hosts))
