"""The pages that people read: a stream with styles, columns that fit, and text that can't do harm."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from rolloutctl.rules.redact import printable

_PIPE_WIDTH = 1000  # a pipe has no width, so that a line stays a line
_READABLE = 110  # nothing is pushed further right than this
_GAP = 3

Part = str | tuple[str, str]  # text, or text with a style
Cell = Part | Sequence[Part]


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
        text = assembled(parts)
        room = self.width - indent
        if hang and cell_len(text.plain) > room:
            lines = text.wrap(self.console, room - hang)
            for number, each in enumerate(lines):
                self._print(each, indent + (hang if number else 0))
            return
        self._print(text, indent)

    def gap(self) -> None:
        """An empty line."""
        self.console.print()

    def ends(self, left: Sequence[Part], right: str, style: str = "dim") -> None:
        """A line with something at its right end, or below where there is no room."""
        start, room = assembled(left), min(self.width, _READABLE)
        blanks = room - cell_len(start.plain) - cell_len(right)
        if blanks >= _GAP:
            self._print(Text.assemble(start, " " * (blanks if self.terminal else _GAP), (printable(right), style)), 0)
        else:
            self.line(*left, hang=2)
            self.line((right, style), indent=2)

    def columns(self, rows: Sequence[Sequence[Cell]], *, indent: int = 2) -> None:
        """Rows of cells below each other; where they don't fit, the last cell wraps, or all stand on lines of their own."""
        texts = [[assembled([cell] if _is_part(cell) else cell) for cell in row] for row in rows]
        widths = [max(cell_len(text.plain) for text in column) for column in zip(*texts, strict=True)]
        fixed = indent + sum(width + _GAP for width in widths[:-1])
        room = self.width - fixed
        narrowest = min(widths[-1], max(24, self.width // 3))
        for row in texts:
            if room >= narrowest:
                self._row(row, widths, indent, room)
            else:
                self._stacked(row, indent)

    def _row(self, row: Sequence[Text], widths: Sequence[int], indent: int, room: int) -> None:
        start = Text()
        for text, width in zip(row[:-1], widths[:-1], strict=True):
            start.append_text(text).append(" " * (width - cell_len(text.plain) + _GAP))
        hanging = Text(" " * cell_len(start.plain))
        for number, each in enumerate(row[-1].wrap(self.console, room) or [Text()]):
            whole = (hanging if number else start) + each
            whole.rstrip()
            self._print(whole, indent)

    def _stacked(self, row: Sequence[Text], indent: int) -> None:
        first = True
        for text in row:
            if text.plain.strip():
                self._print(text, indent if first else indent + 2)
                first = False

    def _print(self, text: Text, indent: int) -> None:
        self.console.print(Padding(text, (0, 0, 0, indent), expand=False) if indent else text)


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


def assembled(parts: Sequence[Part] | Cell) -> Text:
    """Parts as one text, without markup and without control characters."""
    each = [parts] if isinstance(parts, str) else parts
    return Text.assemble(*(_safe(part) for part in each))  # type: ignore[arg-type] # a cell is a sequence of parts


def _safe(part: Part) -> Part:
    if isinstance(part, str):
        return printable(part)
    return (printable(part[0]), part[1])


def _is_part(cell: Cell) -> bool:
    return isinstance(cell, str) or (
        isinstance(cell, tuple) and len(cell) == len(("text", "style")) and all(isinstance(each, str) for each in cell)
    )
