"""A timeline as the events of a calendar: which there are, by which names a second export finds them again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date

from msgspec import Struct

from rolloutctl.rules.config import Environment
from rolloutctl.rules.timeline import Span, Step, Timeline, day_of, days_of


class CalendarEvent(Struct, frozen=True, kw_only=True):
    """One all-day event; `first` and `last` are both in it. `sure`: it was, or is going on."""

    uid: str
    first: date
    last: date
    title: str
    text: str
    sure: bool


class Calendar(Struct, frozen=True):
    """What one rollout gives to a calendar. `revision` grows with each record of the rollout."""

    title: str
    events: tuple[CalendarEvent, ...]
    revision: int


def calendar_of(timeline: Timeline, environment: Environment) -> Calendar:
    """An event for each step that has days."""
    rollout = timeline.rollout
    revision = len(timeline.standing.known) if timeline.standing else 0
    return Calendar(f"{rollout.flag} in {rollout.environment}", tuple(_events(timeline, environment)), revision)


def _events(timeline: Timeline, environment: Environment) -> Iterator[CalendarEvent]:
    for step in timeline.steps:
        span = days_of(step, timeline)
        if span is None or step.state == "left out":
            continue
        yield CalendarEvent(
            uid=_uid(timeline, environment, step),
            first=span[0],
            last=span[1],
            title=f"{timeline.rollout.flag}: {step.name}",
            text="\n".join(_text(step, timeline)),
            sure=step.real is not None,
        )


def _uid(timeline: Timeline, environment: Environment, step: Step) -> str:
    """The same on every machine and at every time; two projects may both have a production and a customer_portal."""
    rollout = timeline.rollout
    kind = "phase" if step.kind == "phase" else "preparation"
    named = "\0".join((environment.url or "", rollout.environment, rollout.flag, kind, step.name))
    return f"{hashlib.sha256(named.encode()).hexdigest()[:32]}@rolloutctl"


def _text(step: Step, timeline: Timeline) -> Iterator[str]:
    rollout = timeline.rollout
    yield f"{step.name} of {rollout.flag} in {rollout.environment}"
    if step.planned:
        yield f"planned: {_said(step.planned)}"
    if step.real:
        begun, ended = step.real
        until = f" to {day_of(rollout, ended).isoformat()}" if ended else ""
        yield f"{'was' if ended else 'since'}: {day_of(rollout, begun).isoformat()}{until}"
    if step.forecast and step.state != "done":
        yield f"expected: {_said(step.forecast)}"
    if step.unknown == "held":
        yield "expected: nobody can say, for the rollout is held or has drifted"
    if step.slipped_days:
        yield f"{abs(step.slipped_days)} days {'late' if step.slipped_days > 0 else 'early'}"
    yield f"rolloutctl rollout status {rollout.flag}"


def _said(span: Span) -> str:
    return span[0].isoformat() if span[0] == span[1] else f"{span[0].isoformat()} to {span[1].isoformat()}"
