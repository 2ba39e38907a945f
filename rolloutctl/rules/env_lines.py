"""Where the definitions of a `.env` stand, by phpdotenv's rules.

The locator is our own, since python-dotenv's bindings join lines, name keys and end values by other rules than the
file's real reader does (it knows no `="` block in a comment, no `"KEY"=x`, no `x#y`), and so can't vouch for a place.

The source of the rules is vlucas/phpdotenv 5: ``Lines`` (which lines belong together), ``EntryParser`` (name, value).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from msgspec import Struct

BLANKS = b" \t\n\r\0\x0b"  # what PHP's trim() takes off; a form feed is a blank inside values only
BOM = b"\xef\xbb\xbf"
LINE_END = re.compile(rb"\r\n|\n|\r")
_QUOTE_THAT_COUNTS = re.compile(rb'(?=[^\\]")')
_QUOTED = re.compile(rb"""'[^']*'|"(?:[^"\\]|\\.)*+\"""", re.DOTALL)
_PLAIN = re.compile(rb"[ \t\f\v]*[^\s#]*")
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_ESCAPED = {b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_NOTHING_MORE = re.compile(rb"\s*(?:#.*)?\Z", re.DOTALL)


class EnvText(Struct, frozen=True):
    """The bytes of a `.env`. They hold secrets, so `repr` tells only their size."""

    data: bytes

    def __repr__(self) -> str:
        return f"EnvText({len(self.data)} bytes)"


class Entry(Struct, frozen=True):
    """The lines that phpdotenv takes together as one definition: a span of the file without its last line ending."""

    start: int
    end: int
    line: int


class Reading(Struct, frozen=True):
    """All entries of a file, in order; blank lines and comments are none.

    `joined`: some lines were taken together. `unclosed`: the line that opens a block without an end; phpdotenv drops
    the file from there on, silently.
    """

    entries: tuple[Entry, ...]
    joined: bool
    unclosed: int | None


class Definition(Struct, frozen=True):
    """One entry taken apart; numbers are offsets into the file.

    `name_end` is behind the name and its quotes. The value, quotes included, is `value_start` to `value_end`; a blank
    value is the point where one would be written. `sound` is false where phpdotenv would reject what follows the `=`.
    """

    entry: Entry
    name: bytes
    name_end: int
    value_start: int
    value_end: int
    quote: bytes = b""
    sound: bool = True

    @property
    def bare(self) -> bool:
        """Whether it is a name alone, without `=`: phpdotenv unsets the key."""
        return self.name_end == self.value_end

    @property
    def blank(self) -> bool:
        """Whether nothing stands behind the `=`, not even quotes."""
        return self.value_start == self.value_end and not self.bare


@lru_cache(maxsize=16)  # a plan asks a dozen times, and the hosts of an environment mostly have the same file
def readings(data: bytes) -> tuple[Reading, ...]:
    """How phpdotenv reads the file: first as since 5.5; then as before it, where that differs."""
    newer = _read(data, opens_inside=False)
    if not newer.joined and newer.unclosed is None:
        return (newer,)
    older = _read(data, opens_inside=True)
    return (newer,) if older == newer else (newer, older)


def definition(data: bytes, entry: Entry) -> Definition:
    """Take an entry apart into name and value."""
    equals = data.find(b"=", entry.start, entry.end)
    if equals < 0:
        return Definition(entry, _name(data[entry.start : entry.end]), entry.end, entry.end, entry.end)
    head = data[entry.start : equals].rstrip(BLANKS)
    name_end = entry.start + len(head)
    rest = data[equals + 1 : entry.end]
    start = equals + 1 + len(rest) - len(rest.lstrip(BLANKS))
    if start == entry.end or data[start : start + 1] == b"#":
        start = end = _place_for_a_value(name_end, equals, start, commented=start < entry.end)
        return Definition(entry, _name(head.lstrip(BLANKS)), name_end, start, end)
    end, quote, sound = _value(data[start : entry.end].rstrip(BLANKS))
    return Definition(entry, _name(head.lstrip(BLANKS)), name_end, start, start + end, quote, sound)


def plain_value(data: bytes, found: Definition) -> bytes:
    """A definition's value without quotes, its escapes resolved, its lines joined by LF."""
    raw = LINE_END.sub(b"\n", data[found.value_start : found.value_end])
    if not found.quote:
        return raw
    inner = raw[1:-1]
    return inner if found.quote == b"'" else _ESCAPE.sub(lambda e: _ESCAPED.get(e[1], e[1]), inner)


def spans_of_lines(data: bytes) -> Iterator[tuple[int, int]]:
    """Every line without its ending; CRLF, LF and a lone CR end a line; a BOM is no part of the first."""
    start = len(BOM) if data.startswith(BOM) else 0
    for ending in LINE_END.finditer(data):
        yield start, ending.start()
        start = ending.end()
    yield start, len(data)


def _read(data: bytes, *, opens_inside: bool) -> Reading:
    entries: list[Entry] = []
    opened: Entry | None = None
    joined = False
    for number, (start, end) in enumerate(spans_of_lines(data), 1):
        line = data[start:end]
        opens = (opens_inside or not opened) and b'="' in line and not _closes(line, opened_here=True)
        if opened or opens:
            opened = opened or Entry(start, end, number)
            if not _closes(line, opened_here=opens):
                continue
            joined, line = True, data[opened.start : end]
        if _counts(line):
            entries.append(Entry(opened.start, end, opened.line) if opened else Entry(start, end, number))
        opened = None
    return Reading(tuple(entries), joined, opened.line if opened else None)


def _closes(line: bytes, *, opened_here: bool) -> bool:
    if line == b'"':
        return True
    if b'"' not in line:
        return False
    quotes = len(_QUOTE_THAT_COUNTS.findall(line.replace(b"\\\\", b"")))
    return quotes > (1 if opened_here else 0)


def _counts(line: bytes) -> bool:
    text = line.strip(BLANKS)
    return bool(text) and not text.startswith(b"#")


def _name(name: bytes) -> bytes:
    if len(name) > len(b"export A") and name.startswith(b"export") and name[6:7].isspace():
        name = name[6:].lstrip(BLANKS)
    quoted = len(name) > len(b'""') and name[:1] in {b'"', b"'"} and name[:1] == name[-1:]
    return name[1:-1] if quoted else name


def _place_for_a_value(name_end: int, equals: int, end_of_blanks: int, *, commented: bool) -> int:
    """As many blanks behind the `=` as before it, where there are so many, and one more before a comment."""
    room = end_of_blanks - equals - 1 - (1 if commented else 0)
    return equals + 1 + max(0, min(equals - name_end, room))


def _value(rest: bytes) -> tuple[int, bytes, bool]:
    """Where the value ends, its quote, and whether phpdotenv would read it."""
    quoted = _QUOTED.match(rest)
    found = quoted or _PLAIN.match(rest)
    if found and _NOTHING_MORE.match(rest, found.end()) and (quoted or rest[:1] not in {b'"', b"'"}):
        return found.end(), rest[:1] if quoted else b"", True
    comment = rest.find(b"#", quoted.end() if quoted else 0)
    unclosed = not quoted and rest[:1] in {b'"', b"'"}
    end = len(rest) if unclosed or comment < 0 else len(rest[:comment].rstrip(BLANKS))
    return end, b"", False
