"""Measures what is asked for, and prints a table for each group: python -m bench --help."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

from bench import arguments, ground
from bench.arguments import Asked
from bench.groups import change, large, off, peers, starts, trips
from bench.meter import Limits, WentWrong
from bench.results import Results, document, table
from tests.lab.lab import missing

_PLAY: Mapping[str, Callable[[Asked, Limits], Results]] = {
    "starts": starts.play,
    "trips": trips.play,
    "off": off.play,
    "large": large.play,
    "change": change.play,
    "peers": peers.play,
}


def main(words: Sequence[str]) -> int:
    """Measure; 1 when something could not be."""
    asked = arguments.read(words)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the servers end with it
    if absent := (*missing(), *ground.absent()):
        _say(f"Not installed here: {', '.join(absent)}. Install with: scripts/lab-packages curl")
        return 1
    limits = Limits.within(asked.runs, asked.minutes)
    found: list[Results] = []
    wrong = 0
    for group in asked.only:
        begun = time.monotonic()
        try:
            results = _PLAY[group](asked, limits)
        except WentWrong as error:
            wrong = 1
            _say(f"== {group} ==\nCould not be measured: {error}\n")
            continue
        found.append(results)
        wrong = 1 if results.gaps else wrong
        _say(f"{table(results)}\n{time.monotonic() - begun:.0f} s\n")
        if asked.json:
            told = {
                key: list(map(str, value)) if isinstance(value, tuple) else value
                for key, value in asdict(asked).items()
            }
            asked.json.write_text(json.dumps(document(found, told), indent=1, default=str) + "\n", encoding="utf-8")
    return wrong


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
