"""What grows with the years: a large `.env`, a long audit log, many companies."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from bench.arguments import Asked
from bench.clients import BARE, OURS, Flips, bare, ours, toggle
from bench.ground import FLAG, Ground, real
from bench.meter import Cost, Limits, Order, Runner, WentWrong, in_turn, rows, run
from bench.results import Results, Row

_ENV = 1_000_000  # bytes
_RECORDS = 100_000
_COMPANIES = (1_000, 100_000)
_OF_A_CHANGE = 2  # records: started, and how it ended


def play(asked: Asked, limits: Limits) -> Results:
    """The same with little and with much."""
    found: list[Row] = []
    with real(2) as both:
        short, long = (replace(both, hosts=(host,)) for host in both.hosts)
        found += _companies(short, limits)
        found += _records(short, long, limits)
        found += _env(short, limits)
    return Results("large", tuple(found), ("times: as long as the first of its kind",))


def _companies(ground: Ground, limits: Limits) -> list[Row]:
    runners: dict[str, Runner] = {}
    for count in _COMPANIES:
        listed = ground.client / f"companies-{count}"
        listed.write_text("".join(f"{number}\t{number % 50 + 1}\n" for number in range(1, count + 1)), encoding="utf-8")
        rollout = {
            "environment": "lab",
            "companies": {"run": f"cat {listed}"},
            "phases": [{"name": "10%", "percent": 10}, {"name": "full", "audience": "everyone"}],
        }
        path = ground.configuration(f"companies-{count}", rollouts={FLAG: rollout})
        order = ours(ground, "rollout", "plan", FLAG, configuration=path)
        runners[f"{count:,} companies"] = partial(_planned, order)
    return rows(in_turn(runners, limits), 1, next(iter(runners)))


def _planned(order: Order) -> Mapping[str, Cost]:
    return {"rollout plan": run(order)}


def _records(short: Ground, long: Ground, limits: Limits) -> list[Row]:
    """The status, and a change with its rollback, on a host with few records and on one with many."""
    for ground in (short, long):
        Flips(ground, toggle(ground))()
    (log,) = long.hosts[0].state.rglob("audit.jsonl")
    lengthen(log, _RECORDS)
    runners: dict[str, Runner] = {}
    for name, ground in (("a short log", short), (f"{_RECORDS:,} records", long)):
        runners[name] = partial(_undone, ground)
    found = rows(in_turn(runners, limits), 1, "a short log")
    kept = len(log.read_bytes().splitlines())
    if kept <= _RECORDS:
        raise WentWrong(f"the long log has only {kept} records: what was measured was another one")
    run(ours(long, "audit", "lab", "--verify"))  # only a whole chain is what a host would have
    return found


def _undone(ground: Ground) -> Mapping[str, Cost]:
    return {
        "status": run(ours(ground, "status", "lab")),
        "change": Flips(ground, toggle(ground)).flip(on=True),
        "rollback": run(ours(ground, "rollback", "lab", "--yes")),
    }


def lengthen(log: Path, count: int) -> None:
    """Let a log have so many records: those of its last changes again and again, in a chain that is whole."""
    lines = log.read_text(encoding="utf-8").splitlines()
    cycle = [json.loads(line) for line in lines]
    last = hashlib.sha256(lines[-1].encode()).hexdigest()
    with log.open("a", encoding="utf-8") as file:
        for record in _again(cycle, len(lines) + 1, count):
            line = json.dumps({**record, "prev": last}, separators=(",", ":"), ensure_ascii=False)
            last = hashlib.sha256(line.encode()).hexdigest()
            file.write(line + "\n")
    log.with_name("audit.head").write_text(f"{count} {last}\n", encoding="utf-8")


def _again(cycle: list[dict[str, Any]], begin: int, end: int) -> Iterator[dict[str, Any]]:
    change = ""
    for number in range(begin, end + 1):
        if (number - begin) % _OF_A_CHANGE == 0:
            change = secrets.token_hex(4)
        yield {**cycle[(number - begin) % len(cycle)], "line": number, "change": change}


def _env(ground: Ground, limits: Limits) -> list[Row]:
    """A change where `.env` is large, beside bare ssh."""
    env = ground.hosts[0].app / ".env"
    with env.open("a", encoding="utf-8") as file:
        number = 0
        while file.tell() < _ENV:
            number += 1
            file.write(
                f'# What number {number} is for, and who knows more of it.\nFILLER_{number}="value {number:060}"\n'
            )
    runners: dict[str, Runner] = {
        BARE: Flips(ground, bare(ground)),
        OURS: Flips(ground, toggle(ground)),
    }
    return [replace(row, what=f"{row.what}, .env of 1 MB") for row in rows(in_turn(runners, limits), 1, BARE)]
