"""How a change ends once hosts have committed: kept by all, put back by all, or a person is named what to do."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from rolloutctl.errors import PersonNeeded, PutBack, Refused, RolloutctlError
from rolloutctl.fleet import Fleet
from rolloutctl.rules.outcomes import WENT_BACK, HostOutcome
from rolloutctl.rules.plans import Plan
from rolloutctl.rules.requests import describe, requests_for
from rolloutctl.rules.work import failures
from rolloutctl.workflows.closing import (
    Outcomes,
    again,
    ill_behind,
    lines_of,
    names_of,
    reach,
    remember,
    run_once,
    toggle_to,
    who_sees,
)
from rolloutctl.workflows.tools import Done, Tools

_DOUBTFUL = {"lost", "stuck", "kept", "committed", "provisional"}


def conclude(fleet: Fleet, plan: Plan, outcomes: Outcomes, tools: Tools) -> Done:
    """Decide a widening for all hosts, once all have answered."""
    trouble = _trouble(fleet, plan, outcomes, tools)
    if trouble:
        done = _put_back(fleet, plan, outcomes, trouble, tools)
    elif plan.confirm_within:
        done = _provide(fleet, plan, outcomes, tools)
    else:
        done = _keep(fleet, plan, outcomes, tools)
    return remember(done, tools)


def _trouble(fleet: Fleet, plan: Plan, outcomes: Outcomes, tools: Tools) -> str | None:
    """Why a widening has to go back; None when every host has it and the outside agrees."""
    if fleet.interrupted:
        return "You interrupted the change"
    for name, outcome in outcomes.items():
        if not outcome.committed:
            return f"{name} {_why(outcome, plan, tools)}"
    gone = [name for name, held in fleet.still_held(outcomes).items() if not held] if len(outcomes) > 1 else []
    if gone:
        return f"{gone[0]} no longer held it when all were done"
    url, flag = plan.environment.url, plan.flag
    if url is None:
        return None
    health = plan.environment.health
    outside = replace(plan.environment, health=health if health and health.outside else None)
    probes = replace(flag, probes=tuple(probe for probe in flag.probes if probe.outside))
    asked = requests_for(outside, plan.environment.hosts[0], [(probes, plan.target)], "")
    wrong = failures(tools.outsider(url, asked)) if asked else ()
    names = {flag.name: probes}
    return f"From outside {describe(wrong[0].id, names, outside)} answered {wrong[0]}" if wrong else None


def _why(outcome: HostOutcome, plan: Plan, tools: Tools) -> str:
    """Why a host went back, in words that follow its name."""
    for asked in failures(outcome.asked):
        if outcome.failed and outcome.failed[0][0] == "health":
            return f"answered {describe(asked.id, tools.configuration.flags, plan.environment)} with {asked}"
    if outcome.result == "lost":
        return f"was lost ({outcome.error})"
    if outcome.result == "untouched" and not outcome.failed:
        return "lost its lock to a switch-off, or was told to stop, before anything was changed there"
    if not outcome.failed:
        return "went back by itself" + (f": {WENT_BACK.get(outcome.cause, outcome.cause)}" if outcome.cause else "")
    step, status, output = outcome.failed[0]
    words = {
        "drift": "had its .env or its config cache changed by somebody else at that moment",
        "record": "could not write the record of the change: is the disk full?",
        "override": "would have built another config cache from .env than from the flag alone: something overrides it",
        "terminated": "was told to stop",
        "health": "did not say whether the application is well",
    }
    last = output.strip().splitlines()[-1:] if output.strip() else []
    how = "ran into its time limit" if status == "124" else f"ended with exit {status}"
    return words.get(step, f"failed: the step '{step}' {how}" + (f" ({last[0]})" if last else ""))


def _put_back(fleet: Fleet, plan: Plan, outcomes: Outcomes, trouble: str, tools: Tools) -> Done:
    committed = [name for name, outcome in outcomes.items() if outcome.result == "committed"]
    cause = "interrupted-by-operator" if fleet.interrupted else "another-host-failed"
    for name, later in fleet.decide(committed, keep=False, cause=cause).items():
        outcomes[name] = outcomes[name].then(later)
    # Still committed: it went back by itself meanwhile, as while the laptop slept, and nobody has been told.
    away = [name for name, outcome in outcomes.items() if outcome.result in {"lost", "provisional", "committed"}]
    reach(fleet, plan, outcomes, away, keep=False)
    hosts = tuple(outcomes.values())
    back = [outcome.name for outcome in hosts if outcome.result == "reverted"]
    once = run_once(fleet, plan, back[0]) if back else None
    doubtful = [outcome.name for outcome in hosts if outcome.result in _DOUBTFUL]
    ill = ill_behind(fleet, plan, outcomes)
    details = tuple(line for outcome in hosts for line in lines_of(outcome))
    subject = plan.environment.name
    error: RolloutctlError
    if doubtful:
        error = PersonNeeded(
            f"The change failed, and {names_of(doubtful)} could not be put back for sure: {trouble}.",
            subject=subject,
            state=f"On {names_of(doubtful)} {_either(plan)}.",
            hint=toggle_to(subject, plan.flag, plan.before),
            details=details,
        )
    elif all(outcome.result == "untouched" for outcome in hosts):
        error = Refused(
            f"Nothing was begun: {trouble}.",
            subject=subject,
            state="Nothing was changed on any host.",
            hint=f"rolloutctl status {subject} {plan.flag.name}",
            details=details,
        )
    elif ill:
        error = _ill(plan, ill, _story(trouble, hosts), details)
    else:
        error = PutBack(
            f"Nothing changed: still {who_sees(plan.before)} {plan.flag.name}.",
            subject=subject,
            state=_story(trouble, hosts),
            hint=f"rolloutctl audit {subject} --change {plan.change}",
            details=details,
        )
    if once is not None and not doubtful:
        error = once
    result = "in_doubt" if doubtful else "refused" if isinstance(error, Refused) else "reverted"
    return Done(plan, result, hosts, error=error)


def _provide(fleet: Fleet, plan: Plan, outcomes: Outcomes, tools: Tools) -> Done:
    """Every host holds it by itself from now on, without us."""
    for name, later in fleet.provide(list(outcomes), plan.confirm_within).items():
        outcomes[name] = outcomes[name].then(later)
    missing = [name for name, outcome in outcomes.items() if outcome.result != "provisional"]
    if missing or fleet.interrupted:
        trouble = f"{missing[0]} could not hold the change by itself" if missing else "You interrupted the change"
        return _put_back(fleet, plan, outcomes, trouble, tools)
    return Done(plan, "provisional", tuple(outcomes.values()))


def _ill(plan: Plan, ill: Mapping[str, str], story: str, details: tuple[str, ...]) -> PersonNeeded:
    names = list(ill)
    return PersonNeeded(
        f"The change was put back, but {names_of(names)} {'does' if len(names) == 1 else 'do'} not answer as before.",
        subject=plan.environment.name,
        state=f"{story} Its files are the old ones on every host: {who_sees(plan.before)} {plan.flag.name}.",
        hint=f"See whether php-fpm and the web server run on {names_of(names)}; "
        f"then: rolloutctl status {plan.environment.name} {plan.flag.name}",
        details=(*(f"{name}  {said}" for name, said in ill.items()), *details),
    )


def _keep(fleet: Fleet, plan: Plan, outcomes: Outcomes, tools: Tools) -> Done:
    """The arbiter's durable "kept" is the commit point; the others follow."""
    arbiter, *others = outcomes
    _tell(fleet, plan, outcomes, [arbiter])
    if outcomes[arbiter].result != "kept":
        why = WENT_BACK.get(outcomes[arbiter].cause)
        trouble = f"On {arbiter} {why}" if why else f"{arbiter} did not confirm that it kept the change"
        return _put_back(fleet, plan, outcomes, trouble, tools)
    _tell(fleet, plan, outcomes, others)
    doubtful = [name for name, outcome in outcomes.items() if outcome.result != "kept"]
    error: RolloutctlError | None = None
    if doubtful:
        error = PersonNeeded(
            f"{arbiter} has kept the change, and {names_of(doubtful)} may have gone back.",
            subject=plan.environment.name,
            state=f"IN DOUBT: on {names_of(doubtful)} {_either(plan)}.",
            hint=again(plan),
        )
    elif (failed := run_once(fleet, plan, arbiter)) is not None:
        error = failed
    return Done(plan, "in_doubt" if doubtful else "kept", tuple(outcomes.values()), error=error)


def _tell(fleet: Fleet, plan: Plan, outcomes: Outcomes, names: list[str]) -> None:
    for name, later in fleet.decide(names, keep=True, cause="all-committed").items():
        outcomes[name] = outcomes[name].then(later)
    reach(fleet, plan, outcomes, [name for name in names if outcomes[name].result != "kept"], keep=True)


def _either(plan: Plan) -> str:
    return f"{who_sees(plan.target)} {plan.flag.name} or, as before, {who_sees(plan.before)} it"


def _story(trouble: str, hosts: tuple[HostOutcome, ...]) -> str:
    back = [outcome.name for outcome in hosts if outcome.result == "reverted"]
    never = [outcome.name for outcome in hosts if outcome.result == "untouched"]
    said = f"{trouble}, so {names_of(back)} {'was' if len(back) == 1 else 'were'} put back."
    if never:
        said += f" {names_of(never)} {'was' if len(never) == 1 else 'were'} never touched."
    return said
