"""The JSON of rollouts: keys are added, and never renamed."""

from __future__ import annotations

from typing import Any

from rolloutctl.cli import documents_checklist
from rolloutctl.cli.documents import Document
from rolloutctl.rules.cohorts import Cohort
from rolloutctl.rules.records import audience_fields
from rolloutctl.rules.rollout_gates import Gate, shut
from rolloutctl.rules.rollout_standing import Mark
from rolloutctl.workflows.rollout import Report, Row
from rolloutctl.workflows.rollout_checklist import Looked
from rolloutctl.workflows.rollout_marking import Said


def of_report(report: Report) -> Document:
    """The answer of rollout status and plan."""
    look, now = report.look, report.look.standing
    opens = look.opens
    done = look.ticks.progress(look.checklist.items) if look.checklist else None
    return {
        "rollout": {
            "flag": look.rollout.flag,
            "environment": look.rollout.environment,
            "state": _state(report),
            "phase": now.phase,
            "run": now.run or None,
            "seen": audience_fields(look.seen) if look.seen else None,
            "held": _mark(now.held),
            "aborted": _mark(now.aborted),
            "departed": now.departed.id if now.departed else None,
            "phases": [_phase(row, report) for row in report.rows],
            "checklist": {"passed": done.passed, "failed": done.failed, "of": done.total, "complete": done.complete}
            if done
            else None,
            "signoffs": [{"role": role, **(_mark(mark) or {})} for role, mark in now.signed.items()],
            "target": look.target.name if look.target else None,
            "gates": [_gate(gate) for gate in look.gates],
            "may_advance": look.target is not None and not shut(look.gates),
            "opens": opens.isoformat() if opens else None,
            "next": list(report.next),
            "unreachable": [{"name": name, "error": error} for name, error in look.lost],
        }
    }


def of_said(said: Said) -> Document:
    """The answer of rollout signoff, hold, resume and checklist --check."""
    return {"recorded": {"message": said.message, "phase": said.phase, "notes": list(said.notes)}, "error": None}


def of_checklist(looked: Looked) -> Document:
    """The answer of rollout checklist; `ran` has the items that looked for themselves just now."""
    return {
        "checklist": documents_checklist.of_checklist(looked.checklist, looked.ticks),
        "ran": documents_checklist.of_runs(looked.ran),
        "notes": list(looked.notes),
    }


def _state(report: Report) -> str:
    now, rows = report.look.standing, report.rows
    if now.stay is None:
        return "aborted" if now.aborted else "not_begun"
    if now.held is not None:
        return "held"
    return "last_phase" if rows[-1].state == "current" else "running"


def _phase(row: Row, report: Report) -> Document:
    stay, dates = row.stay, row.dates
    return {
        "name": row.phase.name,
        "state": row.state.replace(" ", "_"),
        "audience": row.phase.audience,
        "percent": row.phase.percent,
        "cohort": _cohort(row.cohort),
        "soak": row.phase.soak,
        "soaked": round(stay.soak(report.look.now)) if stay else None,
        "entered": stay.at.isoformat() if stay else None,
        "planned": dates.planned.isoformat() if dates.planned else None,
        "expected": dates.expected.isoformat() if dates.expected else None,
        "slipped": dates.slipped,
    }


def _cohort(cohort: Cohort | None) -> dict[str, Any] | None:
    if cohort is None:
        return None
    return {
        "companies": list(cohort.companies),
        "of": cohort.population or None,
        "people": cohort.people,
        "share": None if cohort.share is None else round(cohort.share, 2),
    }


def _gate(gate: Gate) -> Document:
    return {
        "name": gate.name,
        "verdict": gate.verdict.replace(" ", "_"),
        "evidence": gate.evidence,
        "opens": gate.opens.isoformat() if gate.opens else None,
        "mend": gate.mend,
        "overridable": not gate.firm,
    }


def _mark(mark: Mark | None) -> Document | None:
    return None if mark is None else {"at": mark.at.isoformat(), "by": mark.actor, "note": mark.note}
