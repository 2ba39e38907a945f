"""The pages that people read: a stream with styles, columns that fit, and text that can't do harm."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Sequence
from typing import TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from rolloutctl.rules.redact import printable

_PIPE_WIDTH = 1000  # a pipe has no width, so that a line stays a line
_READABLE = 110  # nothing is pushed further right than this
_LEAST = 20  # columns that a wrapped text gets, however narrow the terminal
_GAP = 3  # blanks between two columns

# What a person copies: a command behind a colon, or by itself.
_ADVICE = re.compile(
    r"(?P<before>(?:.*: )?)(?P<command>(?:rolloutctl|ssh|ssh-keyscan|ssh-keygen|ssh-add|sudo|chmod|chown|ls) .+)"
)

Part = str | tuple[str, str]  # text, or text with a style
Cell = str | Text


class Page:
    """A stream that people read. Nothing written here is taken for markup, and no control character passes."""

    def __init__(self, stream: TextIO) -> None:
        self.terminal = stream.isatty()
        plain = bool(os.environ.get("NO_COLOR")) or not self.terminal
        self.console = Console(
            file=stream,
            color_system=None if plain else "auto",
            markup=False,
            emoji=False,
            highlight=False,
            width=None if self.terminal or "COLUMNS" in os.environ else _PIPE_WIDTH,
        )

    @property
    def width(self) -> int:
        """In columns."""
        return self.console.width

    def line(self, *parts: Part, indent: int = 0, hang: int = 0) -> None:
        """One line; where it has to be wrapped, the rest stands `hang` columns further right."""
        self._wrapped(text(*parts), Text(" " * indent), indent + hang)

    def advice(self, words: str, *, indent: int = 0) -> None:
        """A sentence that may end in a command; one that doesn't fit stands on a line of its own, in one piece."""
        found = _ADVICE.fullmatch(words)
        if found is None or indent + cell_len(words) <= self.width:
            self.line(words, indent=indent, hang=2)
            return
        if found["before"]:
            self.line(found["before"].rstrip(), indent=indent, hang=2)
        self.whole(found["command"], indent=indent + 2)

    def whole(self, line: str, *, indent: int = 0) -> None:
        """What a person copies: wrapped by us it could not be; the terminal wraps it without a line break."""
        self._print(Text(" " * indent) + text(line))

    def gap(self) -> None:
        """An empty line."""
        self.console.print()

    def holds(self, left: str, right: str) -> bool:
        """Whether one line has room for both."""
        return self._between(left, right) >= _GAP

    def ends(self, left: Text, right: str) -> None:
        """A line with something at its right end, or below where there is no room."""
        blanks = self._between(left.plain, right)
        if blanks >= _GAP:  # a pipe has no right end
            self._print(left + Text(" " * (blanks if self.terminal else _GAP)) + text((right, "dim")))
        else:
            self._wrapped(left, Text(), 2)
            if right:
                self.line((right, "dim"), indent=2)

    def columns(self, rows: Sequence[Sequence[Cell]], *, heads: Sequence[str] = (), indent: int = 2) -> None:
        """Rows of cells below each other. Where it is too wide the last cell wraps; then a row takes several lines."""
        texts = _texts(rows, heads)
        if self.fits(rows, heads=heads, indent=indent):
            widths = _widths(texts)
            for row in texts:
                self._row(row, widths, indent)
        else:
            for row in _texts(rows, ()):
                self._packed(row, indent)

    def fits(self, rows: Sequence[Sequence[Cell]], *, heads: Sequence[str] = (), indent: int = 2) -> bool:
        """Whether rows of cells can stand below each other, with room for the last cell to wrap."""
        widths = _widths(_texts(rows, heads))
        room = self.width - indent - sum(width + _GAP for width in widths[:-1])
        return room >= min(widths[-1], max(_LEAST, self.width // 3))

    def _between(self, left: str, right: str) -> int:
        return min(self.width, _READABLE) - cell_len(left) - cell_len(right)

    def _row(self, row: Sequence[Text], widths: Sequence[int], indent: int) -> None:
        start = Text(" " * indent)
        for cell, width in zip(row[:-1], widths[:-1], strict=True):
            start += cell + Text(" " * (width - cell_len(cell.plain) + _GAP))
        self._wrapped(row[-1], start, cell_len(start.plain))

    def _packed(self, row: Iterable[Text], indent: int) -> None:
        """As many cells on a line as there is room for; the lines behind the first stand further right."""
        line, begun = Text(), False
        for cell in row:
            if not cell.plain.strip():
                continue
            room = self.width - indent - (2 if begun else 0)
            if line and cell_len(line.plain) + _GAP + cell_len(cell.plain) > room:
                self._wrapped(line, Text(" " * (indent + (2 if begun else 0))), indent + 4)
                line, begun = Text(), True
            line = line + Text(" " * _GAP) + cell if line else cell
        self._wrapped(line, Text(" " * (indent + (2 if begun else 0))), indent + 4)

    def _wrapped(self, content: Text, first: Text, rest: int) -> None:
        room = max(self.width - max(rest, cell_len(first.plain)), _LEAST)
        for number, each in enumerate(content.wrap(self.console, room) or [Text()]):
            self._print((Text(" " * rest) if number else first) + each)

    def _print(self, line: Text) -> None:
        line.rstrip()
        self.console.print(line, soft_wrap=True)


def answer_page() -> Page:
    """Where the answer goes."""
    return Page(sys.stdout)


def side_page() -> Page:
    """Where progress, questions and errors go."""
    return Page(sys.stderr)


def text(*parts: Part) -> Text:
    """Parts as one text, without markup and without control characters."""
    whole = Text()
    for part in parts:
        words, style = (part, "") if isinstance(part, str) else part
        whole.append(printable(words), style or None)
    return whole


def _widths(rows: Sequence[Sequence[Text]]) -> list[int]:
    return [max(cell_len(cell.plain) for cell in column) for column in zip(*rows, strict=True)]


def _texts(rows: Sequence[Sequence[Cell]], heads: Sequence[str]) -> list[list[Text]]:
    titled = [[text((head, "dim")) for head in heads]] if heads else []
    return titled + [[cell if isinstance(cell, Text) else text(cell) for cell in row] for row in rows]
