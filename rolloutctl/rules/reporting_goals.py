"""The success metrics of a phase: for each what was aimed at, what was measured, and whether that was met.

What nobody measures here is said to be not measured; no sample is never a success.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import tzinfo
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from rolloutctl.rules.config import Environment
from rolloutctl.rules.incidents import Incident
from rolloutctl.rules.metrics import (
    LEVELS,
    FromLog,
    FromMysql,
    FromRedis,
    FromRequest,
    Metric,
)
from rolloutctl.rules.reporting import Goal, Judged
from rolloutctl.rules.reporting_series import counts
from rolloutctl.rules.reporting_tally import Before, Tally
from rolloutctl.rules.reporting_words import counted, percent, target, until, value, when

UPTIME = 0.999
_ENOUGH = 1_000  # samples, below which one failure more or less decides about a thousandth
_COVERED = 0.5  # of the time has to be measured, or nothing is said of the whole
_WHOLE = 0.95  # of the time: from here on it needs no word
NOTHING = "no samples on this machine for that time"
_UNHEARD = "no users are heard here: ask support"


class Measured(Struct, frozen=True, kw_only=True):
    """All that a phase's success is told by: what hosts measured, by the name of the metric, and what was before."""

    environment: Environment
    zone: tzinfo
    metrics: Sequence[Metric]
    tallies: Mapping[str, Sequence[Tally]]
    befores: Mapping[tuple[str, str | None], Before] = field(default_factory=dict)  # by metric and host
    incidents: Sequence[Incident] = ()
    running: bool = False  # whether the phase goes on
    audience: str = "limited"  # nobody | limited | everyone


def goals(of: Measured) -> tuple[Goal, ...]:
    """What was to be seen in a phase, and what was."""
    found = [goal for aspect in _ASPECTS for goal in _aspect(aspect, of)]
    known = {metric.name for aspect in _ASPECTS for metric in of.metrics if aspect.has(metric, of.environment)}
    found += [
        _metric(metric.description or metric.name, metric, of) for metric in of.metrics if metric.name not in known
    ]
    return (*found, _incidents(of), *_unheard(of))


class _Aspect(Struct, frozen=True):
    """One thing that a phase is to show, and which metrics show it."""

    what: str
    target: str
    kind: str  # what would have to be declared
    has: Callable[[Metric, Environment], bool]


def _is_uptime(metric: Metric, environment: Environment) -> bool:
    source, health = metric.source, environment.health
    return (
        isinstance(source, FromRequest)
        and source.value == "failed"
        and (metric.name == "health" if health is None else source.path == health.path)
    )


def _is_error_rate(metric: Metric, _: Environment) -> bool:
    source = metric.source
    return isinstance(source, FromLog) and not source.pattern and _grave(source)


def _is_own_errors(metric: Metric, _: Environment) -> bool:
    return isinstance(metric.source, FromLog) and bool(metric.source.pattern) and _grave(metric.source)


def _grave(source: FromLog) -> bool:
    return source.level is not None and LEVELS.index(source.level) >= LEVELS.index("error")


def _is_time(metric: Metric, _: Environment) -> bool:
    return isinstance(metric.source, FromRequest) and metric.source.value == "ms"


def _is(*kinds: type[Any]) -> Callable[[Metric, Environment], bool]:
    return lambda metric, _: isinstance(metric.source, kinds)


# What the first day of a deployment is to show, and each phase after it again.
_ASPECTS = (
    _Aspect("Error rate as before", "as before", "source: log, with a level", _is_error_rate),
    _Aspect("No errors of the feature", "none", "source: log, with a pattern", _is_own_errors),
    _Aspect("As fast as before", "as before", "source: request, with value: ms", _is_time),
    _Aspect("Uptime", f"{UPTIME:.1%}".replace("%", " %"), "source: request, of the health check", _is_uptime),
    _Aspect("Database as before", "as before", "source: mysql", _is(FromMysql)),
    _Aspect("Cache as before", "its normal hit ratio", "source: redis", _is(FromRedis)),
)


def _aspect(aspect: _Aspect, of: Measured) -> Iterator[Goal]:
    metrics = [metric for metric in of.metrics if aspect.has(metric, of.environment)]
    if not metrics:
        told = f"no such metric in {of.environment.name} ({aspect.kind})"
        yield Goal(aspect.what, aspect.target, told, "not measured")
    for metric in metrics:
        if aspect.what == "Uptime":
            yield _uptime(metric, of)
        else:
            yield _metric(f"{aspect.what}: {metric.name}", metric, of)


def _metric(what: str, metric: Metric, of: Measured) -> Goal:
    """How a metric did: by its rule, on the host that did worst."""
    tallies = [each for each in of.tallies.get(metric.name, ()) if each.samples]
    if not tallies:
        return Goal(what, target(metric), _nothing(of.tallies.get(metric.name, ())), "not measured")
    worst = min(tallies, key=lambda each: (not each.spells, each.share or 0.0))
    before = of.befores.get((metric.name, worst.host))
    parts = [_held(metric, worst, before), f"{'mean' if counts(metric) else 'median'} {_value(worst.middle, metric)}"]
    if worst.worst is not None and worst.worst_at is not None:
        parts.append(f"worst {value(worst.worst, metric)} ({when(worst.worst_at, of.zone)})")
    if metric.worse is not None:
        parts.append(f"before {value(before.level, metric)}" if before else "how it was before is not known")
    told = "; ".join([*_spells(worst, of.zone), *parts])
    return _goal(Goal(what, target(metric), told, _judged(metric, tallies, of)), tallies, worst, of)


def _judged(metric: Metric, tallies: Sequence[Tally], of: Measured) -> Judged:
    if metric.limit is None and not any((metric.name, each.host) in of.befores for each in tallies):
        return "not measured"
    return "missed" if any(each.spells for each in tallies) else "met"


def _uptime(metric: Metric, of: Measured) -> Goal:
    aim = f"at least {UPTIME * 100:.1f} %"
    tallies = [each for each in of.tallies.get(metric.name, ()) if each.samples]
    if not tallies:
        return Goal("Uptime", aim, _nothing(of.tallies.get(metric.name, ())), "not measured")
    worst = max(tallies, key=lambda each: each.middle or 0.0)
    share = 1 - (worst.middle or 0.0)
    told = f"{percent(share)} of {counted(worst.samples, 'health check')}"
    verdict: Judged = "met" if share >= UPTIME else "missed"
    if worst.samples < _ENOUGH and share >= UPTIME:
        told, verdict = f"{told}: too few to tell a thousandth", "not measured"
    return _goal(Goal("Uptime", aim, told, verdict), tallies, worst, of)


def _goal(goal: Goal, tallies: Sequence[Tally], worst: Tally, of: Measured) -> Goal:
    """The goal, with how much of the time was measured, and on which host it is worst."""
    covered, lost, others = min(each.covered for each in tallies), sum(each.blind for each in tallies), len(tallies) - 1
    notes = [f"measured {percent(covered)} of the time"] if covered < _WHOLE else []
    notes += [f"{counted(lost, 'sample')} without a value"] if lost else []
    alike = not worst.spells and worst.within == worst.samples
    how = f"({counted(others, 'other host')} alike)" if alike else f"(the worst of {others + 1} hosts)"
    where = f"{worst.host} {how}: " if others else ""
    verdict = goal.verdict
    if verdict == "met":
        verdict = "not measured" if covered < _COVERED else "so far" if of.running else "met"
    return replace(goal, measured=where + "; ".join([goal.measured, *notes]), verdict=verdict)


def _held(metric: Metric, tally: Tally, before: Before | None) -> str:
    if tally.share is None or (metric.limit is None and before is None):
        return counted(tally.samples, "sample")
    return f"{percent(tally.share)} of {counted(tally.samples, 'sample')} within"


def _spells(tally: Tally, zone: tzinfo) -> list[str]:
    if not tally.spells:
        return []
    first = until(tally.spells[0].begin, tally.spells[0].end, zone)
    return [f"failed {'once' if len(tally.spells) == 1 else f'{len(tally.spells)} times, first'} {first}"]


def _value(number: float | None, metric: Metric) -> str:
    return "-" if number is None else value(number, metric)


def _nothing(tallies: Sequence[Tally]) -> str:
    blind = sum(each.blind for each in tallies)
    return f"{counted(blind, 'sample')}, none with a value" if blind else NOTHING


def _incidents(of: Measured) -> Goal:
    told = "; ".join(f"{each.severity}: {each.symptom or 'without a word'}" for each in of.incidents)
    verdict: Judged = "missed" if of.incidents else "so far" if of.running else "met"
    number = counted(len(of.incidents), "incident")
    return Goal("Incidents", "none", f"{number}: {told}" if told else "none recorded", verdict)


def _unheard(of: Measured) -> Iterator[Goal]:
    """What no machine can tell."""
    if of.audience == "nobody":
        return
    yield Goal("No complaints of users", "none", _UNHEARD, "not measured")
    if of.audience == "everyone":
        yield Goal("The feature is used", "above 70 % of the users", "no visits are counted here", "not measured")
