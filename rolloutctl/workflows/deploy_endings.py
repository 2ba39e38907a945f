"""How a deployment ended: its record, and where it failed, what state things are in, and the way on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rolloutctl.errors import PersonNeeded, RolloutctlError
from rolloutctl.rules.deploy_plans import DeployPlan, HostRun
from rolloutctl.rules.deploys import short
from rolloutctl.rules.migrations import Migrated, together
from rolloutctl.workflows.closing import names_of
from rolloutctl.workflows.deploy_running import INTERRUPTED

_LINES = 12  # of what a step said


def error_of(
    plan: DeployPlan, runs: Sequence[HostRun], left_on: Sequence[str], *, interrupted: bool
) -> RolloutctlError | None:
    """What went wrong; None where every host has it, is well, and no flag is on unasked."""
    broken = next((run for run in runs if run.failed or run.lost), None)
    if broken is None and not left_on and not interrupted:
        return None
    where = plan.environment.name
    return PersonNeeded(
        _message(plan, broken, left_on, interrupted=interrupted),
        subject=f"{where} · {broken.name}" if broken else where,
        state="\n".join((*(_state_of(plan, run) for run in runs), *_database(runs), _flags(plan, runs, left_on))),
        hint="\n".join(_ways_on(plan, runs, broken, left_on)),
        details=tuple(_details(runs)),
    )


def fields_of(
    plan: DeployPlan, run: HostRun, runs: Sequence[HostRun], left_on: Sequence[str], error: RolloutctlError | None
) -> dict[str, Any]:
    """The record of the ending on one host."""
    host = next(host for host in plan.hosts if host.name == run.name)
    migrated = together(each.migrated for each in runs)
    failed = {"step": run.failed[0], "cause": run.failed[1][:200]} if run.failed else {}
    return plan.record(
        "failed" if error else "finished",
        host,
        ending=run.ending,
        commit=_after(plan, run),
        migrated=list(migrated.done),
        unfinished=list(migrated.unfinished),
        ran=[{"name": step.name, "ok": step.ok, "ms": step.ms} for step in run.steps],
        skipped=run.skipped,
        files=run.files,
        left_on=list(left_on),
        **failed,
        **({"lost": True} if run.lost else {}),
    )


def step_in_words(status: str) -> str:
    """How a step ended, in words that follow its name."""
    if status == "124":
        return "ran into its time limit"
    return f"ended with exit {status}" if status.isdigit() else f"failed ({status})"


def _message(plan: DeployPlan, broken: HostRun | None, left_on: Sequence[str], *, interrupted: bool) -> str:
    title = f"The {plan.title}"
    if broken is None and left_on:
        return f"{title} went through, and {names_of(left_on)} {'is' if len(left_on) == 1 else 'are'} on unasked."
    if broken is None or (broken.failed and broken.failed[1] == INTERRUPTED):
        return f"You interrupted the {plan.title}."
    if broken.lost:
        during = f" in the step '{broken.running}'" if broken.running else ""
        if interrupted:
            return f"You left the {plan.title}{during}, while {broken.name} was at work."
        return f"{title} was cut off{during}: {broken.name} was lost ({broken.lost})."
    assert broken.failed is not None  # noqa: S101 - it is broken
    step, status, _ = broken.failed
    if step == "health":
        return f"{title} went through on {broken.name}, and the application is not well: {status}."
    return f"{title} failed on {broken.name}: the step '{step}' {step_in_words(status)}."


def _state_of(plan: DeployPlan, run: HostRun) -> str:
    """One host in a sentence: its commit, and how far it came."""
    host = next(host for host in plan.hosts if host.name == run.name)
    before, after = short(host.commit), short(_after(plan, run))
    if not run.begun:
        return f"{run.name}: nothing was done, {before} is live."
    code = f"{before} is still there" if before == after else f"{before} → {after}"
    done = [step.name for step in run.steps if step.ok]
    through = f"; through: {', '.join(done)}" if run.failed or run.lost else "; every step went through"
    goes_on = f"; '{run.running}' may still run there, to its end" if run.lost and run.running else ""
    return f"{run.name}: {code}{through}{goes_on}."


def _database(runs: Sequence[HostRun]) -> Iterable[str]:
    """What is known of migrations."""
    migrated: Migrated = together(run.migrated for run in runs)
    if migrated.unfinished:
        half = names_of(migrated.unfinished)
        yield f"Migrations: {_counted(migrated.done)}; {half} did not end and may be half done."
    elif migrated.done:
        yield f"Migrations: {_counted(migrated.done)}."
    elif any(run.unclear for run in runs):
        yield "Migrations: it is not known whether any ran."
    else:
        yield "Migrations: none ran."


def _counted(names: Sequence[str]) -> str:
    if not names:
        return "none ran to its end"
    return f"{len(names)} ran ({', '.join(names)})"


def _flags(plan: DeployPlan, runs: Sequence[HostRun], left_on: Sequence[str]) -> str:
    on = []
    for flag in plan.flags:
        seen = [run.audiences[flag.name] for run in runs if flag.name in run.audiences]
        audience = next((each for each in seen if not each.nobody), None)
        if audience is not None:
            on.append(f"{flag.name} for {audience}" + (", unasked" if flag.name in left_on else ""))
    if not any(run.audiences for run in runs):
        return "Flags: as they were."
    return f"Flags: on is {'; '.join(on)}." if on else "Flags: every one is off."


def _ways_on(
    plan: DeployPlan, runs: Sequence[HostRun], broken: HostRun | None, left_on: Sequence[str]
) -> Iterable[str]:
    where = plan.environment.name
    for name in left_on:
        yield f"rolloutctl toggle {where} {name} false"
    if broken is not None:
        again = f"rolloutctl deploy {where}" + (f" {plan.ref}" if plan.ref else "")
        if broken.lost:
            yield f"See how it stands, then the same again: {again}"
        else:
            yield f"Mend it, then the same again: {again}"
    moved = any(_after(plan, run) != plan.good for run in runs if run.begun)
    if plan.ref and plan.good and moved and broken is not None:
        back = f"rolloutctl deploy {where} {short(plan.good)}"
        if together(run.migrated for run in runs).any:
            yield f"Or back, the database first: rolloutctl rollback {where} --database"
            yield f"Then the code: {back}"
        else:
            yield f"Or back: {back}"


def _details(runs: Sequence[HostRun]) -> Iterable[str]:
    for run in runs:
        if run.failed:
            step, _, output = run.failed
            yield from (f"{run.name}  {step}: {line}" for line in output.splitlines()[-_LINES:] if line.strip())
        if run.log:
            yield f"{run.name}  its log: {run.log}"


def _after(plan: DeployPlan, run: HostRun) -> str:
    """What is live there now, as far as one knows."""
    host = next(host for host in plan.hosts if host.name == run.name)
    return run.after.commit if run.after.commit or run.begun else host.commit
