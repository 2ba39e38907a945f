"""A change on one host and on many, beside bare ssh that does the same there."""

from __future__ import annotations

from dataclasses import replace

from bench.arguments import Asked
from bench.clients import BARE, connected, contestants
from bench.ground import Ground, real, thin
from bench.meter import Limits, WentWrong, in_turn, rows
from bench.results import Results, Row

_THIN_RUNS = 3  # with 200 hosts, a change takes more than a minute of two processors


def play(asked: Asked, limits: Limits) -> Results:
    """Toggle on and off."""
    found: list[Row] = []
    gaps: list[str] = []
    with real(max(asked.hosts)) as ground:
        for count in asked.hosts:
            found += _compared(ground.first(count), limits, "", gaps)
    if asked.thin:
        fewer = Limits(min(limits.runs, _THIN_RUNS), limits.until)
        with thin(asked.thin) as ground:
            found += _compared(ground, fewer, ", thin", gaps)
    notes = ("times: as long as ssh, pair by pair. Hosts and client share these processors.",)
    return Results("change", tuple(found), notes, tuple(gaps))


def _compared(ground: Ground, limits: Limits, kind: str, gaps: list[str]) -> list[Row]:
    """Where so many hosts are too much for this machine, the other counts are measured all the same."""
    try:
        costs = in_turn(contestants(ground) | connected(ground), limits)
    except WentWrong as error:
        gaps.append(f"{len(ground.hosts)} hosts{kind} could not be measured: {error}")
        return []
    return [replace(row, what=f"{row.what}{kind}") for row in rows(costs, len(ground.hosts), BARE)]
