"""A change on one host and on many, beside other tools that do the same there."""

from __future__ import annotations

from bench.arguments import Asked
from bench.clients import BARE, OURS, contestants
from bench.ground import real
from bench.meter import Limits, in_turn, rows
from bench.peers import Peers
from bench.results import Results, Row


def play(asked: Asked, limits: Limits) -> Results:
    """Toggle on and off, with the tools that are there."""
    if asked.peers is None:
        return Results(
            "peers", (), ("Not measured: name an environment that has the tools with --peers, see make bench-peers.",)
        )
    peers = Peers(asked.peers.absolute())
    notes = tuple(f"{name} is not in {asked.peers}, so it was not measured" for name in peers.absent())
    found: list[Row] = []
    with real(max(asked.hosts)) as ground:
        for count in asked.hosts:
            some = ground.first(count)
            own = {name: runner for name, runner in contestants(some).items() if name in {BARE, OURS}}
            found += rows(in_turn({**own, **peers.runners(some)}, limits), count, BARE)
    return Results("peers", tuple(found), ("times: as long as ssh, pair by pair.", *notes))
