"""confirm: a provisional change stays, on every host; or all are put back, because one of them already was."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from msgspec.structs import replace

from rolloutctl.errors import PersonNeeded, PutBack, Refused, RolloutctlError, Unreachable
from rolloutctl.fleet import Fleet
from rolloutctl.rules.config import Environment
from rolloutctl.rules.decisions import Decision
from rolloutctl.rules.durations import in_words
from rolloutctl.rules.history import Change, of_environment
from rolloutctl.rules.host import Event, HostState
from rolloutctl.rules.outcomes import WENT_BACK
from rolloutctl.rules.plans import Plan
from rolloutctl.rules.provisional import (
    NOT_CONFIRMED,
    Provisional,
    newest_provisional,
    plan_from,
    provisional_in,
    ways_on,
)
from rolloutctl.rules.records import texts_in
from rolloutctl.workflows.closing import Outcomes, again, lines_of, names_of, remember, run_once, who_sees
from rolloutctl.workflows.delivering import deliver, look_over
from rolloutctl.workflows.hooking import tell_hooks
from rolloutctl.workflows.toggle import nothing_reached
from rolloutctl.workflows.tools import Done, Tools

_WHY = {
    **WENT_BACK,
    NOT_CONFIRMED: "nobody confirmed it in time",
    "rolled-back": "it was rolled back",
    "another-host-failed": "another host did not hold it",
}


def confirm(name: str, tools: Tools, notice: Callable[[str, Event], None]) -> Done:
    """Keep the provisional change of an environment, the arbiter first, whose durable "kept" is the commit point.

    Raises:
        Refused: nothing waits for it, or a host can't be reached before anything was decided.
    """
    environment = tools.environment(name)
    begun = tools.clock.monotonic()
    with Fleet(environment, tools.sessions, tools.clock, notice) as fleet:
        lost = fleet.open(tools.configuration.flags.values())
        states = look_over(fleet, lost, tools)
        if not states:
            raise nothing_reached(environment, lost)
        found = provisional_in(states)
        if found is None:
            return _nothing_waits(environment, states, lost, tools)
        _refuse_other_hosts(found, environment)
        flag = tools.configuration.flag(found.flag)
        plan = plan_from(found.change, found.fields, environment, flag, states)
        if lost and not found.confirmed:
            raise _unreached(found, lost)
        done = remember(_decide(fleet, plan, found, tools), tools)
    return tell_hooks(replace(done, seconds=tools.clock.monotonic() - begun), tools)


def _refuse_other_hosts(found: Provisional, environment: Environment) -> None:
    """Somebody whose list of hosts is another one can't speak for all that hold the change."""
    made_on, listed = texts_in(found.fields.get("hosts")), tuple(host.name for host in environment.hosts)
    if set(made_on) != set(listed):
        until, ways = ways_on(environment.name, found.flag, found.seconds_left)
        raise Refused(
            f"Change {found.change} was made on {names_of(made_on)}; environments.yaml here lists {names_of(listed)}.",
            subject=environment.name,
            state=f"Nothing was decided. {until}",
            hint=f"List those hosts, and then:\n{ways}",
        )


def _decide(fleet: Fleet, plan: Plan, found: Provisional, tools: Tools) -> Done:
    fleet.transacting = True
    by = Decision(True, cause="confirmed", by=tools.origin.fields())
    outcomes: Outcomes = {}
    if not found.confirmed:
        gone = _not_holding(fleet, plan, found)
        if gone:
            return _put_back(fleet, plan, f"{gone} did not hold the change any more")
        outcomes.update(deliver(fleet, plan, [found.arbiter], by))
        if outcomes[found.arbiter].result == "lost":
            return _silent_arbiter(plan, found, outcomes)
        if outcomes[found.arbiter].result != "kept":
            return _put_back(fleet, plan, f"{found.arbiter} went back before it was told")
    outcomes.update(deliver(fleet, plan, [name for name in fleet.sessions if name not in outcomes], by))
    return _kept(fleet, plan, found, outcomes)


def _not_holding(fleet: Fleet, plan: Plan, found: Provisional) -> str:
    """The first host that has not got the change any more; all others hold it until everybody has been told.

    Raises:
        Unreachable: a host was lost before anything was decided.
    """
    seconds = math.ceil(plan.environment.hold)
    held = fleet.each(lambda session: session.extend(plan.change, seconds))
    lost = {name: answer for name, answer in held.items() if isinstance(answer, Unreachable)}
    if lost:
        raise _unreached(found, lost)
    return next((name for name, holds in held.items() if not holds), "")


def _kept(fleet: Fleet, plan: Plan, found: Provisional, outcomes: Outcomes) -> Done:
    missed = [host.name for host in plan.environment.hosts if host.name not in outcomes]
    missed += [name for name, outcome in outcomes.items() if outcome.result != "kept"]
    error: RolloutctlError | None
    if missed:
        error = PersonNeeded(
            f"{found.arbiter} has kept the change, and {names_of(missed)} may have gone back.",
            subject=plan.environment.name,
            state=f"IN DOUBT: {names_of(missed)}.",
            hint=again(plan),
            details=tuple(f"{name}: {outcome.error}" for name, outcome in outcomes.items() if outcome.error),
        )
    else:
        error = run_once(fleet, plan, found.arbiter)
    return Done(plan, "in_doubt" if missed else "kept", tuple(outcomes.values()), error=error, word="Confirmed")


def _put_back(fleet: Fleet, plan: Plan, trouble: str) -> Done:
    outcomes = deliver(fleet, plan, list(fleet.sessions), Decision(False, cause="another-host-failed"))
    doubtful = [name for name, outcome in outcomes.items() if outcome.result != "reverted"]
    details = tuple(line for outcome in outcomes.values() for line in lines_of(outcome))
    error: RolloutctlError
    if doubtful:
        error = PersonNeeded(
            f"Not confirmed, and {names_of(doubtful)} could not be put back for sure: {trouble}.",
            subject=plan.environment.name,
            state=f"Before: {plan.before}. In doubt: {names_of(doubtful)}.",
            hint=f"rolloutctl status {plan.environment.name} {plan.flag.name}",
            details=details,
        )
    else:
        error = PutBack(
            f"Not confirmed: {trouble}, so every host was put back.",
            subject=plan.environment.name,
            state=f"As before, {who_sees(plan.before)} {plan.flag.name}.",
            hint=f"rolloutctl audit {plan.environment.name} --change {plan.change}",
            details=details,
        )
    return Done(plan, "in_doubt" if doubtful else "reverted", tuple(outcomes.values()), error=error)


def _silent_arbiter(plan: Plan, found: Provisional, outcomes: Outcomes) -> Done:
    """Nobody knows whether it has kept the change: the others wait on, and follow it once it can be asked."""
    error = PersonNeeded(
        f"{found.arbiter} was lost while it was told; it may have kept the change.",
        subject=plan.environment.name,
        state=f"IN DOUBT: {found.arbiter}. The others go back by themselves unless they are told before.",
        hint=f"rolloutctl confirm {plan.environment.name}",
        details=(f"{found.arbiter}: {outcomes[found.arbiter].error}",),
    )
    return Done(plan, "in_doubt", tuple(outcomes.values()), error=error)


def _unreached(found: Provisional, lost: Mapping[str, Unreachable]) -> Unreachable:
    """While nothing is decided the change waits on; there is time to mend the way to a host, and to try again."""
    name, error = next(iter(lost.items()))
    return Unreachable(
        f"Not confirmed: {name} cannot be reached: {error.message}",
        subject=found.environment,
        state=f"Nothing was decided: {found.flag} for {found.after} goes back by itself "
        f"in {in_words(found.seconds_left)}.",
        hint="\n".join(
            filter(
                None,
                (
                    error.hint,
                    f"Then again: rolloutctl confirm {found.environment}",
                    f"To put it back now: rolloutctl rollback {found.environment}",
                ),
            )
        ),
        details=tuple(f"{other}: {why.message}" for other, why in lost.items() if other != name),
    )


def _nothing_waits(
    environment: Environment, states: Mapping[str, HostState], lost: Mapping[str, Unreachable], tools: Tools
) -> Done:
    """Nothing is provisional: done already, or a refusal that tells how the last one ended.

    Raises:
        Refused: it was not kept, or something else has changed since.
    """
    change, name = newest_provisional(states), environment.name
    details = tuple(f"{host}: {error.message}" for host, error in lost.items())
    if change is None:
        raise Refused(
            f"Nothing in {name} waits to be confirmed.",
            subject=name,
            state="Nothing was changed.",
            hint=f"rolloutctl toggle {name} FLAG true --confirm-within 10m",
            details=details,
        )
    dead = [host for host, state in states.items() for pending in state.pending if pending.change == change.id]
    if dead:
        raise Refused(
            f"Nothing to confirm: change {change.id} is INTERRUPTED on {names_of(dead)}. What held it there has ended.",
            subject=name,
            state="A reboot does that. It goes back with the next command that changes something.",
            hint=f"rolloutctl rollback {name}",
            details=details,
        )
    if change.outcome == "kept" and not change.dissenters and change.id == of_environment(states)[-1].id and not lost:
        flag = tools.configuration.flag(change.flag)
        return Done(
            plan_from(change.id, change.fields, environment, flag, states), "unchanged", (), word="Confirmed already"
        )
    raise Refused(_how_it_ended(change), subject=name, hint=f"rolloutctl status {name}", details=details)


def _how_it_ended(change: Change) -> str:
    ended = change.outcome_fields
    time, cause = str(ended.get("time", ""))[:16].replace("T", " "), str(ended.get("cause", ""))
    what = f"Nothing to confirm: change {change.id}, {change.flag} for {change.after}"
    if change.outcome == "kept":
        return f"{what}, was kept on {time} UTC."
    return f"{what}, went back on {time} UTC: {_WHY.get(cause, cause)}."
