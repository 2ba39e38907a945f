"""Incidents of a flag: folded from the marks and changes in the hosts' audit logs. There is no other state.

A mark of an incident has event ``incident`` and an action: opened, noted or recovered. `incident` names the one that it
belongs to: the entry that opened it. A note may also carry a severity and a decision, when somebody judges it anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from math import isfinite
from typing import Any, Final, Literal, TypeGuard, get_args

from msgspec import Struct
from msgspec.structs import replace

from rolloutctl.rules.durations import in_days
from rolloutctl.rules.happenings import Happening, happenings_in, said
from rolloutctl.rules.records import Record
from rolloutctl.rules.rollout_log import is_of
from rolloutctl.rules.rollout_standing import INCIDENT, Mark, moment_of

Severity = Literal["critical", "high", "medium", "low"]
SEVERITIES: Final[tuple[Severity, ...]] = get_args(Severity)
OPENED, NOTED, RECOVERED = "opened", "noted", "recovered"
SWITCH_OFF: Final = "switch-off"
KEEP: Final = "keep"
NOTHING: Final = "nothing"  # nobody saw the feature, when it was opened
Decision = Literal["switch-off", "keep", "nothing"]
_ALL = 100.0  # percent


class Entry(Struct, frozen=True):
    """One line of an incident's timeline; `at` is UTC, by the clock of whoever made it."""

    at: datetime
    actor: str
    what: str
    note: str = ""


class Incident(Struct, frozen=True, kw_only=True):
    """Something that went wrong with a feature: from the moment it was seen until somebody said that it is over.

    Args:
        id: the entry of the mark that opened it.
        affected: percent of the feature's users; None: nobody knows.
        detected: when it was seen first.
        decision: switch-off, keep, or nothing where nobody saw the feature anyway: the last one.
        switched_off: when nobody saw the feature any more, on any host; the first time.
        recovered: when somebody said so first.
        entries: its timeline, in the order of the logs.
    """

    id: str
    flag: str
    environment: str
    severity: Severity
    symptom: str
    affected: float | None
    detected: datetime
    opened: datetime
    actor: str
    decision: Decision
    switched_off: datetime | None = None
    recovered: datetime | None = None
    entries: tuple[Entry, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether nobody has said yet that it is over."""
        return self.recovered is None

    @property
    def is_left_on(self) -> bool:
        """Whether it was to be switched off, and that is not done on every host yet."""
        return self.is_open and self.decision == SWITCH_OFF and self.switched_off is None


def incidents_in(logs: Mapping[str, Sequence[Record]], *, flag: str, environment: str) -> tuple[Incident, ...]:
    """The incidents of a flag, oldest first.

    Args:
        logs: each host's records, oldest first; the arbiter first. They may be only the newest ones.
        flag: the flag.
        environment: the environment.
    """
    ours = {host: [r for r in log if is_of(r, flag, environment)] for host, log in logs.items()}
    events = happenings_in(ours)
    marks = [event.mark for event in events if event.mark is not None]
    return tuple(_incident(mark, events) for mark in marks if mark.action == OPENED)


def all_incidents_in(logs: Mapping[str, Sequence[Record]], environment: str) -> tuple[Incident, ...]:
    """The incidents of all flags in an environment, by the time at which they were opened."""
    flags = dict.fromkeys(record.flag for log in logs.values() for record in log if record.event == INCIDENT)
    found = (each for flag in flags for each in incidents_in(logs, flag=flag, environment=environment))
    return tuple(sorted(found, key=lambda each: each.opened))


def newest_open(incidents: Iterable[Incident]) -> Incident | None:
    """The newest incident that is not over."""
    return next((each for each in reversed(tuple(incidents)) if each.is_open), None)


def in_short(found: Incident) -> str:
    """How fast it went: `switched off 42 s after it was detected, recovered after 31 min`."""
    left = "not off everywhere yet" if found.is_open else "never off everywhere"
    off = {SWITCH_OFF: left, KEEP: "kept on", NOTHING: "off already"}[found.decision]
    if found.switched_off is not None:
        off = f"switched off {_after(found, found.switched_off)} after it was detected"
    over = "still open" if found.recovered is None else f"recovered after {_after(found, found.recovered)}"
    return f"{off}, {over}"


def severity_of(value: object) -> Severity | None:
    """A severity; None for anything else."""
    return value if _is_severity(value) else None


def _after(found: Incident, moment: datetime) -> str:
    return in_days(max(0.0, (moment - found.detected).total_seconds()))


def _is_severity(value: object) -> TypeGuard[Severity]:
    return isinstance(value, str) and value in SEVERITIES


def _incident(opened: Mark, events: Sequence[Happening]) -> Incident:
    fields = opened.fields
    at = opened.at
    told = moment_of({"at": fields.get("detected")})
    found = Incident(
        id=opened.entry,
        flag=str(fields.get("flag", "")),
        environment=str(fields.get("environment", "")),
        severity=severity_of(fields.get("severity")) or "high",
        symptom=said(fields.get("symptom")),
        affected=percent_of(fields.get("affected")),
        detected=told if moment_of({}) < told < at else at,
        opened=at,
        actor=opened.actor,
        decision=_decided(fields) or KEEP,
    )
    mine = [event for event in events if event.mark is None or _names(event.mark, opened.entry)]
    over = next((event.at for event in mine if event.mark and event.mark.action == RECOVERED), None)
    within = [event for event in mine if event.mark or _is_between(event.at, found.detected, over)]
    off = next((event.at for event in within if event.off), None)
    for event in within:
        if event.mark is not None and event.mark.action == NOTED:
            found = _judged_anew(found, event.mark.fields)
    return replace(
        found, switched_off=off, recovered=over, entries=tuple(Entry(e.at, e.actor, e.what, e.note) for e in within)
    )


def _names(mark: Mark, incident: str) -> bool:
    if mark.action == OPENED:
        return mark.entry == incident
    return mark.action in (NOTED, RECOVERED) and mark.fields.get("incident") == incident


def _is_between(at: datetime, begun: datetime, over: datetime | None) -> bool:
    return begun <= at and (over is None or at <= over)


def _judged_anew(found: Incident, fields: Mapping[str, Any]) -> Incident:
    affected = percent_of(fields.get("affected"))
    return replace(
        found,
        severity=severity_of(fields.get("severity")) or found.severity,
        decision=_decided(fields) or found.decision,
        affected=found.affected if affected is None else affected,
    )


def _decided(fields: Mapping[str, Any]) -> Decision | None:
    decisions: tuple[Decision, ...] = (SWITCH_OFF, KEEP, NOTHING)
    return next((each for each in decisions if each == fields.get("decision")), None)


def percent_of(value: object) -> float | None:
    """A share as a record holds it; None for anything that is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= _ALL and isfinite(value) else None
