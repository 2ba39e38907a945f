"""How a host is asked for the numbers of several metrics at once, and how what it prints becomes samples.

All commands of a host travel as one shell line: a process for each would be most of what watching costs it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any

from rolloutctl.rules.metrics import FromCommand, FromMysql, FromRedis, FromRequest, Metric
from rolloutctl.rules.work import Asked

_MOST = 65_536  # bytes of what one command prints
_STATUS = re.compile("[0-9]{1,3}")
_OVER = 124  # the exit status of `timeout`
_CUT = 255  # for one whose status did not arrive
_MINUTE = 60.0  # seconds
Memory = Mapping[str, Any]  # what a metric has to know of its last sample: counters, by name, and when


@dataclass(frozen=True, slots=True)
class Reading:
    """One value, or why there is none; `memory` is what the next reading has to know."""

    value: float | None
    note: str = ""
    memory: Memory | None = None


def is_asked_by_command(metric: Metric) -> bool:
    """Whether a shell line on a host yields it."""
    return isinstance(metric.source, FromRedis | FromMysql | FromCommand)


def command_line(metrics: Sequence[Metric], mark: str) -> str:
    """One shell line that asks for all of them, each within its own time.

    `mark` stands in front of each answer: a word that nobody could have guessed, and so none of them contains.
    """
    return "\n".join(_asked(metric, mark) for metric in metrics)


def seconds_for(metrics: Iterable[Metric]) -> float:
    """How long that may take."""
    return sum(metric.timeout + 2 for metric in metrics)


def outputs(text: str, mark: str, count: int) -> tuple[tuple[int, str], ...]:
    """What each of so many commands ended with and printed, in their order, also where the host was cut off."""
    found = []
    for answer in text.split(f"@{mark}\n")[1:]:
        printed, _, last = answer.rstrip("\n").rpartition("\n")
        status, _, end = last.partition(" ")
        found.append((int(status) if end == mark and _STATUS.fullmatch(status) else _CUT, printed))
    return (*found, *[(_CUT, "")] * (count - len(found)))


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


def _asked(metric: Metric, mark: str) -> str:
    run = f"timeout -k 1 {ceil(metric.timeout)} sh -c {shlex.quote(_command(metric))} </dev/null 2>/dev/null"
    # The end of it: a number stands there, and the status behind it.
    return f"echo @{mark}; {{ {run}; printf '\\n%s {mark}\\n' \"$?\"; }} | tail -c {_MOST}"


def _command(metric: Metric) -> str:
    source = metric.source
    if isinstance(source, FromRedis):
        return f"{source.client} INFO"
    if isinstance(source, FromMysql):
        return f"{source.client} -N -B -e {shlex.quote(source.query)}"
    assert isinstance(source, FromCommand)  # noqa: S101 - as is_asked_by_command says
    return source.run


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
