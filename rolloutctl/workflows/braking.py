"""The emergency brake: a narrowing goes its own way on each host, waits for no other, and never goes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from rolloutctl.contracts import Session
from rolloutctl.errors import Refused, Unreachable
from rolloutctl.fleet import Fleet
from rolloutctl.rules.flags import Audience, same_people
from rolloutctl.rules.host import Event, HostState
from rolloutctl.rules.locks import Drifted, lock_problem
from rolloutctl.rules.outcomes import HostOutcome, outcome_from, unreached
from rolloutctl.rules.plans import HostPlan, Plan
from rolloutctl.rules.records import DONE, NO_EFFECT, STEP_FAILED
from rolloutctl.rules.work import work_for
from rolloutctl.workflows.closing import reach
from rolloutctl.workflows.looking import look_at
from rolloutctl.workflows.narrowed import conclude_narrowing
from rolloutctl.workflows.proving import findings_of, merged
from rolloutctl.workflows.tools import Done, Tools

_ROUNDS = 10  # how often a host is tried anew because somebody else was faster
_PATIENCE = 30.0  # seconds for a lock whose holder executes a step; one that only waits makes room

PlanMaker = Callable[[Mapping[str, HostState], Mapping[str, Unreachable]], Plan]


class _End(Struct, frozen=True):
    outcome: HostOutcome
    notes: tuple[str, ...] = ()
    again: bool = False  # the host was not as it was when it was looked at
    moved: bool = False  # another release is live there


def brake(fleet: Fleet, plan: Plan, lost: dict[str, Unreachable], make_plan: PlanMaker, tools: Tools) -> Done:
    """Narrow on every host that can be reached; exit 5 names the rest. A host that arrives late is narrowed late."""
    fleet.transacting = True
    ends: dict[str, _End] = {}
    plans: dict[str, Plan] = {}  # each host's own, as it was last
    overtaken: dict[str, str] = {}
    cut: set[str] = set()
    left = {host.name: replace(plan, hosts=(host,)) for host in plan.hosts}
    for _ in range(_ROUNDS):
        plans.update(left)
        ends.update(_round(fleet, left, tools))
        _reach_once_more(fleet, plan, ends, cut)
        lost.update(fleet.arrivals())
        lost.update(fleet.renew([name for name, end in ends.items() if end.moved]))
        names = [name for name in fleet.sessions if name not in overtaken and (name not in ends or ends[name].again)]
        states = look_at(fleet, names, lost, tools) if names else {}
        left = _planned_again(plan, states, lost, make_plan, overtaken)
        if not left:
            break
    target, others = _target_of(plan, {name: each for name, each in plans.items() if name not in overtaken})
    overtaken.update(others)
    hosts = tuple(host for each in plans.values() for host in each.hosts)
    whole = replace(plan, target=target, hosts=hosts, unreachable=tuple(lost))
    outcomes = {name: ends[name].outcome for name in plans}
    done = conclude_narrowing(fleet, whole, outcomes, overtaken, tools)
    notes = merged([f"{name}: {note}" for name, end in ends.items() for note in end.notes], len(ends))
    return replace(done, notes=(*notes, *done.notes))


def _reach_once_more(fleet: Fleet, plan: Plan, ends: dict[str, _End], cut: set[str]) -> None:
    """A connection that was cut is no reason to leave a host on: over another one, see how far it came."""
    gone = [name for name, end in ends.items() if end.outcome.result == "lost" and name not in cut]
    cut.update(gone)
    outcomes = {name: ends[name].outcome for name in gone}
    reach(fleet, plan, outcomes, gone, keep=True)
    for name, outcome in outcomes.items():
        ends[name] = replace(ends[name], outcome=outcome, again=outcome.result in {"untouched", "reverted"})


def _planned_again(
    plan: Plan,
    states: Mapping[str, HostState],
    lost: Mapping[str, Unreachable],
    make_plan: PlanMaker,
    overtaken: dict[str, str],
) -> dict[str, Plan]:
    """The plans for hosts that are still to be narrowed, as they now are; by their names.

    Whoever was faster may have closed the feature further than was asked for here. Then the same edit would open it
    again, or there is nothing left to do, so such a host is left as it is, and noted in `overtaken`.
    """
    left: dict[str, Plan] = {}
    for name, state in states.items():
        try:
            fresh = make_plan({name: state}, lost)
        except Refused as refused:
            overtaken[name] = refused.message
            continue
        closer = fresh.nothing_to_write and not same_people(fresh.target, plan.target)
        if fresh.narrow and (plan.undoes or fresh.target.within(plan.target)) and not closer:
            left[name] = replace(plan, target=fresh.target, hosts=fresh.hosts)
        else:
            overtaken[name] = f"somebody else changed it meanwhile, to {fresh.before}"
    return left


def _target_of(plan: Plan, plans: Mapping[str, Plan]) -> tuple[Audience, dict[str, str]]:
    """Who sees the feature now, as planned last: on most hosts; and where else what, as somebody was faster there."""
    targets = [each.target for each in plans.values()] or [plan.target]
    most = max(targets, key=lambda target: sum(same_people(target, other) for other in targets))
    others = {
        name: f"somebody else changed it meanwhile; now it is {each.target}"
        for name, each in plans.items()
        if not same_people(each.target, most)
    }
    return most, others


def _round(fleet: Fleet, plans: Mapping[str, Plan], tools: Tools) -> dict[str, _End]:
    origin = tools.origin_now()

    def one(session: Session) -> _End:
        plan = plans[session.host.name]
        (host,) = plan.hosts
        work = work_for(plan, host, session.host, session.server, origin)
        return _narrowed(session, plan, host, session.prepare(work))

    ends: dict[str, _End] = {}
    for name, end in fleet.each(one, plans).items():
        ends[name] = _End(outcome_from(name, end)) if isinstance(end, Unreachable) else end
    return ends


def _narrowed(session: Session, plan: Plan, host: HostPlan, prepared: Sequence[Event]) -> _End:
    try:
        objections, notes = findings_of(plan, host, prepared)
    except Drifted as drift:
        return _End(unreached(host.name, drift.message), again=True)
    told = (*notes, *(objection.passed or objection.message for objection in objections))
    said = len(session.said)
    try:
        causes = (NO_EFFECT, NO_EFFECT) if plan.without_effect else (DONE, STEP_FAILED)
        locked, committed, kept = session.narrow_at_once(_PATIENCE, plan.change, plan.environment.hold, causes)
        problem = lock_problem(host.name, locked)
        if problem is not None:
            moved = isinstance(problem, Drifted) and problem.moved
            return _End(unreached(host.name, problem.message), told, again=isinstance(problem, Drifted), moved=moved)
        outcome = outcome_from(host.name, committed)
        if any(step == "drift" for step, _, _ in outcome.failed):
            return _End(outcome, told, again=True)
        return _End(outcome.then(outcome_from(host.name, kept)), told)
    except Unreachable as error:
        return _End(outcome_from(host.name, error, session.said[said:]), told)
