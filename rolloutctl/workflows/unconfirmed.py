"""rollback while a change is provisional: just that one goes back, at once, on every host that can be reached."""

from __future__ import annotations

from msgspec.structs import replace

from rolloutctl.contracts import Desk
from rolloutctl.errors import PersonNeeded, Refused, RolloutctlError
from rolloutctl.fleet import Fleet
from rolloutctl.rules.config import Environment
from rolloutctl.rules.decisions import Decision
from rolloutctl.rules.history import Change
from rolloutctl.rules.outcomes import untouched
from rolloutctl.rules.plans import Plan
from rolloutctl.rules.provisional import plan_from, way_back
from rolloutctl.workflows.closing import Outcomes, lines_of, names_of, remember, run_once
from rolloutctl.workflows.delivering import deliver, look_over
from rolloutctl.workflows.toggle import nothing_reached
from rolloutctl.workflows.tools import Done, Options, Tools


def take_back(environment: Environment, change: Change, options: Options, tools: Tools, desk: Desk) -> Done:
    """Put a provisional change back; the arbiter first: where somebody has confirmed it just now, that stands.

    Raises:
        Refused: the person did not agree, or somebody confirmed it in the meantime.
    """
    with Fleet(environment, tools.sessions, tools.clock, desk.notice) as fleet:
        lost = fleet.open(tools.configuration.flags.values())
        states = look_over(fleet, lost, tools)
        if not states:
            raise nothing_reached(environment, lost)
        flag = tools.configuration.flag(change.flag)
        plan = way_back(plan_from(change.id, change.fields, environment, flag, states))
        notes = tuple(f"{name} cannot be reached: {error.message}" for name, error in lost.items())
        desk.show(plan, notes)
        if options.dry_run:
            return Done(plan, "planned", tuple(untouched(host.name) for host in plan.hosts), notes)
        if not desk.agrees(plan):
            raise Refused(
                "You did not agree.",
                subject=environment.name,
                state="It stays provisional, and goes back when its time is over.",
            )
        begun = tools.clock.monotonic()
        done = remember(_told(fleet, plan, change, tools), tools)
    return replace(done, notes=(*notes, *done.notes), seconds=tools.clock.monotonic() - begun)


def _told(fleet: Fleet, plan: Plan, change: Change, tools: Tools) -> Done:
    fleet.transacting = True
    back = Decision(False, cause="rolled-back", by=tools.origin.fields())
    arbiter = str(change.fields.get("arbiter", ""))
    outcomes = deliver(fleet, plan, [arbiter], back)
    if arbiter in outcomes and outcomes[arbiter].result == "kept":
        raise Refused(
            f"Change {change.id} was confirmed in the meantime.",
            subject=plan.environment.name,
            state="Nothing was put back.",
            hint=f"To undo it: rolloutctl rollback {plan.environment.name}",
        )
    outcomes.update(deliver(fleet, plan, [name for name in fleet.sessions if name not in outcomes], back))
    return _ended(fleet, plan, outcomes)


def _ended(fleet: Fleet, plan: Plan, outcomes: Outcomes) -> Done:
    missed = [host.name for host in plan.environment.hosts if host.name not in outcomes]
    missed += [name for name, outcome in outcomes.items() if outcome.result != "reverted"]
    error: RolloutctlError | None
    if missed:
        error = PersonNeeded(
            f"{names_of(missed)} could not be put back for sure.",
            subject=plan.environment.name,
            state=f"People may still see {plan.flag.name} there until its time is over.",
            hint=f"rolloutctl toggle {plan.environment.name} {plan.flag.name} false"
            if plan.target.nobody
            else f"rolloutctl rollback {plan.environment.name}",
            details=tuple(line for outcome in outcomes.values() for line in lines_of(outcome)),
        )
    else:
        error = run_once(fleet, plan, next(iter(outcomes)))
    return Done(plan, "in_doubt" if missed else "reverted", tuple(outcomes.values()), error=error, word="Put back")
