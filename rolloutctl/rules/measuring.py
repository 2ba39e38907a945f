"""How what a host answers becomes the values of metrics, and what the next reading has to know of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

from rolloutctl.rules.metrics import FromRedis, FromRequest, Metric
from rolloutctl.rules.work import Asked

_OVER = 124  # the exit status of `timeout`
_MINUTE = 60.0  # seconds
Memory = Mapping[str, Any]  # what a metric has to know of its last sample: counters, by name, and when


class Reading(Struct, frozen=True):
    """One value, or why there is none; `memory` is what the next reading has to know."""

    value: float | None
    note: str = ""
    memory: Memory | None = None


def reading(metric: Metric, status: int, printed: str, at: datetime, before: Memory | None) -> Reading:
    """The value of a metric in what its command printed. Nothing of that is ever repeated: it may be anything."""
    if status:
        over = f"took longer than {metric.timeout:g} s"
        return Reading(None, over if status == _OVER else f"its command ended with exit {status}")
    if isinstance(metric.source, FromRedis):
        return _redis(metric.source, printed, at, before)
    number = _number(printed)
    return Reading(number, "" if number is not None else "its command printed no number")


def request_for(metric: Metric, where: Mapping[str, Any]) -> dict[str, Any]:
    """The request of a metric, as hosts and the operator's side are asked it: once, within its own time."""
    source = metric.source
    assert isinstance(source, FromRequest)  # noqa: S101 - as whoever asks has seen
    return {
        **where,
        "id": metric.name,
        "path": source.path,
        "headers": dict(source.headers),
        "expect": list(source.expect),
        "json": dict(source.json),
        "within": 0.0,
        "timeout": metric.timeout,
        **({"number": source.number} if source.value == "field" else {}),
    }


def asked_value(metric: Metric, answers: Iterable[Asked]) -> Reading:
    """What a request's answer is worth to its metric."""
    source = metric.source
    assert isinstance(source, FromRequest)  # noqa: S101 - as above
    asked = next((answer for answer in answers if answer.id == metric.name), None)
    if asked is None:
        return Reading(None, "nobody asked")
    if source.value == "failed":
        return Reading(float(not asked.ok), "" if asked.ok else str(asked))
    if asked.status is None:
        return Reading(None, asked.error or "no answer")
    if source.value == "status":
        return Reading(float(asked.status))
    if source.value == "ms":
        return Reading(float(asked.ms), "" if asked.ok else str(asked))
    return Reading(asked.number, "" if asked.number is not None else f"the answer has no number {source.number}")


def per_minute(count: int, since: datetime | None, at: datetime) -> float | None:
    """A count as a rate; None where it can't be known since when."""
    seconds = (at - since).total_seconds() if since else 0.0
    return count * _MINUTE / seconds if seconds > 0 else None


def _number(text: str) -> float | None:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    try:
        return float(lines[-1]) if lines else None
    except ValueError:
        return None


def _redis(source: FromRedis, printed: str, at: datetime, before: Memory | None) -> Reading:
    numbers = dict(line.strip().split(":", 1) for line in printed.splitlines() if ":" in line)
    names = {"hit_ratio": ("keyspace_hits", "keyspace_misses"), "evicted": ("evicted_keys",)}.get(source.value, ())
    if not names:
        number = _number(numbers.get(source.number, ""))
        return Reading(number, "" if number is not None else f"INFO has no number {source.number}")
    counters = {name: _number(numbers.get(name, "")) for name in names}
    if None in counters.values():
        return Reading(None, "redis does not tell its counters")
    memory = {**counters, "at": at.isoformat()}
    grown = {name: _grown(before, name, value) for name, value in counters.items()}
    if before is None or any(value is None for value in grown.values()):
        return Reading(None, "the next sample can tell: it takes two", memory)
    if source.value == "evicted":
        return Reading(per_minute(int(grown["evicted_keys"] or 0), taken_at(before), at), "", memory)
    hits, misses = (grown[name] or 0.0 for name in names)
    if not hits + misses:
        return Reading(None, "nobody looked anything up", memory)
    return Reading(100 * hits / (hits + misses), "", memory)


def _grown(before: Memory | None, name: str, value: float | None) -> float | None:
    """By how much a counter has grown; None where it can't be known, as after a restart of redis."""
    last = before.get(name) if before else None
    if value is None or not isinstance(last, int | float) or value < last:
        return None
    return value - last


def taken_at(before: Memory) -> datetime | None:
    """When the last sample was taken; None where that can't be read."""
    try:
        return datetime.fromisoformat(str(before.get("at")))
    except ValueError:
        return None
