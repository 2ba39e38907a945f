"""What the samples of a machine tell of each metric: what a change that is made now would be held against."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from statistics import median

from msgspec import Struct

from rolloutctl.rules.baselines import FEWEST, normal
from rolloutctl.rules.config import Environment
from rolloutctl.rules.metrics import Metric
from rolloutctl.workflows.judging import Place, before_change, places_of
from rolloutctl.workflows.tools import Tools

_LAST = timedelta(days=1)  # in which a sample that has no value tells why


class Learnt(Struct, frozen=True, kw_only=True):
    """What is known of a metric on a host.

    Args:
        metric: which.
        host: where; None: from the operator's side.
        count: values in the baseline.
        told: which ones they are, in words.
        middle: their median; None where there are none.
        bound: what a sample has to be beyond to be worse than before; None without `worse`, or too few values.
        beyond: how many of the values are beyond the limit.
        missing: how many values a baseline lacks; 0 where it needs none.
        note: why there are no values, as the newest sample tells.
    """

    metric: Metric
    host: str | None
    count: int
    told: str
    middle: float | None
    bound: float | None
    beyond: int
    missing: int
    note: str


def learnt(metrics: Iterable[Metric], environment: Environment, every: float, tools: Tools) -> tuple[Learnt, ...]:
    """What a change that is made now would be held against, metric by metric and host by host."""
    return tuple(_learnt(place, environment.name, every, tools) for place in places_of(metrics, environment))


def _learnt(place: Place, environment: str, every: float, tools: Tools) -> Learnt:
    (metric, host), now = place, tools.clock.now()
    found = before_change(place, environment, now, now, tools)
    usual = normal(metric, found, every)
    newest = () if found.values else tools.samples.of(metric.name, environment, host, now - _LAST, now + _LAST)
    return Learnt(
        metric=metric,
        host=host,
        count=len(found.values),
        told=found.told,
        middle=median(found.values) if found.values else None,
        bound=usual.bound if usual else None,
        beyond=sum(metric.limit.broken_by(value) for value in found.values) if metric.limit else 0,
        missing=max(0, FEWEST - len(found.values)) if metric.worse is not None else 0,
        note=newest[-1].note if newest else "",
    )
