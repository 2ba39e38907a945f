"""Which words of a `.env` must never be shown: rather too many than one too few."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from rolloutctl.rules.env_lines import (
    BLANKS,
    LINE_END,
    Definition,
    Entry,
    EnvText,
    definition,
    plain_value,
    readings,
    spans_of_lines,
)

_CERTAINLY_A_NAME = re.compile(rb"""["']?[A-Z][A-Z0-9_.]*["']?""")
_COMMENT = re.compile(rb"\s*#[\s#]*")
_TRAILING_COMMENT = re.compile(rb"\s#")
_LONG_WORD = re.compile(rb"(?=\S*[A-Za-z0-9])\S{20,}")
_BETWEEN_PIECES = re.compile(rb"\s+|\$\{[^}]*\}")
_CREDENTIALS = re.compile(rb"://([^:/@\s]*):?(\S*)@")
_WORTH_HIDING = re.compile(rb"[A-Za-z0-9\x80-\xff]")
_SHORTEST_PIECE = 4


def secrets_of(text: EnvText, except_keys: Collection[str]) -> frozenset[str]:
    """Every value but those of the named keys, in each form in which it may be quoted.

    That is: the raw right-hand side; it without quotes, with escapes resolved, without comment; its single lines; its
    pieces between blanks and `${...}`; the credentials in a URL; what follows `base64:`. Also those of commented-out
    assignments, and of lines that phpdotenv rejects or never reads.
    """
    data = text.data
    names = {key.encode() for key in except_keys}
    found: set[bytes] = set()
    for entry in {entry for reading in readings(data) for entry in reading.entries}:
        if LINE_END.search(data, entry.start, entry.end):
            found.update(_of_definition(data, definition(data, entry), names))
    lost_from = min((reading.unclosed for reading in readings(data) if reading.unclosed), default=None)
    for number, (start, end) in enumerate(spans_of_lines(data), 1):
        found.update(_of_line(data, Entry(start, end, number), names))
        if lost_from and number > lost_from and _COMMENT.match(data, start, end):
            found.add(data[start:end].strip(BLANKS))  # inside a value that never ends it need not be a comment
    return frozenset(form for secret in found if secret for form in _decoded(secret))


def _of_definition(data: bytes, found: Definition, names: Collection[bytes]) -> Iterator[bytes]:
    if found.name in names:
        return
    if found.bare:
        if not _CERTAINLY_A_NAME.fullmatch(found.name):
            yield data[found.entry.start : found.entry.end].strip(BLANKS)
        return
    raw = data[data.index(b"=", found.name_end) + 1 : found.entry.end].strip(BLANKS)
    yield raw
    for value in {plain_value(data, found), raw[: _end_of_visible(raw)], data[found.value_start : found.value_end]}:
        yield from _forms(value)


def _of_line(data: bytes, line: Entry, names: Collection[bytes]) -> Iterator[bytes]:
    """What a line gives away by itself, be it a comment, the inside of a long value, or lost behind an open quote."""
    comment = _COMMENT.match(data, line.start, line.end)
    start = comment.end() if comment else line.start
    found = definition(data, Entry(start, line.end, line.line))
    whole = data[start : line.end].strip(BLANKS)
    if comment and found.bare:
        yield from _LONG_WORD.findall(whole)
        return
    yield from _of_definition(data, found, names)
    if found.name not in names and not comment and not _CERTAINLY_A_NAME.fullmatch(found.name):
        yield whole
        yield whole.strip(b"\"'")


def _end_of_visible(raw: bytes) -> int:
    comment = _TRAILING_COMMENT.search(raw)
    return comment.start() if comment else len(raw)


def _forms(value: bytes) -> Iterator[bytes]:
    for form in {value, value.strip(b"\"'")}:
        yield form
        if b"\n" in form or b"\r" in form:
            yield from (line.strip(BLANKS) for line in LINE_END.split(form))
        pieces = [*_BETWEEN_PIECES.split(form), *form.split(b"base64:")[1:]]
        for credentials in _CREDENTIALS.findall(form):
            pieces.extend(credentials)
        yield from (piece for piece in pieces if len(piece) >= _SHORTEST_PIECE and _WORTH_HIDING.search(piece))


def _decoded(secret: bytes) -> set[str]:
    """As text; for bytes that are not UTF-8, in each way in which they may come back."""
    return {secret.decode(errors="replace"), secret.decode(errors="surrogateescape")}
