"""How a change ends once hosts have committed: kept by all, put back by all, or a person is named what to do."""

from __future__ import annotations

from dataclasses import replace

from rolloutctl.errors import PersonNeeded, PutBack, Refused, RolloutctlError
from rolloutctl.fleet import Fleet
from rolloutctl.rules.host import HostState
from rolloutctl.rules.outcomes import HostOutcome, Result
from rolloutctl.rules.plans import Plan
from rolloutctl.rules.records import read_record
from rolloutctl.rules.requests import describe, is_about_flag, requests_for
from rolloutctl.rules.work import failures
from rolloutctl.workflows.tools import Done, Tools

Outcomes = dict[str, HostOutcome]


def conclude(fleet: Fleet, plan: Plan, outcomes: Outcomes, tools: Tools) -> Done:
    """Decide for all hosts, once all have answered."""
    if plan.narrow:
        done = _keep_narrowing(fleet, plan, outcomes, tools)
    elif (trouble := _trouble(fleet, plan, outcomes, tools)) is not None:
        done = _put_back(fleet, plan, outcomes, trouble, tools)
    else:
        done = _keep(fleet, plan, outcomes, tools)
    for outcome in done.hosts:
        tools.mirror.saw(plan.environment.name, outcome.name, outcome.records)
        for text in outcome.unrecorded:
            fields = {**read_record("{" + text).data, "at": tools.clock.now().isoformat(timespec="seconds")}
            tools.mirror.owe(plan.environment.name, outcome.name, fields)
    return done


# ------------------------------------------------------------------------------------------------------------- widening


def _trouble(fleet: Fleet, plan: Plan, outcomes: Outcomes, tools: Tools) -> str | None:
    """Why a widening has to go back; None when every host has it and the outside agrees."""
    if fleet.interrupted:
        return "you interrupted it"
    for name, outcome in outcomes.items():
        if not outcome.committed and (outcome.result != "untouched" or outcome.failed):
            return f"{name} {_why(outcome, plan, tools)}"
    url, flag = plan.environment.url, plan.flag
    if url is None:
        return None
    health = plan.environment.health
    outside = replace(plan.environment, health=health if health and health.outside else None)
    probes = replace(flag, probes=tuple(probe for probe in flag.probes if probe.outside))
    asked = requests_for(outside, plan.environment.hosts[0], [(probes, plan.target)], "")
    wrong = failures(tools.outsider(url, asked)) if asked else ()
    names = {flag.name: probes}
    return f"from outside {describe(wrong[0].id, names, outside)} answered {wrong[0]}" if wrong else None


def _why(outcome: HostOutcome, plan: Plan, tools: Tools) -> str:
    """Why a host went back, in words that follow its name."""
    for asked in failures(outcome.asked):
        if outcome.failed and outcome.failed[0][0] == "health":
            return f"answered {describe(asked.id, tools.configuration.flags, plan.environment)} with {asked}"
    if outcome.result == "lost":
        return f"was lost ({outcome.error})"
    if not outcome.failed:
        return "went back by itself" + (f" ({outcome.cause})" if outcome.cause else "")
    step, status, output = outcome.failed[0]
    words = {
        "drift": "had its .env changed by somebody else at that moment",
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
    for name in [name for name, outcome in outcomes.items() if outcome.result == "lost"]:
        outcomes[name] = _reach(fleet, plan, outcomes[name], keep=False)
    hosts = tuple(outcomes.values())
    back = [outcome.name for outcome in hosts if outcome.result == "reverted"]
    once = _run_once(fleet, plan, back[0]) if back else None
    doubtful = [outcome.name for outcome in hosts if outcome.result in {"lost", "stuck", "kept", "committed"}]
    details = tuple(line for outcome in hosts for line in _lines(outcome))
    subject = plan.environment.name
    error: RolloutctlError
    if doubtful:
        error = PersonNeeded(
            f"The change failed, and {_names(doubtful)} could not be put back for sure: {trouble}.",
            subject=subject,
            state=f"Before: {plan.before}. In doubt: {_names(doubtful)}.",
            hint=f"rolloutctl toggle {subject} {plan.flag.name} false"
            if plan.before.nobody
            else f"rolloutctl status {subject} {plan.flag.name}",
            details=details,
        )
    elif all(outcome.result == "untouched" for outcome in hosts):
        error = Refused(
            f"Nothing was begun: {trouble}.", subject=subject, state="Nothing was changed on any host.", details=details
        )
    else:
        error = PutBack(
            f"Nothing changed: still {_see(plan.before)} {plan.flag.name}.",
            subject=subject,
            state=_story(trouble, hosts),
            hint=f"rolloutctl audit {subject} --change {plan.change}",
            details=details,
        )
    if once is not None and not doubtful:
        error = once
    result = "in_doubt" if doubtful else "refused" if isinstance(error, Refused) else "reverted"
    return Done(plan, result, hosts, error=error)


def _keep(fleet: Fleet, plan: Plan, outcomes: Outcomes, tools: Tools) -> Done:
    """The arbiter's durable "kept" is the commit point; the others follow."""
    arbiter, *others = outcomes
    outcomes[arbiter] = _told(fleet, plan, outcomes[arbiter], keep=True)
    if outcomes[arbiter].result != "kept":
        return _put_back(fleet, plan, outcomes, f"{arbiter} did not confirm that it kept the change", tools)
    for name, later in fleet.decide(others, keep=True, cause="all-committed").items():
        outcomes[name] = outcomes[name].then(later)
        if outcomes[name].result != "kept":
            outcomes[name] = _reach(fleet, plan, outcomes[name], keep=True)
    doubtful = [name for name, outcome in outcomes.items() if outcome.result != "kept"]
    error: RolloutctlError | None = None
    if doubtful:
        error = PersonNeeded(
            f"{arbiter} has kept the change, and {_names(doubtful)} may have gone back.",
            subject=plan.environment.name,
            state=f"IN DOUBT: {_names(doubtful)}.",
            hint=again(plan),
        )
    elif (failed := _run_once(fleet, plan, arbiter)) is not None:
        error = failed
    return Done(plan, "in_doubt" if doubtful else "kept", tuple(outcomes.values()), error=error)


def _run_once(fleet: Fleet, plan: Plan, name: str) -> PersonNeeded | None:
    """The steps that one host runs for all, once all have kept."""
    if not any(step.once for step in plan.environment.steps):
        return None
    failed = [event for event in fleet.sessions[name].once() if event.kind == "failed"]
    if not failed:
        return None
    return PersonNeeded(
        f"Every host is as it should be, but the step '{failed[0].text(0)}', which runs once for all, failed on {name}"
        f" with exit {failed[0].text(1)}.",
        subject=f"{plan.environment.name} · {name}",
        hint=f"Run it by hand on {name}.",
        details=tuple(failed[0].text(2).splitlines()),
    )


# ------------------------------------------------------------------------------------------------------------ narrowing


def _keep_narrowing(fleet: Fleet, plan: Plan, outcomes: Outcomes, tools: Tools) -> Done:
    """A switch-off never goes back: what was reached stays, and the rest is named."""
    for cause, wanted in (("done", "committed"), ("a-step-failed", "incomplete")):
        names = [name for name, outcome in outcomes.items() if outcome.result == wanted]
        for name, later in fleet.decide(names, keep=True, cause=cause).items():
            outcomes[name] = outcomes[name].then(later)
    for name in [name for name, outcome in outcomes.items() if outcome.result == "lost"]:
        outcomes[name] = _reach(fleet, plan, outcomes[name], keep=True)
    hosts = tuple(outcomes.values())
    notes = tuple(
        f"{outcome.name}: {describe(asked.id, tools.configuration.flags, plan.environment)} answers {asked}"
        for outcome in hosts
        for asked in failures(outcome.asked)
    )
    missed = [*plan.unreachable, *(outcome.name for outcome in hosts if outcome.result != "kept")]
    unwritten = {host.name for host in plan.hosts if host.unwritten}
    weak = [o.name for o in hosts if o.result == "kept" and (_not_live(o, plan) or o.name in unwritten)]
    error = _narrowing_error(plan, hosts, missed, weak)
    if error is None and hosts:
        error = _run_once(fleet, plan, hosts[0].name)
    return Done(plan, "in_doubt" if missed or weak else "kept", hosts, notes, error)


def _not_live(outcome: HostOutcome, plan: Plan) -> bool:
    """Whether a kept switch-off may not have taken effect: a step failed, or a probe still sees the feature."""
    if any(step != "health" for step, _, _ in outcome.failed):
        return True
    for asked in failures(outcome.asked):
        if is_about_flag(asked.id, plan.flag) and asked.status is not None:
            probe = plan.flag.probes[int(asked.id.rpartition(" ")[2])]
            if asked.status in probe.on:
                return True
    return False


def _narrowing_error(
    plan: Plan, hosts: tuple[HostOutcome, ...], missed: list[str], weak: list[str]
) -> PersonNeeded | None:
    if not missed and not weak:
        return None
    reached = len(hosts) - len([outcome for outcome in hosts if outcome.result != "kept"])
    what = f"was not reached: {_names(missed)}" if missed else f"may not be live yet on {_names(weak)}"
    return PersonNeeded(
        f"{plan.flag.name} is set to {plan.target} on {reached} of {reached + len(missed)} hosts; it {what}."
        if not missed
        else f"{plan.flag.name} is set to {plan.target} on {reached} of {reached + len(missed)} hosts; not reached:"
        f" {_names(missed)}.",
        subject=plan.environment.name,
        state=f"On {_names(missed or weak)} people may still see the feature.",
        hint=again(plan),
        details=tuple(line for outcome in hosts for line in _lines(outcome)),
    )


# --------------------------------------------------------------------------------------------------------------- shared


def again(plan: Plan) -> str:
    """The command that brings every host to the plan's target."""
    command = f"rolloutctl toggle {plan.environment.name} {plan.flag.name} {'true' if plan.target.enabled else 'false'}"
    if not plan.target.enabled or plan.flag.companies_key is None:
        return command
    return f"{command} --companies {','.join(map(str, plan.target.companies)) or 'all'}"


def _told(fleet: Fleet, plan: Plan, outcome: HostOutcome, *, keep: bool) -> HostOutcome:
    later = fleet.decide([outcome.name], keep=keep, cause="all-committed")[outcome.name]
    told = outcome.then(later)
    return told if told.result == "kept" else _reach(fleet, plan, told, keep=keep)


def _reach(fleet: Fleet, plan: Plan, outcome: HostOutcome, *, keep: bool) -> HostOutcome:
    """A lost host, reached again over another connection: how the change ended there."""
    state = fleet.settle(outcome.name, plan.change, keep=keep)
    if not isinstance(state, HostState):
        return replace(outcome, result="lost", error=str(state))
    ends = [record for record in state.records if record.change == plan.change]
    events = [record.event for record in ends]
    result: Result = "untouched" if not events else "lost"
    if "kept" in events:
        result = "kept"
    elif "reverted" in events:
        result = "reverted"
    return replace(outcome, result=result, records=outcome.records + tuple(ends))


def _lines(outcome: HostOutcome) -> list[str]:
    lines = [
        f"{outcome.name}  {step}: {line}"
        for step, _, output in outcome.failed
        for line in output.splitlines()[-12:]
        if line.strip()
    ]
    if outcome.result == "stuck":
        steps = ", ".join(dict.fromkeys(step for step, _, _ in outcome.back))
        lines.append(f"{outcome.name}  putting back was tried twice, and failed at: {steps or outcome.cause}")
    return lines


def _story(trouble: str, hosts: tuple[HostOutcome, ...]) -> str:
    back = [outcome.name for outcome in hosts if outcome.result == "reverted"]
    never = [outcome.name for outcome in hosts if outcome.result == "untouched"]
    said = f"{trouble}, so {_names(back)} {'was' if len(back) == 1 else 'were'} put back."
    if never:
        said += f" {_names(never)} {'was' if len(never) == 1 else 'were'} never touched."
    return said


def _see(audience: object) -> str:
    words = str(audience)
    return f"{words} see" + ("" if words.startswith("companies") else "s")


def _names(names: list[str] | tuple[str, ...]) -> str:
    if len(names) < 2:  # noqa: PLR2004 - one name stands alone
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"
