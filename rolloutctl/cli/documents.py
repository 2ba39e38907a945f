"""The JSON that others build on: keys are added, and never renamed."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from rolloutctl.cli.invocation import Invocation
from rolloutctl.errors import RolloutctlError
from rolloutctl.rules.outcomes import HostOutcome
from rolloutctl.rules.plans import Plan
from rolloutctl.rules.records import Record, audience_fields
from rolloutctl.rules.redact import escaped
from rolloutctl.rules.requests import describe
from rolloutctl.rules.work import Asked
from rolloutctl.workflows.audit import Audited, Verified
from rolloutctl.workflows.tools import Done

Document = dict[str, Any]


def write(document: Mapping[str, Any]) -> None:
    """One document on stdout, and nothing else there."""
    try:
        sys.stdout.write(escaped(json.dumps(document, indent=2, ensure_ascii=False)) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has gone; the exit status still tells how a change ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def of_error(error: RolloutctlError) -> Document:
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


def of_failure(error: RolloutctlError, invocation: Invocation) -> Document:
    """The answer of a command that ended with an error."""
    if not invocation.changes:
        return {"error": of_error(error)}
    plan = invocation.plan
    change = None if plan is None else _change(plan, "in_doubt" if invocation.begun else "refused", ())
    return {"change": change, "error": of_error(error)}


def of_change(done: Done) -> Document:
    """The answer of toggle, confirm and rollback."""
    change = _change(done.plan, done.result, done.hosts) | {
        "seconds": round(done.seconds, 3),
        "notes": list(done.notes),
    }
    return {"change": change, "error": of_error(done.error) if done.error else None}


def of_audit(found: Iterable[Audited], shown: frozenset[str]) -> Document:
    """The answer of audit: the records of what is shown, by its id, as they stand in the hosts' logs, oldest first."""
    audits = tuple(found)
    return {
        "records": [dict(record.data) for each in audits for record in each.records if _id(record) in shown],
        "unreachable": [
            {"environment": each.environment, "name": name, "error": error}
            for each in audits
            for name, error in each.unreachable
        ],
    }


def _id(record: Record) -> str:
    return record.change or str(record.data.get("entry", ""))


def of_verification(verdicts: Iterable[Verified]) -> Document:
    """The answer of audit --verify."""
    hosts = [
        {
            "name": verdict.name,
            "environment": verdict.environment,
            "records": verdict.records,
            "ok": verdict.ok,
            "problem": verdict.problem,
            "note": verdict.note,
            "hint": verdict.hint,
        }
        for verdict in verdicts
    ]
    return {"ok": all(host["ok"] for host in hosts), "hosts": hosts}


def asked_fields(asked: Asked, name: str) -> Document:
    """One request and its answer."""
    return {"name": name, "ok": asked.ok, "status": asked.status, "ms": asked.ms, "error": asked.error}


def _change(plan: Plan, result: str, hosts: Iterable[HostOutcome]) -> Document:
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
