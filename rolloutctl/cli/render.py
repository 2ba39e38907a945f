"""The pages that people read: a stream with styles, columns that fit, and text that can't do harm."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from rolloutctl.rules.redact import printable

_PIPE_WIDTH = 1000  # a pipe has no width, so that a line stays a line
_READABLE = 110  # nothing is pushed further right than this
_LEAST = 20  # columns that a wrapped text gets, however narrow the terminal
_GAP = 3  # blanks between two columns

Part = str | tuple[str, str]  # text, or text with a style
Cell = str | Text


class Page:
    """A stream that people read. Nothing written here is taken for markup, and no control character passes."""

    def __init__(self, stream: TextIO) -> None:
        self.terminal = stream.isatty()
        plain = bool(os.environ.get("NO_COLOR")) or not self.terminal
        self.console = _Console(
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
        self._wrapped(text(*parts), " " * indent, " " * (indent + hang))

    def gap(self) -> None:
        """An empty line."""
        self.console.print()

    def ends(self, left: Text, right: str) -> None:
        """A line with something at its right end, or below where there is no room."""
        blanks = min(self.width, _READABLE) - cell_len(left.plain) - cell_len(right)
        if blanks >= _GAP:
            self._print(left + Text(" " * (blanks if self.terminal else _GAP)) + text((right, "dim")))
        else:
            self._wrapped(left, "", "  ")
            self.line((right, "dim"), indent=2)

    def columns(self, rows: Sequence[Sequence[Cell]], *, indent: int = 2) -> None:
        """Rows of cells below each other; where that is too wide the last cell wraps, or cells get lines of their own."""
        texts = [[cell if isinstance(cell, Text) else text(cell) for cell in row] for row in rows]
        widths = [max(cell_len(cell.plain) for cell in column) for column in zip(*texts, strict=True)]
        room = self.width - indent - sum(width + _GAP for width in widths[:-1])
        fits = room >= min(widths[-1], max(_LEAST, self.width // 3))
        for row in texts:
            if fits:
                start = Text(" " * indent)
                for cell, width in zip(row[:-1], widths[:-1], strict=True):
                    start += cell + Text(" " * (width - cell_len(cell.plain) + _GAP))
                self._wrapped(row[-1], start, " " * cell_len(start.plain))
            else:
                for number, cell in enumerate(cell for cell in row if cell.plain.strip()):
                    self.line_of(cell, indent=indent + (2 if number else 0))

    def line_of(self, content: Text, *, indent: int = 0) -> None:
        """A text that was put together before, on as many lines as it takes."""
        self._wrapped(content, " " * indent, " " * indent)

    def _wrapped(self, content: Text, first: str | Text, rest: str) -> None:
        room = max(self.width - len(rest), _LEAST)
        for number, each in enumerate(content.wrap(self.console, room) or [Text()]):
            self._print(Text(rest) + each if number else (first if isinstance(first, Text) else Text(first)) + each)

    def _print(self, line: Text) -> None:
        line.rstrip()
        self.console.print(line, soft_wrap=True)


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Nobody reads any more (`| head`): go on silently, for the exit status still tells how a change ended."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())


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
