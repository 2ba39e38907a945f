"""The JSON of triage: keys are added, and never renamed."""

from __future__ import annotations

from collections.abc import Sequence

from rolloutctl.cli.documents import Document, of_change
from rolloutctl.cli.documents_incident import incident_fields
from rolloutctl.rules.records import audience_fields
from rolloutctl.rules.triage import suggested
from rolloutctl.rules.triage_evidence import Measured, evidence
from rolloutctl.rules.triage_steps import Judgement
from rolloutctl.workflows.triage import Triaged


def of_triage(triaged: Triaged, announced: Sequence[str]) -> Document:
    """The answer of triage; `change` and `error` are those of toggle, null where nothing was switched off."""
    changed = of_change(triaged.done) if triaged.done else {"change": None, "error": None}
    opened = triaged.opened
    return {
        "triage": _judged(triaged.judgement, triaged.environment)
        | {"measured_after": triaged.after, "notes": list(triaged.notes)},
        **changed,
        "incident": incident_fields(opened.incident) if opened and opened.incident else None,
        "incident_notes": [*(opened.notes if opened else ()), *announced],
    }


def _judged(judged: Judgement | None, environment: str) -> Document:
    if judged is None:
        return {"environment": environment, "flag": None, "decision": "nothing", "why": ["Nobody sees any feature."]}
    scene = judged.scene
    suggestion = suggested(judged.measured, scene.flag)
    return {
        "environment": scene.environment,
        "flag": scene.flag,
        "severity": judged.severity,
        "suggested": suggestion.severity if suggestion else None,
        "decision": judged.verdict.decision,
        "why": list(judged.verdict.why),
        "seen": audience_fields(scene.audience) if scene.audience else None,
        "measured": _measured(judged.measured, scene.flag),
        "steps": [
            {"what": step.what, "command": step.command, "elsewhere": step.elsewhere, "warning": step.warning}
            for step in judged.steps
        ],
    }


def _measured(measured: Measured, flag: str) -> Document:
    return {
        "told": list(evidence(measured, flag)),
        "well": list(measured.well),
        "ill": dict(measured.ill),
        "broken": dict(measured.broken),
        "unreachable": dict(measured.lost),
        "failing": [
            {"metric": each.metric, "host": each.host, "told": each.told, "guard": each.guard}
            for each in measured.failing
        ],
        "error_percent": measured.errors,
    }
