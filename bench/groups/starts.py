"""How long it takes until a command begins, and which imports that goes to."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from bench.arguments import Asked
from bench.clients import ROOT, ours
from bench.figures import Figure
from bench.ground import Ground, real
from bench.imports import slowest
from bench.meter import Cost, Limits, Order, in_turn, rows, run
from bench.results import Results, Row

_SMALLEST = Path(__file__).parents[1] / "smallest.py"
_EMPTY = "python -c pass"
_MANY = 40
_SLOWEST = 15


def play(asked: Asked, limits: Limits) -> Results:
    """Starts of rolloutctl beside those of Python itself."""
    found: list[Row] = []
    with real(min(_MANY, max(asked.hosts))) as ground:
        orders = {
            _EMPTY: _python(ground, "-c", "pass"),
            "smallest typer --help": _python(ground, str(_SMALLEST), "--help"),
        }
        orders |= {f"rolloutctl {word}": ours(ground, word) for word in ("--version", "--help")}
        orders["rolloutctl <TAB>"] = _tab(ground)
        found += _compared(orders, 0, limits)
        for count in sorted({1, len(ground.hosts)}):
            some = ground.first(count)
            orders = {_EMPTY: _python(ground, "-c", "pass"), "rolloutctl status": ours(some, "status", "lab")}
            found += [row for row in _compared(orders, count, limits) if row.who != _EMPTY]
        for words in (("--help",), ("status", "lab")):
            found += _profile(ground.first(1), words)
    return Results(
        "starts", tuple(found), (f"times: as long as {_EMPTY}. Imports: the {_SLOWEST} that cost most by themselves.",)
    )


def _python(ground: Ground, *words: str) -> Order:
    return Order((sys.executable, *words), {**ground.env, "PYTHONPATH": str(ROOT)})


def _tab(ground: Ground) -> Order:
    order = ours(ground)
    asked = {"_ROLLOUTCTL_COMPLETE": "complete_bash", "COMP_WORDS": "rolloutctl toggle ", "COMP_CWORD": "2"}
    return Order(order.argv, {**order.env, **asked})


def _compared(orders: dict[str, Order], hosts: int, limits: Limits) -> list[Row]:
    runners = {name: partial(_started, order) for name, order in orders.items()}
    return rows(in_turn(runners, limits), hosts, _EMPTY)


def _started(order: Order) -> Mapping[str, Cost]:
    return {"start": run(order)}


def _profile(ground: Ground, words: tuple[str, ...]) -> list[Row]:
    order = ours(ground, *words)
    cost = run(Order((sys.executable, "-X", "importtime", "-m", "rolloutctl", *words), order.env))
    what = f"imports of {words[0]}"
    return [Row(what, 0, name, {"self ms": Figure.of([ms])}) for name, ms in slowest(cost.said, _SLOWEST)]
