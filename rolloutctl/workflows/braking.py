"""The emergency brake: a narrowing goes its own way on each host, waits for no other, and never goes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from rolloutctl.contracts import Session
from rolloutctl.errors import Unreachable
from rolloutctl.fleet import Busy, Drifted, Fleet, lock_problem
from rolloutctl.rules.history import STEP_FAILED
from rolloutctl.rules.host import Event, HostState
from rolloutctl.rules.outcomes import HostOutcome, outcome_from, unreached
from rolloutctl.rules.plans import HostPlan, Plan
from rolloutctl.rules.work import work_for
from rolloutctl.workflows.looking import look_at
from rolloutctl.workflows.narrowed import conclude_narrowing
from rolloutctl.workflows.proving import findings_of, merged
from rolloutctl.workflows.tools import Done, Tools

_ROUNDS = 10  # how often a host is tried anew because somebody else was faster
_PATIENCE = 30.0  # seconds for a lock whose holder executes a step; one that only waits makes room

PlanMaker = Callable[[Mapping[str, HostState], Mapping[str, Unreachable]], Plan]


@dataclass(frozen=True, slots=True)
class _End:
    outcome: HostOutcome
    notes: tuple[str, ...] = ()
    again: bool = False  # the host was not as it was when it was looked at


def brake(fleet: Fleet, plan: Plan, lost: dict[str, Unreachable], make_plan: PlanMaker, tools: Tools) -> Done:
    """Narrow on every host that can be reached; exit 5 names the rest. A host that arrives late is narrowed late."""
    fleet.transacting = True
    ends: dict[str, _End] = {}
    plans: dict[str, HostPlan] = {}
    for _ in range(_ROUNDS):
        plans.update({host.name: host for host in plan.hosts})
        ends.update(_round(fleet, plan, tools))
        lost.update(fleet.arrivals())
        left = [name for name in fleet.sessions if name not in ends or ends[name].again]
        states = look_at(fleet, left, lost, tools) if left else {}
        if not states:
            break
        plan = replace(make_plan(states, lost), narrow=True)
    whole = replace(plan, hosts=tuple(plans.values()), unreachable=tuple(lost))
    outcomes = {name: ends[name].outcome for name in plans}
    done = conclude_narrowing(fleet, whole, outcomes, tools)
    notes = merged([f"{name}: {note}" for name, end in ends.items() for note in end.notes], len(ends))
    return replace(done, notes=(*notes, *done.notes))


def _round(fleet: Fleet, plan: Plan, tools: Tools) -> dict[str, _End]:
    plans = {host.name: host for host in plan.hosts}
    origin = replace(tools.origin, since=tools.clock.now().isoformat(timespec="seconds"))

    def one(session: Session) -> _End:
        host = plans[session.host.name]
        work = work_for(plan, host, session.host, session.server, origin)
        return _narrowed(session, plan, host, session.prepare(work))

    ends: dict[str, _End] = {}
    for name, end in fleet.each(one, plans).items():
        ends[name] = _End(unreached(name, end.message)) if isinstance(end, Unreachable) else end
    return ends


def _narrowed(session: Session, plan: Plan, host: HostPlan, prepared: Sequence[Event]) -> _End:
    try:
        objections, notes = findings_of(session, plan, host, prepared)
    except Drifted as drift:
        return _End(unreached(host.name, drift.message), again=True)
    told = (*notes, *(objection.passed or objection.message for objection in objections))
    problem = lock_problem(host.name, session.lock(True, _PATIENCE))
    if isinstance(problem, Busy | Unreachable):
        return _End(unreached(host.name, problem.message), told)
    if problem is not None:
        return _End(unreached(host.name, problem.message), told, again=True)
    said = len(session.said)
    try:
        outcome = outcome_from(host.name, session.commit(plan.change, plan.environment.hold))
        if any(step == "drift" for step, _, _ in outcome.failed):
            return _End(outcome, told, again=True)
        cause = "done" if outcome.result == "committed" else STEP_FAILED
        return _End(outcome.then(outcome_from(host.name, session.decide(True, cause))), told)
    except Unreachable as error:
        return _End(outcome_from(host.name, error, session.said[said:]), told)
