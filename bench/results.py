"""What was measured: a table for people, a document for machines."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import rolloutctl
from bench.figures import Figure

_EVEN = 1e-9
_DIGITS = 3


@dataclass(frozen=True, slots=True)
class Row:
    """What one contestant needed for one thing; `figures` by their name, which ends with the unit."""

    what: str
    hosts: int
    who: str
    figures: Mapping[str, Figure]


@dataclass(frozen=True, slots=True)
class Results:
    """All rows of a group, with what is to be said of it; `gaps`: what could not be measured, and why."""

    group: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()


def table(results: Results) -> str:
    """The rows as lines of text: each figure's median, and behind it from where to where it went."""
    names = list(dict.fromkeys(name for row in results.rows for name in row.figures))
    lines = [("what", "hosts", "who", *names)]
    for row in results.rows:
        cells = (told(row.figures[name]) if name in row.figures else "" for name in names)
        lines.append((row.what, str(row.hosts) if row.hosts else "", row.who, *cells))
    return "\n".join((f"== {results.group} ==", *_aligned(lines), *results.notes, *results.gaps))


def told(figure: Figure) -> str:
    """A figure in a cell of a table."""
    if figure.most - figure.least < _EVEN:
        return _short(figure.median)
    return f"{_short(figure.median)} ({_short(figure.least)}-{_short(figure.most)})"


def document(all_results: Iterable[Results], asked: Mapping[str, Any]) -> dict[str, Any]:
    """All of it, with the machine that it was measured on."""
    return {
        "version": rolloutctl.__version__,
        "machine": {
            "processors": os.cpu_count(),
            "kind": platform.machine(),
            "system": platform.release(),
            "python": platform.python_version(),
        },
        "asked": dict(asked),
        "groups": [asdict(results) for results in all_results],
    }


def _short(value: float) -> str:
    """Three digits that count, and no exponent; a whole number as it is."""
    if value == int(value):
        return str(int(value))
    digits = max(0, _DIGITS - len(f"{abs(value):.0f}"))
    return f"{value:.{digits if abs(value) >= 1 else _DIGITS}f}"


def _aligned(lines: Sequence[Sequence[str]]) -> Iterable[str]:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
