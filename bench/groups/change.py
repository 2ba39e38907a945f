"""A change on one host and on many, beside bare ssh that does the same there."""

from __future__ import annotations

from bench.arguments import Asked
from bench.clients import BARE, contestants
from bench.ground import Ground, real, thin
from bench.meter import Limits, in_turn, rows
from bench.results import Results, Row

_THIN_RUNS = 3  # each takes half a minute of two processors


def play(asked: Asked, limits: Limits) -> Results:
    """Toggle on and off."""
    found: list[Row] = []
    with real(max(asked.hosts)) as ground:
        for count in asked.hosts:
            found += _compared(ground.first(count), limits)
    if asked.thin:
        fewer = Limits(min(limits.runs, _THIN_RUNS), limits.until)
        with thin(asked.thin) as ground:
            found += [Row(f"{row.what}, thin", row.hosts, row.who, row.figures) for row in _compared(ground, fewer)]
    return Results(
        "change", tuple(found), ("times: as long as ssh, pair by pair. Hosts and client share these processors.",)
    )


def _compared(ground: Ground, limits: Limits) -> list[Row]:
    return rows(in_turn(contestants(ground), limits), len(ground.hosts), BARE)
