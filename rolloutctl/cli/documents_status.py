"""The JSON of status and health: keys are added, and never renamed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rolloutctl.cli.documents import Document
from rolloutctl.cli.documents_incident import incident_fields
from rolloutctl.cli.documents_schedules import of_schedule
from rolloutctl.rules.change_fields import asked_fields
from rolloutctl.rules.config import Flag
from rolloutctl.rules.history import Change
from rolloutctl.rules.host import Holder, Pending
from rolloutctl.rules.records import audience_fields
from rolloutctl.rules.requests import describe
from rolloutctl.workflows.status import EnvironmentStatus, FlagOnHost, HostStatus

Flags = Mapping[str, Flag]  # those that are shown


def of_status(found: Iterable[EnvironmentStatus], flags: Flags) -> Document:
    """The answer of status."""
    return {"environments": [_environment(each, flags) for each in found]}


def of_health(found: Iterable[EnvironmentStatus]) -> Document:
    """The answer of health."""
    return {
        "environments": [
            {
                "name": each.environment.name,
                "healthy": each.healthy,
                "error": each.error,
                "missing_secrets": list(each.environment.unmet),
                "hosts": [_host_basics(host, each) for host in each.hosts],
            }
            for each in found
        ]
    }


def _environment(found: EnvironmentStatus, flags: Flags) -> Document:
    return {
        "name": found.environment.name,
        "reachable": found.reachable,
        "error": found.error,
        "hint": found.hint or None,
        "missing_secrets": list(found.environment.unmet),
        "healthy": found.healthy,
        "well": found.well,
        "flags": {name: _flag(found, name) for name in flags},
        "hosts": [_host(host, found, flags) for host in found.hosts],
        "in_doubt": [_doubt(change) for change in found.doubts],
        "incidents": [incident_fields(each) for each in found.incidents],
        "scheduled": [{**of_schedule(each), "overdue": each in found.overdue} for each in found.scheduled],
    }


def _flag(found: EnvironmentStatus, name: str) -> Document:
    seen, last = found.seen(name), found.last_change(name)
    return {
        "enabled": None if seen is None else seen.enabled,
        "companies": [] if seen is None else list(seen.companies),
        "consistent": found.consistent(name),
        "last_change": _last_change(last) if last else None,
        "phase": found.stays[name][0].phase if name in found.stays else None,
    }


def _last_change(change: Change) -> Document:
    return {
        "id": change.id,
        "time": change.time,
        "actor": change.fields.get("actor"),
        "reason": change.fields.get("reason"),
        "from": audience_fields(change.before),
        "to": audience_fields(change.after),
        "event": change.outcome,
    }


def _doubt(change: Change) -> Document:
    return {
        **_last_change(change),
        "flag": change.flag,
        "hosts": [{"name": name, "event": event} for name, event in change.ends.items()],
    }


def _host_basics(host: HostStatus, found: EnvironmentStatus) -> Document:
    return {
        "name": host.name,
        "address": host.address,
        "reachable": host.error is None,
        "error": host.error,
        "hint": host.hint or None,
        "healthy": host.healthy,
        "health": asked_fields(host.health, describe(host.health.id, {}, found.environment)) if host.health else None,
    }


def _host(host: HostStatus, found: EnvironmentStatus, flags: Flags) -> Document:
    state = host.state
    return {
        **_host_basics(host, found),
        "flags": {name: _flag_on_host(each) for name, each in (host.flags or {}).items()},
        "evidence": {name: _evidence(each, found, flags) for name, each in (host.flags or {}).items()},
        "lock": _lock(state.holder) if state and state.holder else None,
        "pending": _pending(state.pending[0]) if state and state.pending else None,
        "provisional": _provisional(state.pending) if state else None,
        "working": _lock(state.working) if state and state.working else None,
        "deploying": list(state.deploying) if state else [],
        "undeclared": list(state.live.undeclared) if state and state.live else [],
    }


def _flag_on_host(on_host: FlagOnHost) -> Document:
    return {
        "enabled": None if on_host.file is None else on_host.file.enabled,
        "companies": [] if on_host.file is None else list(on_host.file.companies),
        "effective": None if on_host.effective is None else on_host.effective.enabled,
        "in_sync": on_host.in_sync,
    }


def _evidence(on_host: FlagOnHost, found: EnvironmentStatus, flags: Flags) -> Document:
    """What else speaks for or against a flag's state on one host."""
    return {
        "effective_companies": None if on_host.effective is None else list(on_host.effective.companies),
        "well": on_host.well,
        "probes": [asked_fields(asked, describe(asked.id, flags, found.environment)) for asked in on_host.probes],
    }


def _lock(holder: Holder) -> Document:
    known = ("actor", "change", "environment", "flag", "what", "since")
    return {"phase": holder.phase, **{name: holder.fields.get(name) for name in known}}


def _pending(pending: Pending) -> Document:
    known = ("actor", "environment", "flag", "from", "to", "reason")
    return {"change": pending.change, "alive": pending.alive, **{name: pending.fields.get(name) for name in known}}


def _provisional(found: Iterable[Pending]) -> Document | None:
    held = next((pending for pending in found if pending.provisional), None)
    return {"change": held.change, "seconds_left": held.seconds_left} if held else None
