"""The JSON of schedules: keys are added, and never renamed."""

from __future__ import annotations

from collections.abc import Iterable

from rolloutctl.cli.documents import Document, of_change, of_error
from rolloutctl.rules.records import audience_fields
from rolloutctl.rules.schedules import Schedule
from rolloutctl.workflows.due import Attempt, Report
from rolloutctl.workflows.scheduling import Scheduled


def of_schedule(schedule: Schedule) -> Document:
    """One schedule."""
    return {
        "id": schedule.id,
        "environment": schedule.environment,
        "flag": schedule.flag,
        "from": audience_fields(schedule.before),
        "to": audience_fields(schedule.after),
        "due": schedule.due.isoformat(),
        "written": schedule.written,
        "by": schedule.actor,
        "reason": schedule.reason,
    }


def of_scheduled(made: Scheduled) -> Document:
    """The answer of toggle --at."""
    return {
        "scheduled": of_schedule(made.schedule) if made.recorded else None,
        "planned": None if made.recorded else of_schedule(made.schedule),
        "notes": list(made.notes),
        "error": None,
    }


def of_cancelled(schedule: Schedule, notes: Iterable[str]) -> Document:
    """The answer of unschedule."""
    return {"cancelled": of_schedule(schedule), "notes": list(notes), "error": None}


def of_report(report: Report) -> Document:
    """The answer of due."""
    return {
        "due": [_attempt(each) for each in report.attempts],
        "upcoming": [of_schedule(each) for each in report.upcoming],
        "unreachable": [{"environment": name, "error": of_error(error)} for name, error in report.unasked],
    }


def _attempt(attempt: Attempt) -> Document:
    return {
        **of_schedule(attempt.schedule),
        "result": attempt.result.replace(" ", "_"),
        "change": of_change(attempt.done)["change"] if attempt.done else None,
        "notes": list(attempt.notes),
        "error": of_error(attempt.error) if attempt.error else None,
    }
