"""Measures commands: each contestant in turn, forwards and then backwards, so that what drifts meets all alike."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.figures import Figure, ratios
from bench.results import Row

_LAUNCH = Path(__file__).with_name("launch.py")
_SECONDS = 300  # that a command may take
_TAIL = 2000  # characters of what a failed one said


class WentWrong(Exception):
    """A command did not do what it was measured for."""


@dataclass(frozen=True, slots=True)
class Order:
    """A command to be run."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path = Path("/")


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command needed: seconds of the clock and of processors, MB of its largest process.

    Processors and memory are those of the command's process and of all that it has waited for.
    """

    began: float
    wall: float
    cpu: float
    memory: float
    said: str


@dataclass(frozen=True, slots=True)
class Limits:
    """How often something is measured, and until when a next time may begin, by the monotonic clock."""

    runs: int
    until: float

    @classmethod
    def within(cls, runs: int, minutes: float) -> Limits:
        """From now on."""
        return cls(runs, time.monotonic() + minutes * 60)

    def turns(self) -> Iterator[int]:
        """At least one."""
        for turn in range(self.runs):
            if turn and time.monotonic() > self.until:
                return
            yield turn


def run(order: Order) -> Cost:
    """Run a command and measure it.

    Raises:
        WentWrong: it failed; with what it said.
    """
    with tempfile.NamedTemporaryFile(prefix="bench-") as output:
        asked = {
            "argv": order.argv,
            "env": dict(order.env),
            "cwd": str(order.cwd),
            "output": output.name,
            "seconds": _SECONDS,
        }
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(_LAUNCH)],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            check=True,
        )
        said = Path(output.name).read_text(encoding="utf-8", errors="replace")
    told = json.loads(done.stdout)
    if status := told.pop("status"):
        raise WentWrong(f"{' '.join(order.argv)[:200]}\nended with {status}:\n{said[-_TAIL:]}")
    return Cost(**told, said=said)


Runner = Callable[[], Mapping[str, Cost]]
"""Runs what one contestant does in a turn; gives the cost of each part of it."""


def in_turn(runners: Mapping[str, Runner], limits: Limits) -> dict[tuple[str, str], list[Cost]]:
    """The costs by part and contestant, of so many turns behind one that is not counted."""
    costs: dict[tuple[str, str], list[Cost]] = {}
    for runner in runners.values():
        runner()
    for turn in limits.turns():
        names = list(runners)
        for name in names if turn % 2 == 0 else reversed(names):
            for part, cost in runners[name]().items():
                costs.setdefault((part, name), []).append(cost)
    return costs


def rows(costs: Mapping[tuple[str, str], Sequence[Cost]], hosts: int, reference: str) -> list[Row]:
    """A row for each part and contestant; how many times as long it took as the reference, by the pairs of turns."""
    found = []
    for part in dict.fromkeys(part for part, _ in costs):
        for name in (name for each, name in costs if each == part):
            mine, others = costs[part, name], costs[part, reference]
            figures = {
                "wall s": Figure.of(cost.wall for cost in mine),
                "cpu s": Figure.of(cost.cpu for cost in mine),
                "memory MB": Figure.of(cost.memory for cost in mine),
            }
            if name != reference:
                figures["times"] = ratios([cost.wall for cost in mine], [cost.wall for cost in others])
            found.append(Row(part, hosts, name, figures))
    return found
