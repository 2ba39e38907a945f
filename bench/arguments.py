"""What may be asked for on the command line."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

GROUPS = ("starts", "trips", "off", "large", "change", "peers")
"""In the order in which they are measured: what takes longest comes last, when the minutes may be over."""

_MOST_HOSTS = 1000
_MOST_RUNS = 100


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is measured, and how often."""

    hosts: tuple[int, ...] = (1, 10, 40)
    thin: int = 200
    runs: int = 5
    only: tuple[str, ...] = GROUPS
    minutes: float = 60
    json: Path | None = None
    peers: Path | None = None


def read(words: Sequence[str]) -> Asked:
    """Read the command line; argparse ends the process where it can't be."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure rolloutctl on real servers here.")
    parser.add_argument("--hosts", type=_counts, default=Asked.hosts, metavar="N,N", help="hosts: 1,10,40")
    parser.add_argument("--thin", type=_thin, default=Asked.thin, metavar="N", help="thin hosts: 200; 0: none")
    parser.add_argument("--runs", type=_runs, default=Asked.runs, metavar="N", help="pairs, of which medians are: 5")
    parser.add_argument(
        "--only", nargs="+", choices=GROUPS, default=list(GROUPS), metavar="GROUP", help=" ".join(GROUPS)
    )
    parser.add_argument("--minutes", type=float, default=60, help="no pair begins later than this: 60")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there too")
    parser.add_argument("--peers", type=Path, metavar="DIR", help="a virtual environment that has the other tools")
    found = parser.parse_args(words)
    return Asked(
        hosts=found.hosts,
        thin=found.thin,
        runs=found.runs,
        only=tuple(group for group in GROUPS if group in found.only),
        minutes=found.minutes,
        json=found.json,
        peers=found.peers,
    )


def _counts(text: str) -> tuple[int, ...]:
    return tuple(sorted({_between(word, 1, _MOST_HOSTS) for word in text.split(",")}))


def _thin(text: str) -> int:
    return _between(text, 0, _MOST_HOSTS)


def _runs(text: str) -> int:
    return _between(text, 1, _MOST_RUNS)


def _between(text: str, least: int, most: int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from {least} to {most}")
    return number
