"""How soon a feature is gone, counted from Enter; and what visitors notice of a change meanwhile."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.arguments import Asked
from bench.clients import BARE, OURS, Flips, Ordered, bare, toggle
from bench.figures import Figure, ratios
from bench.ground import Ground, Host, real
from bench.meter import Cost, Limits, WentWrong, run
from bench.results import Results, Row
from bench.watch import Answer, watching

_GAP = 0.005  # seconds between two looks at a host
_ALL = 0.004  # the same, times the hosts: all looks together leave most of this machine to the change
_LOAD = 0.025  # seconds between two visitors
_QUIET = 1.0  # seconds of visitors alone, by which it is known what is usual
_DELAYED = 5  # times the usual
_WELL = {200, 404}


def play(asked: Asked, limits: Limits) -> Results:
    """The switch-off on all counts of hosts, the visitors on one."""
    found: list[Row] = []
    with real(max(asked.hosts)) as ground:
        for count in asked.hosts:
            found += _gone(ground.first(count), limits)
        found += _visited(ground.first(1), limits)
    return Results(
        "off",
        tuple(found),
        (
            f"Each host is looked at every {_GAP * 1000:.0f} ms, or {_ALL * 1000:.0f} ms times the hosts.",
            f"delayed: more than {_DELAYED} times as long as usual, of {1 / _LOAD:.0f} requests a second.",
        ),
    )


@dataclass(slots=True)
class _Gone:
    """What was seen of one contestant's switch-offs."""

    first: list[float] = field(default_factory=list)
    last: list[float] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)


def _gone(ground: Ground, limits: Limits) -> list[Row]:
    gap = max(_GAP, _ALL * len(ground.hosts))
    ordered: dict[str, Ordered] = {BARE: bare(ground), OURS: toggle(ground)}
    seen = {name: _Gone() for name in ordered}
    for turn in limits.turns():
        for name in seen if turn % 2 == 0 else reversed(seen):
            Flips(ground, ordered[name]).flip(on=True)
            with watching("until", gap, [host.http_port for host in ground.hosts]) as watch:
                cost = run(ordered[name](False))
                time.sleep(gap + _QUIET)  # another look at each
            moments = [_moment(host, watch.answers) - cost.began for host in ground.hosts]
            seen[name].first.append(min(moments))
            seen[name].last.append(max(moments))
            seen[name].ended.append(cost.wall)
    return [
        Row(
            "404",
            len(ground.hosts),
            name,
            {
                "first host s": Figure.of(gone.first),
                "every host s": Figure.of(gone.last),
                "command ends s": Figure.of(gone.ended),
                **({"times": ratios(gone.last, seen[BARE].last)} if name != BARE else {}),
            },
        )
        for name, gone in seen.items()
    ]


def _moment(host: Host, answers: Sequence[Answer]) -> float:
    """When a host first answered 404 and never 200 again, by the monotonic clock."""
    own = sorted((answer for answer in answers if answer.port == host.http_port), key=lambda answer: answer.asked)
    last_on = max((number for number, answer in enumerate(own) if answer.status == 200), default=-1)  # noqa: PLR2004
    for answer in own[last_on + 1 :]:
        if answer.status == 404:  # noqa: PLR2004 - as above: what HTTP calls it
            return answer.asked + answer.seconds
    raise WentWrong(f"{host.name} never answered 404")


def _visited(ground: Ground, limits: Limits) -> list[Row]:
    """Visitors of one host, while it is switched on and off; php-fpm is restarted, reloaded, or only has to forget."""
    found: list[Row] = []
    (host,) = ground.hosts
    for how, step in (("restart", host.restart), ("reload", host.reload), ("forget", "")):
        path = ground.configuration(f"{how}s", step=step, forget=not step)
        ordered: dict[str, Ordered] = {BARE: bare(ground, step=step)} if step else {}
        ordered[OURS] = toggle(ground, path)
        figures: dict[str, list[Mapping[str, float]]] = {name: [] for name in ordered}
        for turn in limits.turns():
            for name in figures if turn % 2 == 0 else reversed(figures):
                figures[name] += [_noticed(host, ordered[name], on) for on in (True, False)]
        found += [
            Row(f"visitors, {how}", 1, name, {key: Figure.of(each[key] for each in seen) for key in seen[0]})
            for name, seen in figures.items()
        ]
    return found


def _noticed(host: Host, ordered: Ordered, on: bool) -> Mapping[str, float]:
    with watching("load", _LOAD, [host.http_port]) as watch:
        time.sleep(_QUIET)
        cost = run(ordered(on))
        time.sleep(_QUIET / 2)
    return noticed(watch.answers, cost)


def noticed(answers: Sequence[Answer], cost: Cost) -> Mapping[str, float]:
    """What visitors noticed of a change, beside those who came right before it."""
    usual = statistics.median(answer.seconds for answer in answers if answer.asked < cost.began)
    meanwhile = [answer for answer in answers if answer.asked >= cost.began]
    return {
        "requests": len(meanwhile),
        "failed": sum(answer.status not in _WELL for answer in meanwhile),
        "delayed": sum(answer.seconds > _DELAYED * usual for answer in meanwhile),
        "usual ms": usual * 1000,
        "slowest ms": max(answer.seconds for answer in meanwhile) * 1000,
    }
