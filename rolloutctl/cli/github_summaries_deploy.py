"""What GitHub is told of long work: deployments, tasks, and code and database going back."""

from __future__ import annotations

from collections.abc import Iterable

from rolloutctl.cli.github import Problem, Summary, problem_of
from rolloutctl.errors import RolloutctlError
from rolloutctl.rules.deploys import short
from rolloutctl.workflows.code_rollback import CodeRolledBack
from rolloutctl.workflows.database_rollback import DatabaseRolledBack
from rolloutctl.workflows.deploy import Deployed
from rolloutctl.workflows.deploy_verifying import Verification
from rolloutctl.workflows.run_task import HERE, TaskRun


def of_deployment(done: Deployed) -> Summary:
    """A deployment by steps."""
    plan = done.plan
    name, before = plan.environment.name, {host.name: host.commit for host in plan.hosts}
    rows = [
        (run.name, short(before[run.name]), short(run.after.commit), run.ending, run.failed[0] if run.failed else "")
        for run in done.runs
    ]
    migrated = dict.fromkeys(each for run in done.runs for each in run.migrated.done)
    told = (
        f"{plan.title[:1].upper()}{plan.title[1:]}: {done.result}, release {plan.release}, after {done.seconds:.0f} s",
        f"Migrations: {', '.join(migrated)}" if migrated else "",
    )
    heads = ("host", "before", "now", "result", "failed step")
    problems = _problems(done.error, done.notes, name)
    return Summary(f"{name} · deployment {plan.id}", told, heads, tuple(rows), problems)


def of_verified(found: Verification) -> Summary:
    """What is live behind a pipeline."""
    name = found.environment.name
    rows = [(host.name, short(host.commit), host.error or host.health or "no health check") for host in found.hosts]
    told = tuple(f"{flag}: {seen}{'' if well else ', and should not be'}" for flag, seen, well in found.flags)
    problems = _problems(found.error, found.notes, name)
    return Summary(f"{name} · deployed by its pipeline", told, ("host", "commit", "health"), tuple(rows), problems)


def of_task(done: TaskRun) -> Summary:
    """A task; what it said stands in the step's log, and of a failure its end here too."""
    name = done.environment.name
    where = "on this runner" if done.where == HERE else f"on {done.where}"
    told = (done.task.description, f"{_ended(done.error, done.step.ms)}, {where}")
    return Summary(f"{name} · {done.task.name}", told, problems=_problems(done.error, done.notes, name))


def of_code_back(done: CodeRolledBack) -> Summary:
    """A revert on a branch of its own."""
    plan, reverted = done.plan, done.reverted
    told = f"To revert, on a new branch from origin/{plan.onto}:"
    if reverted is not None and done.error is None:
        told = f"{reverted.branch} is ready{', and pushed' if done.pushed else '; nothing was pushed'}. It reverts:"
    rows = tuple((short(commit), message) for commit, message in plan.commits)
    problems = _problems(done.error, plan.notes, plan.environment)
    heads = ("commit", "its first line")
    return Summary(f"{plan.environment} · code back", (plan.safer.words, told), heads, rows, problems)


def of_database_back(done: DatabaseRolledBack) -> Summary:
    """The last batch of migrations."""
    plan = done.plan
    name = plan.environment.name
    ended = "a dry run" if done.step is None else _ended(done.error, done.step.ms)
    rows = tuple(
        (migration, ", ".join(down.loses), "went back" if migration in done.migrated.done else "")
        for migration, down in plan.migrations
    )
    told = (plan.safer.words, f"Batch {plan.batch}, on {plan.host}: {ended}")
    problems = _problems(done.error, (*plan.notes, *done.notes), name)
    return Summary(f"{name} · database back", told, ("migration", "drops", "result"), rows, problems)


def _ended(error: RolloutctlError | None, ms: int) -> str:
    return f"{'failed' if error else 'finished'}, after {ms / 1000:.1f} s"


def _problems(error: RolloutctlError | None, notes: Iterable[str], where: str) -> tuple[Problem, ...]:
    told = [problem_of(error, where)] if error else []
    return (*told, *(Problem(where, note, level="warning") for note in notes))
