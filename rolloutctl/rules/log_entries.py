"""A log's text as the entries that Laravel's Monolog writes: level, and a first line that may be shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

from rolloutctl.rules.hiding import repr_without
from rolloutctl.rules.metrics import LEVELS
from rolloutctl.rules.redact import Redactor, printable

MOST_OF_AN_ENTRY = 64 * 1024  # characters that are kept, and looked at by a pattern
LONGEST_HEADER = 320  # bytes, at least what the expression below can match
_SHOWN = 200  # characters
_TO_CLEAN = 4096  # characters of a first line that are searched for secrets
# Monolog's LineFormatter: "[%datetime%] %channel%.%level_name%: %message% %context% %extra%\n". Laravel's dates have a
# blank, Monolog's own a T, a fraction and an offset.
_HEADER = (
    r"\n\[(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?)\] "
    r"([^\n]{1,64}?)\.(DEBUG|INFO|NOTICE|WARNING|ERROR|CRITICAL|ALERT|EMERGENCY):(?= |\r?\n|\r?\Z)"
)
# With the line break before it: so a search runs from one to the next.
_STARTS = re.compile(_HEADER.encode())
_ENTRY = re.compile(_HEADER)
# Where the context's JSON begins: an object, a list, or an empty one of them.
_CONTEXT = re.compile(r'(?:^|\s)(?:\{\s*["}]|\[\s*["{\]]).*', re.DOTALL)

# POSIX' classes of characters, as they stand between brackets.
_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": r" \t",
    "digit": "0-9",
    "lower": "a-z",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\s",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}


class Entry(Struct, frozen=True):
    """One entry of a log, with its stack trace.

    Args:
        at: when, as it is written there: in the application's time zone unless it has an offset.
        channel: Monolog's channel; Laravel's is the application's environment.
        level: one of LEVELS.
        text: all of it, at most MOST_OF_AN_ENTRY characters. It may quote secrets and personal data: never shown.
    """

    at: str
    channel: str
    level: str
    text: str

    __repr__ = repr_without("text")

    def shown(self, secrets: Redactor) -> str:
        """Its message's first line, to be shown: without secrets, context and trace, and not too long."""
        message = _ENTRY.sub("", f"\n{self.text[:_TO_CLEAN]}", count=1).partition("\n")[0].strip()
        # Cleaned before it is cut: half a secret would not be found any more.
        line = printable(secrets.clean(_CONTEXT.sub("", message))).strip().replace("\t", " ")
        return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"


def entries(text: str) -> tuple[Entry, ...]:
    """The entries in a text; lines before the first one are the end of an entry that began earlier, and none."""
    return tuple(_entries(text))


def matching(found: Iterable[Entry], level: str | None = None, pattern: str | None = None) -> tuple[Entry, ...]:
    """The entries of this level or a graver one with a line in which the pattern is found: of the message or the trace.

    Args:
        found: entries.
        level: one of LEVELS; None: any.
        pattern: an extended regular expression, as `grep -Ei` has it; None: any entry.

    Raises:
        ValueError: there is no such level.
        re.error: the pattern is no regular expression.
    """
    grave = frozenset(LEVELS[LEVELS.index(level or LEVELS[0]) :])
    wanted = re.compile(_in_python(pattern or ""), re.IGNORECASE | re.MULTILINE)
    return tuple(entry for entry in found if entry.level in grave and wanted.search(entry.text))


def last_start(data: bytes) -> int:
    """Where the last entry in these bytes begins; -1 when none does. They begin with a line."""
    end = len(data)
    while (before := data.rfind(b"\n[", 0, end)) >= 0:
        if _STARTS.match(data, before):
            return before + 1
        end = before + 1
    return 0 if _STARTS.match(b"\n" + data[:LONGEST_HEADER]) else -1


def _entries(text: str) -> Iterator[Entry]:
    headers = list(_ENTRY.finditer("\n" + text))
    starts = [header.start() for header in headers]  # without the line break that was put before the text
    for header, start, end in zip(headers, starts, [*starts, len(text)][1:], strict=True):
        whole = text[start : min(end, start + MOST_OF_AN_ENTRY)]
        yield Entry(header[1], header[2], header[3].lower(), whole)


def _in_python(pattern: str) -> str:
    return re.sub(r"\[:(\w+):\]", lambda found: _CLASSES.get(found[1], found[0]), pattern)
