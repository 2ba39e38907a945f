"""The JSON of incidents: keys are added, and never renamed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from rolloutctl.cli.documents import Document
from rolloutctl.rules.incidents import Incident
from rolloutctl.workflows.incident_marks import Listed, Said


def of_incidents(listed: Iterable[Listed]) -> Document:
    """The answer of incident list: oldest first."""
    each = tuple(listed)
    return {
        "incidents": [incident_fields(found) for one in each for found in one.incidents],
        "unreachable": [
            {"environment": one.environment, "name": name, "error": why} for one in each for name, why in one.lost
        ],
    }


def of_said(said: Said) -> Document:
    """The answer of incident note and recovered."""
    return {"incident": incident_fields(said.incident), "notes": list(said.notes), "error": None}


def incident_fields(found: Incident) -> Document:
    """One incident; `seconds` are counted from its detection."""
    return {
        "id": found.id,
        "environment": found.environment,
        "flag": found.flag,
        "severity": found.severity,
        "symptom": found.symptom,
        "affected": found.affected,
        "decision": found.decision,
        "actor": found.actor,
        "open": found.is_open,
        "detected": found.detected.isoformat(),
        "opened": found.opened.isoformat(),
        "switched_off": found.switched_off.isoformat() if found.switched_off else None,
        "recovered": found.recovered.isoformat() if found.recovered else None,
        "seconds_to_off": _seconds(found, found.switched_off),
        "seconds_to_recovery": _seconds(found, found.recovered),
        "timeline": [
            {"at": entry.at.isoformat(), "actor": entry.actor, "what": entry.what, "note": entry.note}
            for entry in found.entries
        ],
    }


def _seconds(found: Incident, until: datetime | None) -> float | None:
    return None if until is None else (until - found.detected).total_seconds()
