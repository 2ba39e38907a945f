"""A timeline for programs and for wikis: JSON whose keys are added and never renamed, and Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rolloutctl.cli.documents import Document
from rolloutctl.rules.redact import one_line
from rolloutctl.rules.timeline import Span, Step, Timeline, day_of
from rolloutctl.workflows.timeline import Drawn

_UNKNOWN = {"held": "when it goes on", "unreachable": "no host could be asked"}
_MEANT = str.maketrans({sign: f"\\{sign}" for sign in "\\`*_[]<>|#"})


def of_timeline(drawn: Drawn) -> Document:
    """The answer of timeline. Days are those of the rollout's zone, and the last one is in the span."""
    way = drawn.timeline
    return {
        "timeline": {
            "flag": way.rollout.flag,
            "environment": way.rollout.environment,
            "zone": way.rollout.zone,
            "today": way.today.isoformat(),
            "recorded": way.standing is not None,
            "steps": [_step(step) for step in way.steps],
            "unreachable": [{"name": name, "error": error} for name, error in drawn.lost],
        }
    }


def markdown(drawn: Drawn) -> str:
    """A table, for a wiki or a merge request."""
    return "\n".join(_lines(drawn)) + "\n"


def _step(step: Step) -> dict[str, Any]:
    real = step.real
    return {
        "name": step.name,
        "kind": step.kind,
        "state": step.state.replace(" ", "_"),
        "planned": _span(step.planned),
        "real": {"from": real[0].isoformat(), "to": real[1].isoformat() if real[1] else None} if real else None,
        "expected": _span(step.forecast),
        "slipped_days": step.slipped_days,
        "unknown": step.unknown.replace(" ", "_") or None,
    }


def _span(span: Span | None) -> Document | None:
    return {"from": span[0].isoformat(), "to": span[1].isoformat()} if span else None


def _lines(drawn: Drawn) -> Iterator[str]:
    way = drawn.timeline
    yield f"# {_plain(way.rollout.flag)} in {_plain(way.rollout.environment)}"
    yield ""
    yield f"As of {way.today.isoformat()}, days in {way.rollout.zone}."
    yield ""
    yield "| step | state | planned | real | expected | late by |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for step in way.steps:
        cells = (_plain(step.name), step.state, _days(step.planned), _real(step, way), _expected(step), _late(step))
        yield "|" + "".join(f" {cell} |" if cell else " |" for cell in cells)
    for name, why in drawn.lost:
        yield ""
        yield f"{_plain(name)} cannot be reached: {_plain(why)}"


def _plain(text: str) -> str:
    """A text that means nothing to Markdown."""
    return one_line(text).translate(_MEANT)


def _real(step: Step, way: Timeline) -> str:
    if step.real is None:
        return ""
    first, ended = day_of(way.rollout, step.real[0]), step.real[1]
    return _days((first, day_of(way.rollout, ended))) if ended else f"since {first.isoformat()}"


def _expected(step: Step) -> str:
    return _days(step.forecast) or _UNKNOWN.get(step.unknown, "")


def _late(step: Step) -> str:
    return f"{step.slipped_days} d" if step.slipped_days else ""


def _days(span: Span | None) -> str:
    if span is None:
        return ""
    return span[0].isoformat() if span[0] == span[1] else f"{span[0].isoformat()} to {span[1].isoformat()}"
