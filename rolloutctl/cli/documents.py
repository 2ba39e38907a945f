"""The JSON that others build on: keys are added, and never renamed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from rolloutctl.cli.invocation import Invocation
from rolloutctl.errors import RolloutctlError
from rolloutctl.rules.change_fields import change_fields, error_fields
from rolloutctl.rules.records import Record
from rolloutctl.rules.redact import escaped
from rolloutctl.workflows.audit import Audited, Verified
from rolloutctl.workflows.tools import Done

Document = dict[str, Any]


def write(document: Mapping[str, Any]) -> None:
    """One document on stdout, and nothing else there."""
    sys.stdout.write(escaped(json.dumps(document, indent=2, ensure_ascii=False)) + "\n")
    sys.stdout.flush()


def of_error(error: RolloutctlError) -> Document:
    """What went wrong."""
    return error_fields(error)


def of_failure(error: RolloutctlError, invocation: Invocation) -> Document:
    """The answer of a command that ended with an error."""
    if not invocation.changes:
        return {"error": error_fields(error)}
    plan = invocation.plan
    change = None if plan is None else change_fields(plan, "in_doubt" if invocation.begun else "refused", ())
    return {"change": change, "error": error_fields(error)}


def of_change(done: Done) -> Document:
    """The answer of toggle, confirm and rollback."""
    change = change_fields(done.plan, done.result, done.hosts) | {
        "seconds": round(done.seconds, 3),
        "notes": list(done.notes),
    }
    return {"change": change, "error": error_fields(done.error) if done.error else None}


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
