"""What deploy and run answer with --json."""

from __future__ import annotations

from collections.abc import Iterable

from rolloutctl.cli.documents import Document, of_error
from rolloutctl.rules.change_fields import asked_fields
from rolloutctl.rules.deploy_plans import DeployPlan, HostRun
from rolloutctl.rules.requests import describe
from rolloutctl.rules.reverts import Reverted
from rolloutctl.rules.tasks import Task
from rolloutctl.workflows.code_rollback import CodeRolledBack
from rolloutctl.workflows.database_rollback import DatabaseRolledBack
from rolloutctl.workflows.deploy import Deployed
from rolloutctl.workflows.deploy_verifying import Verification
from rolloutctl.workflows.run_task import TaskRun
from rolloutctl.workflows.safer_step import SaferStep


def of_deployment(done: Deployed) -> Document:
    """The answer of deploy, where it does something."""
    plan = done.plan
    runs = {run.name: run for run in done.runs}
    deployment = {
        "id": plan.id,
        "environment": plan.environment.name,
        "ref": plan.ref or None,
        "release": plan.release,
        "result": done.result,
        "reason": plan.reason,
        "seconds": round(done.seconds, 3),
        "steps": [
            {"name": step.name, "run": step.run, "builtin": step.builtin, "once": step.once or step.last}
            for step in plan.steps
        ],
        "migrated": list(dict.fromkeys(name for run in done.runs for name in run.migrated.done)),
        "hosts": [_host(plan, host.name, runs.get(host.name)) for host in plan.hosts],
        "notes": list(done.notes),
    }
    return {"deployment": deployment, "error": of_error(done.error) if done.error else None}


def of_verified(found: Verification) -> Document:
    """The answer of deploy, where a pipeline deploys."""
    verified = {
        "environment": found.environment.name,
        "result": "failed" if found.error else "verified",
        "hosts": [
            {
                "name": host.name,
                "commit": host.commit or None,
                "health": host.health,
                "well": host.well,
                "error": host.error,
            }
            for host in found.hosts
        ],
        "flags": {flag: {"seen_by": told, "well": well} for flag, told, well in found.flags},
        "notes": list(found.notes),
    }
    return {"deployment": verified, "error": of_error(found.error) if found.error else None}


def of_tasks(tasks: Iterable[Task]) -> Document:
    """The answer of run without a task."""
    return {
        "tasks": [
            {
                "name": task.name,
                "description": task.description,
                "on": task.on,
                "environments": list(task.environments),
                "confirm": task.confirm,
            }
            for task in tasks
        ]
    }


def of_task(done: TaskRun) -> Document:
    """The answer of run."""
    task = {
        "name": done.task.name,
        "environment": done.environment.name,
        "on": done.where,
        "result": "failed" if done.error else "finished",
        "ms": done.step.ms,
        "output": done.step.output,
        "notes": list(done.notes),
    }
    return {"task": task, "error": of_error(done.error) if done.error else None}


def of_code_back(done: CodeRolledBack) -> Document:
    """The answer of rollback --code."""
    plan, reverted = done.plan, done.reverted or Reverted("")
    result = "planned" if done.reverted is None else "conflict" if reverted.conflicts else "prepared"
    code = {
        "environment": plan.environment,
        "commits": [{"commit": commit, "message": told} for commit, told in plan.commits],
        "onto": plan.onto,
        "safer": _safer(plan.safer),
        "result": result,
        "branch": reverted.branch or None,
        "pushed": done.pushed,
        "stat": list(reverted.stat),
        "conflicts": list(reverted.conflicts),
        "worktree": reverted.place or None,
        "notes": list(plan.notes),
    }
    return {"code": code, "error": of_error(done.error) if done.error else None}


def of_database_back(done: DatabaseRolledBack) -> Document:
    """The answer of rollback --database."""
    plan = done.plan
    database = {
        "environment": plan.environment.name,
        "host": plan.host,
        "batch": plan.batch,
        "migrations": [{"name": name, "loses": list(down.loses)} for name, down in plan.migrations],
        "safer": _safer(plan.safer),
        "result": "planned" if done.step is None else "failed" if done.error else "finished",
        "rolled_back": list(done.migrated.done),
        "unfinished": list(done.migrated.unfinished),
        "notes": [*plan.notes, *done.notes],
    }
    return {"database": database, "error": of_error(done.error) if done.error else None}


def _safer(safer: SaferStep) -> Document:
    return {"done": safer.known and not safer.on, "on": [name for name, _ in safer.on]}


def _host(plan: DeployPlan, name: str, run: HostRun | None) -> Document:
    host = next(host for host in plan.hosts if host.name == name)
    flags = {flag.name: flag for flag in plan.flags}
    run = run or HostRun(name)
    failed = f"{run.failed[0]}: {run.failed[1]}" if run.failed else None
    return {
        "name": name,
        "result": run.ending,
        "error": run.lost or failed,
        "commit": {"before": host.commit or None, "after": run.after.commit or None},
        "added": list(host.added),
        "steps": [{"name": s.name, "ok": s.ok, "ms": s.ms, "output": s.output} for s in run.steps],
        "skipped": run.skipped,
        "probes": [asked_fields(asked, describe(asked.id, flags, plan.environment)) for asked in run.asked],
        "log": run.log or None,
    }
