"""A change as JSON, as `toggle --json` and hooks have it: keys are added, and never renamed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rolloutctl.errors import RolloutctlError
from rolloutctl.rules.outcomes import HostOutcome
from rolloutctl.rules.plans import Plan
from rolloutctl.rules.records import audience_fields
from rolloutctl.rules.requests import describe
from rolloutctl.rules.work import Asked

Document = dict[str, Any]


def change_fields(plan: Plan, result: str, hosts: Iterable[HostOutcome]) -> Document:
    """The change, and how it ended on each host."""
    outcomes = {outcome.name: outcome for outcome in hosts}
    names = [host.name for host in plan.environment.hosts]
    return {
        "id": plan.change,
        "environment": plan.environment.name,
        "flag": plan.flag.name,
        "from": audience_fields(plan.before),
        "to": audience_fields(plan.target),
        "result": result,
        "reason": plan.reason,
        "undoes": list(plan.undoes),
        "confirm_within": plan.confirm_within or None,
        "hosts": [_changed_host(plan, name, outcomes.get(name)) for name in names],
    }


def asked_fields(asked: Asked, name: str) -> Document:
    """One request and its answer."""
    return {"name": name, "ok": asked.ok, "status": asked.status, "ms": asked.ms, "error": asked.error}


def error_fields(error: RolloutctlError) -> Document:
    """What went wrong."""
    return {
        "code": error.code,
        "message": error.message,
        "hint": error.hint,
        "subject": error.subject,
        "state": error.state,
        "details": list(error.details),
        "exit_status": error.exit_status,
    }


def _changed_host(plan: Plan, name: str, outcome: HostOutcome | None) -> Document:
    planned = next((host for host in plan.hosts if host.name == name), None)
    edits = (
        [{"key": edit.key, "before": edit.before, "after": edit.after} for edit in planned.writes] if planned else []
    )
    if outcome is None:
        result = "unreached" if name in plan.unreachable else "untouched"
        return {"name": name, "result": result, "error": None, "steps": [], "probes": [], "edits": edits}
    return {
        "name": name,
        "result": outcome.result,
        "error": _why(outcome),
        "steps": [{"name": s.name, "ok": s.ok, "ms": s.ms, "output": s.output} for s in outcome.steps],
        "probes": [
            asked_fields(asked, describe(asked.id, {plan.flag.name: plan.flag}, plan.environment))
            for asked in outcome.asked
        ],
        "edits": edits,
    }


def _why(outcome: HostOutcome) -> str | None:
    if outcome.failed:
        step, status, output = outcome.failed[0]
        return (
            f"{step} failed"
            + (f" with exit {status}" if status not in {"", "0"} else "")
            + (f": {output}" if output else "")
        )
    return outcome.error or None
