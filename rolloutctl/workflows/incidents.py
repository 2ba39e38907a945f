"""Incidents: opened, said more of, and ended, each as a mark on every host; and read again from there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct, field

from rolloutctl.errors import RolloutctlError
from rolloutctl.rules.incidents import (
    NOTED,
    OPENED,
    SWITCH_OFF,
    Decision,
    Incident,
    Severity,
    incidents_in,
    newest_open,
)
from rolloutctl.rules.records import Record
from rolloutctl.rules.redact import one_line
from rolloutctl.rules.rollout_standing import INCIDENT
from rolloutctl.workflows.rollout_bench import HostBench, host_bench
from rolloutctl.workflows.tools import Tools

_LONGEST = 1_000  # characters of a symptom
_PATIENCE = 5.0  # seconds for a host: the record of an incident is worth no long wait


class Facts(Struct, frozen=True, kw_only=True):
    """What is known of something that went wrong.

    Args:
        severity: how bad it is.
        symptom: what people see, or the reason of a guard.
        detected: when it was seen first; None: now. Naive is UTC.
        affected: percent of the feature's users; None: nobody knows.
        decision: whether the feature is switched off for it, or stays, or nobody saw it anyway.
        numbers: what was measured, by its name.
    """

    severity: Severity
    symptom: str
    detected: datetime | None = None
    affected: float | None = None
    decision: Decision = SWITCH_OFF
    numbers: Mapping[str, float | str] = field(default_factory=dict)


class Opened(Struct, frozen=True):
    """An incident as it now stands; None and a note: it could not be recorded.

    `joined`: it was open before. `kept_here`: no host has written this yet, and this machine keeps it until one has.
    """

    incident: Incident | None
    notes: tuple[str, ...] = ()
    joined: bool = False
    kept_here: bool = False


def open_incident(environment: str, flag: str, tools: Tools, facts: Facts) -> Opened:
    """Record on every host that something went wrong with a feature. Best effort: it raises nothing, `notes` tell.

    Call it once the switch-off is through, never before: it opens connections of its own, and takes as long as one.
    Where an incident of the flag is open already it says more of that one. A host that can't write it owes it.

        opened = open_incident("production", "customer_portal", tools, Facts(
            severity="high", symptom=reason, detected=first_sample_beyond.at))
        if opened.incident is not None: ...  # its id, its times and its timeline, the switch-off included
    """
    try:
        with host_bench(environment, flag, tools, patience=_PATIENCE) as opened:
            known = newest_open(
                incidents_in(known_of(opened.logs, environment, tools), flag=flag, environment=environment)
            )
            mark = opened.mark(_fields(facts, known, tools.clock.now()))
            notes = opened.record(mark, owe=True)
            found = incidents_in(logs_with(opened, mark), flag=flag, environment=environment)
            hosts = [host.name for host in opened.environment.hosts]
            owed = [[fields.get("entry") for fields in tools.mirror.owed(environment, name)] for name in hosts]
    except RolloutctlError as error:
        return Opened(None, (f"The incident is not recorded: {error.message}",))
    entry, kept_here = known.id if known else mark["entry"], all(mark["entry"] in entries for entries in owed)
    return Opened(next((each for each in found if each.id == entry), None), notes, known is not None, kept_here)


def _fields(facts: Facts, known: Incident | None, now: datetime) -> dict[str, Any]:
    said = one_line(facts.symptom)[:_LONGEST]
    seen = facts.detected or now
    seen = seen.replace(tzinfo=UTC) if seen.tzinfo is None else seen.astimezone(UTC)
    return {
        "event": INCIDENT,
        "action": NOTED if known else OPENED,
        **({"incident": known.id, "note": said} if known else {"symptom": said}),
        "severity": facts.severity,
        "affected": facts.affected,
        "detected": min(seen, now).isoformat(timespec="seconds"),
        "decision": facts.decision,
        "numbers": dict(facts.numbers),
    }


def known_of(logs: Mapping[str, Sequence[Record]], environment: str, tools: Tools) -> dict[str, list[Record]]:
    """What was read of some hosts, and what they could not write and this machine keeps for them."""
    return {
        name: [*log, *(Record("", fields) for fields in tools.mirror.owed(environment, name))]
        for name, log in logs.items()
    }


def logs_with(opened: HostBench, mark: Mapping[str, Any]) -> dict[str, list[Record]]:
    """What was read of the hosts, and a mark that has just been made."""
    logs = known_of(opened.logs, opened.environment.name, opened.tools) or {"": []}
    next(iter(logs.values())).append(Record("", mark))
    return logs
