"""What every ending needs: lost hosts reached again, steps that run once, the mirror, and the words for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from rolloutctl.contracts import Session
from rolloutctl.errors import PersonNeeded, Unreachable
from rolloutctl.fleet import Fleet
from rolloutctl.rules.config import Flag
from rolloutctl.rules.decisions import Decision
from rolloutctl.rules.flags import Audience
from rolloutctl.rules.host import HostState
from rolloutctl.rules.outcomes import HostOutcome, Result, asked_in
from rolloutctl.rules.plans import Plan
from rolloutctl.rules.records import read_record
from rolloutctl.rules.requests import describe, requests_for
from rolloutctl.rules.work import Asked, failures
from rolloutctl.workflows.tools import Done, Tools

Outcomes = dict[str, HostOutcome]
_MEANS: tuple[tuple[str, Result], ...] = (
    ("kept", "kept"),
    ("reverted", "reverted"),
    ("stuck", "stuck"),
    ("provisional", "provisional"),
)


def again(plan: Plan) -> str:
    """The command that brings every host to the plan's target."""
    return toggle_to(plan.environment.name, plan.flag, plan.target)


def toggle_to(environment: str, flag: Flag, audience: Audience) -> str:
    """The command that gives a flag this audience on every host."""
    command = f"rolloutctl toggle {environment} {flag.name} {'true' if audience.enabled else 'false'}"
    if not audience.enabled or flag.companies_key is None:
        return command
    return f"{command} --companies {','.join(map(str, audience.companies)) or 'all'}"


def reach(fleet: Fleet, plan: Plan, outcomes: Outcomes, names: Iterable[str], *, keep: bool) -> None:
    """Reach lost hosts over other connections, and note in `outcomes` how the change ended there."""
    for name, state in fleet.settle(names, plan.change, Decision(keep)).items():
        outcomes[name] = as_found(outcomes[name], state, plan)


def run_once(fleet: Fleet, plan: Plan, name: str) -> PersonNeeded | None:
    """Run the steps that one host runs for all, once all have the same; the error when one failed."""
    if not any(step.once for step in plan.environment.steps):
        return None
    try:
        failed = [
            (e.text(0), f"failed with exit {e.text(1)}", e.text(2))
            for e in fleet.sessions[name].once()
            if e.kind == "failed"
        ]
    except Unreachable as error:
        steps = ", ".join(step.name for step in plan.environment.steps if step.once)
        failed = [(steps, f"may not have run ({error.message})", "")]
    if not failed:
        return None
    step, what, output = failed[0]
    return PersonNeeded(
        f"Every host is as it should be, but the step '{step}', which runs once for all, {what} on {name}.",
        subject=f"{plan.environment.name} · {name}",
        state=f"{plan.flag.name} is the same on every host; only what this step does is missing.",
        hint=f"Run it by hand on {name}.",
        details=tuple(output.splitlines()),
    )


def ill_behind(fleet: Fleet, plan: Plan, outcomes: Outcomes) -> dict[str, str]:
    """What put back hosts answer otherwise than before, though they were given all the time that health may take."""
    hosts = {host.name: host for host in plan.hosts}
    doubted = [name for name, outcome in outcomes.items() if outcome.result == "reverted"]
    doubted = [name for name in doubted if failures(outcomes[name].asked_back)]

    def ask(session: Session) -> Sequence[Asked]:
        host = hosts[session.host.name]
        audience = host.effective or host.before
        wanted = requests_for(plan.environment, session.host, [(plan.flag, audience)], session.server)
        return failures(asked_in(session.ask(wanted)))

    flags = {plan.flag.name: plan.flag}
    return {
        name: "; ".join(f"{describe(asked.id, flags, plan.environment)} answers {asked}" for asked in answer)
        for name, answer in fleet.each(ask, doubted).items()
        if answer and not isinstance(answer, Unreachable)
    }


def remember(done: Done, tools: Tools) -> Done:
    """Mirror the records that hosts wrote, and keep those that they could not write."""
    environment = done.plan.environment.name
    for outcome in done.hosts:
        tools.mirror.saw(environment, outcome.name, outcome.records)
        for text in outcome.unrecorded:
            fields = {**read_record("{" + text).data, "at": tools.clock.now().isoformat(timespec="seconds")}
            try:
                tools.mirror.owe(environment, outcome.name, fields)
            except PersonNeeded as error:
                done = replace(done, error=done.error or error)
    return done


def as_found(outcome: HostOutcome, state: HostState | Unreachable, plan: Plan) -> HostOutcome:
    """The outcome with what the host's records tell, once it could be asked."""
    if not isinstance(state, HostState):
        return replace(outcome, result="lost", error=str(state))
    ends = [record for record in state.records if record.change == plan.change]
    events = [record.event for record in ends]
    result: Result = "lost" if events else "untouched"
    for event, means in _MEANS:
        if event in events:
            result = means
            break
    return replace(outcome, result=result, records=outcome.records + tuple(ends))


def lines_of(outcome: HostOutcome) -> list[str]:
    """What a host's tools said, for the person who has to mend it."""
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


def who_sees(audience: object) -> str:
    """`nobody sees`, `companies 15 and 42 see`."""
    words = str(audience)
    return f"{words} see" + ("" if words.startswith("companies") else "s")


def names_of(names: Sequence[str]) -> str:
    """`web-1`, `web-1 and web-2`, `web-1, web-2 and web-3`."""
    if len(names) < 2:  # noqa: PLR2004 - one name stands alone
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"
