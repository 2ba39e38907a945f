"""How a narrowing ends: kept wherever it was reached, and a person is told where it was not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from shlex import quote

from msgspec.structs import replace

from rolloutctl.errors import PersonNeeded, Refused, RolloutctlError
from rolloutctl.fleet import Fleet
from rolloutctl.rules.outcomes import HostOutcome, outcome_from
from rolloutctl.rules.plans import HostPlan, Plan
from rolloutctl.rules.records import NOT_LIVE, body
from rolloutctl.rules.requests import describe, is_about_flag
from rolloutctl.rules.work import failures
from rolloutctl.workflows.closing import Outcomes, again, lines_of, names_of, reach, remember, run_once
from rolloutctl.workflows.tools import Done, Tools

CACHE_STEP = "{name: config cache, builtin: config-cache}"
_GATEWAY = (502, 504)  # what nginx and Apache answer when nothing, or nothing in time, answers them


def conclude_narrowing(
    fleet: Fleet, plan: Plan, outcomes: Outcomes, overtaken: Mapping[str, str], tools: Tools
) -> Done:
    """A switch-off never goes back: what was reached stays, and the rest is named.

    `overtaken`: hosts that were left as they are, because somebody else changed them first, and how.
    """
    reach(fleet, plan, outcomes, [name for name, outcome in outcomes.items() if outcome.result == "lost"], keep=True)
    hosts = tuple(outcomes.values())
    notes = tuple(
        f"{outcome.name}: {describe(asked.id, tools.configuration.flags, plan.environment)} answers {asked}"
        for outcome in hosts
        for asked in failures(outcome.asked)
    )
    missed = [name for name in plan.unreachable if name not in outcomes]
    missed += [outcome.name for outcome in hosts if outcome.result != "kept" and outcome.name not in overtaken]
    unwritten = [host.name for host in plan.hosts if host.unwritten and host.name not in missed]
    kept = [outcome.name for outcome in hosts if outcome.result == "kept" and outcome.name not in overtaken]
    idle = [host for host in plan.without_effect if host.name in kept]
    idle_names = [host.name for host in idle]
    weak = [name for name in kept if name not in idle_names and _not_live(outcomes[name], plan)]
    if weak:
        _note_not_live(fleet, plan, outcomes, weak, tools)
        hosts = tuple(outcomes.values())
    dead = [outcome.name for outcome in hosts if outcome.result == "kept" and _without_php_fpm(outcome)]
    error = (
        _both(_error(plan, hosts, missed, weak), _without_effect(plan, idle))
        or _overtaken(plan, kept, overtaken)
        or _not_written(plan, unwritten)
        or _dead(plan, dead)
    )
    if error is None and kept:
        error = run_once(fleet, plan, kept[0])
    result = "refused" if isinstance(error, Refused) else "in_doubt" if missed or idle or weak or overtaken else "kept"
    return remember(Done(plan, result, hosts, notes, error), tools)


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


def _note_not_live(fleet: Fleet, plan: Plan, outcomes: Outcomes, names: Sequence[str], tools: Tools) -> None:
    """Record what a host can't know: every step went well, and a probe still sees the feature, or a file is old.

    Once the host has recorded the change as kept; so incidents and the next switch-off know that it is not done yet.
    """
    origin = tools.origin_now().fields()
    told = {
        host.name: {"event": NOT_LIVE, "steps": [], **plan.record(host, origin)}
        for host in plan.hosts
        if host.name in names and not any(record.unfinished for record in outcomes[host.name].records)
    }
    said = fleet.each(lambda session: session.append(told[session.host.name]), [n for n in told if n in fleet.sessions])
    for name, fields in told.items():
        wrote, outcome = outcome_from(name, said.get(name, ())).records, outcomes[name]
        owed = () if wrote else (body(fields),)
        outcomes[name] = replace(outcome, records=outcome.records + wrote, unrecorded=outcome.unrecorded + owed)


def _both(somewhere: PersonNeeded | None, idle: PersonNeeded | None) -> PersonNeeded | None:
    """What is amiss on some hosts, and with what takes no effect on others: the same again alone mends only the one."""
    if somewhere is not None and idle is not None:
        somewhere.state += f"\n{idle.state}"
        somewhere.hint += f"\n{idle.hint}"
    return somewhere or idle


def _without_effect(plan: Plan, idle: Sequence[HostPlan]) -> PersonNeeded | None:
    """A switch-off that nothing makes live: the application reads its config cache, and no step builds that anew."""
    if not idle:
        return None
    where, names, flag = plan.environment.name, names_of([host.name for host in idle]), plan.flag.name
    return PersonNeeded(
        f"{flag} is set to {plan.target} in .env, and that takes no effect on {names}.",
        subject=where,
        state=f"On {names} a config cache stands, and no step builds it anew: whoever saw {flag} still sees it.",
        hint=f"Add it to environments.yaml, below steps: {CACHE_STEP}\nThen the same again: {again(plan)}\n"
        f"Or by hand on {names}: {_by_hand(plan, idle[0])}, and restart php-fpm",
    )


def _by_hand(plan: Plan, host: HostPlan) -> str:
    php = next(each.php for each in plan.environment.hosts if each.name == host.name)
    return f"cd {quote(host.state.app)} && {quote(php)} artisan config:cache"


def _without_php_fpm(outcome: HostOutcome) -> bool:
    """Whether the web server answers and nothing behind it does: no ill application, but a restart that lost it."""
    return any(asked.status in _GATEWAY for asked in failures(outcome.asked))


def _dead(plan: Plan, names: list[str]) -> PersonNeeded | None:
    if not names:
        return None
    return PersonNeeded(
        f"{plan.flag.name} is set to {plan.target} everywhere, but no php-fpm answers on {names_of(names)}.",
        subject=plan.environment.name,
        state=f"Nobody sees {plan.flag.name} there, and nothing else of the application either.",
        hint=f"Start php-fpm on {names_of(names)}; then: rolloutctl health {plan.environment.name}",
    )


def _error(plan: Plan, hosts: tuple[HostOutcome, ...], missed: list[str], weak: list[str]) -> PersonNeeded | None:
    if not missed and not weak:
        return None
    reached = len([outcome for outcome in hosts if outcome.result == "kept"])
    said = f"{plan.flag.name} is set to {plan.target} on {reached} of {reached + len(missed)} hosts"
    causes = [f"{outcome.name}  {outcome.error}" for outcome in hosts if outcome.name in missed and outcome.error]
    return PersonNeeded(
        f"{said}; not reached: {names_of(missed)}."
        if missed
        else f"{said}, but it may not be live on {names_of(weak)}.",
        subject=plan.environment.name,
        state=f"On {names_of(missed or weak)} people may still see the feature.",
        hint=again(plan),
        details=(*causes, *(line for outcome in hosts for line in lines_of(outcome))),
    )


def _overtaken(plan: Plan, kept: list[str], overtaken: Mapping[str, str]) -> RolloutctlError | None:
    if not overtaken:
        return None
    where, hint = plan.environment.name, f"rolloutctl status {plan.environment.name} {plan.flag.name}"
    details = tuple(f"{name}: {how}" for name, how in overtaken.items())
    if not kept:
        return Refused(
            f"Somebody else changed {plan.flag.name} first.",
            subject=where,
            state="This command changed nothing on any host.",
            hint=hint,
            details=details,
        )
    return PersonNeeded(
        f"{plan.flag.name} is set to {plan.target} on {names_of(kept)}; on {names_of(list(overtaken))} somebody else"
        " changed it first.",
        subject=where,
        state="There it was left as it is now.",
        hint=hint,
        details=details,
    )


def _not_written(plan: Plan, names: list[str]) -> PersonNeeded | None:
    if not names:
        return None
    return PersonNeeded(
        f"{plan.flag.name} is off everywhere, but .env on {names_of(names)} still holds the old value.",
        subject=plan.environment.name,
        state="Nobody sees the feature now; the next config:cache would bring it back.",
        hint=f"Mend .env on {names_of(names)} as said above, then: {again(plan)}",
    )
