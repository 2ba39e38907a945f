"""How many times a command waits for the network: by how much it takes longer where each round trip does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bench.arguments import Asked
from bench.clients import BARE, OLDER, OURS, bare, ours, toggle
from bench.figures import Figure, slope
from bench.ground import Ground, real
from bench.meter import Cost, Limits, Order, run
from bench.relay import Relays
from bench.results import Results, Row

_DELAYS = (0.0, 0.05, 0.1, 0.2)  # seconds of a round trip
_ON_AND_OFF = {True: "on", False: "off"}
_MOST_RUNS = 3  # at each delay
_MOST_HOSTS = 2  # the canary and another one: with more it waits no more often


def play(asked: Asked, limits: Limits) -> Results:
    """Commands over lines of different length."""
    found: list[Row] = []
    fewer = Limits(min(limits.runs, _MOST_RUNS), limits.until)
    for count in sorted({1, min(_MOST_HOSTS, max(asked.hosts))}):
        with real(count) as near, _far(near) as (ground, relays):
            for name, orders in _orders(ground).items():
                found += _measured(name, orders, count, relays, fewer)
    return Results("trips", tuple(found), ("round trips: by least squares over the least time at each delay",))


@contextmanager
def _far(near: Ground) -> Iterator[tuple[Ground, Relays]]:
    ports = (port for host in near.hosts for port in (host.ssh_port, host.http_port))
    with Relays(ports).carrying() as relays:
        ground = near.through(relays.ports)
        ground.know()
        yield ground, relays


def _orders(ground: Ground) -> dict[tuple[str, str], Callable[[bool], Order]]:
    """What is run in each turn, once with True and once with False, by what it is and who does it."""
    path = ground.configuration()
    return {
        ("nothing", BARE): lambda _: _bare_true(ground),
        ("change", BARE): bare(ground),
        ("change", f"{BARE} {OLDER}"): bare(ground, *OLDER.split()),
        ("change", OURS): toggle(ground, path),
        ("status", OURS): lambda _: ours(ground, "status", "lab", configuration=path),
    }


def _bare_true(ground: Ground) -> Order:
    """The least that can be asked of ssh."""
    return Order(("ssh", "-F", str(ground.ssh_config()), ground.hosts[0].name, "true"), ground.env)


def _measured(
    name: tuple[str, str], ordered: Callable[[bool], Order], hosts: int, relays: Relays, limits: Limits
) -> Iterator[Row]:
    what, who = name
    costs: dict[bool, dict[float, list[Cost]]] = {on: {} for on in (_ON_AND_OFF if what == "change" else (True,))}
    relays.seconds = 0.0
    for on in costs:
        run(ordered(on))
    before = relays.lines
    runs = 0
    for turn in limits.turns():
        for relays.seconds in _DELAYS if turn % 2 == 0 else reversed(_DELAYS):
            for on, own in costs.items():
                own.setdefault(relays.seconds, []).append(run(ordered(on)))
                runs += 1
    lines = (relays.lines - before) / runs
    for on, own in costs.items():
        trips = slope((delay, min(cost.wall for cost in each)) for delay, each in own.items())
        figures = {
            "round trips": Figure.of([trips]),
            "connections": Figure.of([lines]),
            **{
                f"{delay * 1000:.0f} ms: s": Figure.of(cost.wall for cost in each)
                for delay, each in sorted(own.items())
            },
        }
        yield Row(_ON_AND_OFF[on] if what == "change" else what, hosts, who, figures)
