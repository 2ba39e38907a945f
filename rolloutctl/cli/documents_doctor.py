"""The JSON of doctor: keys are added, and never renamed."""

from __future__ import annotations

from collections.abc import Sequence

from rolloutctl.cli.documents import Document
from rolloutctl.rules.verdicts import Verdict
from rolloutctl.workflows.doctor import Diagnosis


def of_doctor(found: Sequence[Diagnosis]) -> Document:
    """The answer of doctor."""
    return {"ok": all(each.well for each in found), "environments": [_environment(each) for each in found]}


def _environment(found: Diagnosis) -> Document:
    return {
        "name": found.environment.name,
        "ok": found.well,
        "hosts": [
            {"name": host.name, "ok": host.well, "checks": [_check(verdict) for verdict in host.verdicts]}
            for host in found.hosts
        ],
        "checks": [_check(verdict) for verdict in found.verdicts],
    }


def _check(verdict: Verdict) -> Document:
    return {
        "check": verdict.check,
        "status": verdict.status,
        "text": verdict.text,
        "fix": verdict.fix.line or None,
        "where": verdict.fix.where or None,
        "details": list(verdict.details),
    }
