"""The matrix in short, as docs/reliability.md has it: a line for each kind, and a line for each reason of an exit 5."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import get_args

from tests.faults.matrix import MEANINGS, ROWS, Moment, Row, cases


def summary() -> Iterator[str]:
    """The lines of both tables, in Markdown, without their heads."""
    for kind in dict.fromkeys(row.kind for row in ROWS):
        rows = [row for row in ROWS if row.kind == kind]
        count = sum(case.kind == kind for case in cases())
        widen, narrow = (_endings(words) for words in zip(*((row.widen, row.narrow) for row in rows), strict=True))
        yield f"| {kind} | {_moments(rows)} | {count} | {widen} | {narrow} |"
    for why in dict.fromkeys(row.why for row in ROWS if "person" in row.widen + row.narrow):
        kinds = dict.fromkeys(row.kind for row in ROWS if row.why == why and "person" in row.widen + row.narrow)
        yield f"| {why} | {', '.join(kinds)} |"


def _moments(rows: Iterable[Row]) -> str:
    played = {moment for row in rows for moment in row.moments.split()}
    return ", ".join(moment for moment in get_args(Moment) if moment in played)


def _endings(lists: Iterable[str]) -> str:
    allowed = {word for words in lists for word in words.split()}
    return ", ".join(word for word in MEANINGS if word in allowed)
