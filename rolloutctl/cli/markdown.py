"""Texts as parts of a Markdown page: in whatever they hold, no markup, no link, no mention."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from rolloutctl.rules.redact import one_line

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~@!&])")  # also what makes a mention, a link or HTML of a name


def safe(text: str) -> str:
    """A text that is nothing but itself, in one line: no markup, no link, no mention, no cell of its own."""
    escaped = _MARKUP.sub(r"\\\1", one_line(text))
    return escaped.replace("://", ":\u200b//").replace("\\@", "@\u200b").replace("www.", "www\u200b.")


def code(text: str) -> str:
    """A command, to be copied."""
    return f"`{one_line(text).replace('`', chr(39))}`"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The lines of a table."""
    yield _row(heads)
    yield _row(["---"] * len(heads))
    for row in rows:
        yield _row([safe(cell) for cell in row])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
