"""The text of a `.env`: read one key, set it, put it back, and leave every other byte alone."""

from __future__ import annotations

import re
from collections import Counter

from rolloutctl.errors import Refused
from rolloutctl.rules.env_lines import BOM, LINE_END, Definition, EnvText, Reading, definition, plain_value, readings
from rolloutctl.rules.env_secrets import secrets_of

__all__ = ["EnvText", "UnsafeEdit", "assign", "assignment_of", "definitions", "restore", "secrets_of", "value_of"]

_KEY = re.compile(r"[A-Za-z0-9_.]+")
_WRITABLE = re.compile(r"[A-Za-z0-9_.,:+-]*")
_BEFORE_A_VALUE = re.compile(rb"[ \t\n\r\0\x0b]*=[ \t\n\r\0\x0b]*")


class UnsafeEdit(Refused):
    """The place of a key cannot be found without doubt; says the key and the line's number, never its text."""

    code = "unsafe_edit"


def value_of(text: EnvText, key: str) -> str | None:
    """What phpdotenv reads for the last definition, `${...}` unresolved; None when the key is absent or bare.

    For a value that phpdotenv rejects it is the raw text up to a comment.
    """
    found = _shown(text.data, key)
    return None if found is None or found.bare else plain_value(text.data, found).decode(errors="replace")


def assignment_of(text: EnvText, key: str) -> str | None:
    """The exact text from the key to its value's end in the last definition: `=false`, ` = "false"`.

    Empty for a bare `KEY` line, None when absent. Bytes that are not UTF-8 come as lone surrogates.
    """
    found = _shown(text.data, key)
    return None if found is None else text.data[found.name_end : found.value_end].decode(errors="surrogateescape")


def definitions(text: EnvText, key: str) -> int:
    """How many definitions of the key there are; the last one counts."""
    counts = (len(_all(text.data, reading, key)) for reading in readings(text.data))
    return next((count for count in counts if count), 0)


def assign(text: EnvText, key: str, value: str) -> EnvText:
    """Set the last definition's value within the quotes it has, or append `KEY=value`.

    Raises:
        UnsafeEdit: when the place is in doubt, or phpdotenv would not read what is written there.
        ValueError: for a key or value that would need quotes; those of flags never do.
    """
    if not (_KEY.fullmatch(key) and _WRITABLE.fullmatch(value)):
        raise ValueError("only plain names, words and numbers are written to .env")
    after = _proved(text, _assigned(text.data, key, value.encode()), key)
    if value_of(after, key) != value:
        raise _doubt(key, _line_of(after, key), "phpdotenv would read another value there than the one written")
    return after


def restore(text: EnvText, key: str, assignment: str | None) -> EnvText:
    """Put an exact assignment back: ``restore(assign(t, k, v), k, assignment_of(t, k)) == t``.

    None removes the line that `assign` appended, with the line ending that came with it. A key that is gone meanwhile
    is appended.

    Raises:
        UnsafeEdit: as `assign`.
    """
    found = _last(text.data, key)
    if assignment is None:
        return text if found is None else _proved(text, _without(text.data, found, key), key, gone=True)
    old = assignment.encode(errors="surrogateescape")
    if found is None:
        return _proved(text, _append(text.data, key, old), key)
    _refuse_doubtful(text.data, found, key)
    return _proved(text, _splice(text.data, found.name_end, _end_to_replace(text.data, found, old), old), key)


def _all(data: bytes, reading: Reading, key: str) -> list[Definition]:
    name = key.encode()
    near = (entry for entry in reading.entries if data.find(name, entry.start, entry.end) >= 0)
    return [found for found in (definition(data, entry) for entry in near) if found.name == name]


def _last_in_each(data: bytes, key: str) -> list[Definition]:
    return [found[-1] for found in (_all(data, reading, key) for reading in readings(data)) if found]


def _shown(data: bytes, key: str) -> Definition | None:
    return next(iter(_last_in_each(data, key)), None)


def _last(data: bytes, key: str) -> Definition | None:
    """The definition that counts; phpdotenv's versions have to agree where more than one of them sees the key."""
    found = _last_in_each(data, key)
    if any(other != found[0] for other in found[1:]):
        raise _doubt(key, found[0].entry.line, "the versions of phpdotenv read different lines as its definition")
    return found[0] if found else None


def _refuse_doubtful(data: bytes, found: Definition, key: str) -> None:
    if not found.sound and LINE_END.search(data, found.entry.start, found.entry.end):
        raise _doubt(key, found.entry.line, "its value runs over several lines and does not end cleanly")


def _doubt(key: str, line: int, why: str) -> UnsafeEdit:
    return UnsafeEdit(
        f"{key} can't be edited safely in .env: {why} (line {line}).",
        state="Nothing was touched.",
        hint=f"Mend line {line} of .env by hand, then try again.",
    )


def _splice(data: bytes, start: int, end: int, new: bytes) -> EnvText:
    return EnvText(data[:start] + new + data[end:])


def _assigned(data: bytes, key: str, new: bytes) -> EnvText:
    found = _last(data, key)
    if found is None:
        return _append(data, key, b"=" + new)
    if found.bare:
        return _splice(data, found.name_end, found.value_end, b"=" + new)
    _refuse_doubtful(data, found, key)
    return _splice(data, found.value_start, found.value_end, found.quote + new + found.quote)


def _append(data: bytes, key: str, assignment: bytes) -> EnvText:
    seen = readings(data)
    if all(reading.unclosed is not None for reading in seen):
        line = seen[0].unclosed or 0
        raise _doubt(key, line, 'a quote opened by =" is never closed, so phpdotenv drops every line behind it')
    endings = Counter(LINE_END.findall(data)).most_common(1)
    ending = endings[0][0] if endings else b"\n"
    line_of_its_own = key.encode() + assignment
    if data.endswith((b"\n", b"\r")) or data in {b"", BOM}:
        return EnvText(data + line_of_its_own + ending)
    return EnvText(data + ending + line_of_its_own)


def _without(data: bytes, found: Definition, key: str) -> EnvText:
    start, end = found.entry.start, found.entry.end
    if LINE_END.search(data, start, end):
        raise _doubt(key, found.entry.line, "its definition runs over several lines")
    ending = LINE_END.match(data, end)
    if ending:
        return _splice(data, start, ending.end(), b"")
    before = 2 if data[:start].endswith(b"\r\n") else 1
    return _splice(data, start if data[:start] in {b"", BOM} else start - before, end, b"")


def _end_to_replace(data: bytes, found: Definition, old: bytes) -> int:
    """Where the assignment ends that `old` replaces; a blank value stands where `old` had its own."""
    before = _BEFORE_A_VALUE.match(old)
    if found.blank and before and data.startswith(before[0], found.name_end):
        return min(found.name_end + before.end(), found.entry.end)
    return found.value_end


def _proved(before: EnvText, after: EnvText, key: str, *, gone: bool = False) -> EnvText:
    """The edited text, if phpdotenv sees it differ in this definition alone."""
    old, new = _last(before.data, key), _last(after.data, key)
    if (new is None) == gone and any(
        _others(before.data, one, old) == _others(after.data, other, new)
        for one, other in zip(_both(before.data), _both(after.data), strict=True)
    ):
        return after
    raise _doubt(key, _line_of(before if old else after, key), "the edit would change how other lines are read")


def _line_of(text: EnvText, key: str) -> int:
    found = _shown(text.data, key)
    return found.entry.line if found else len(LINE_END.findall(text.data)) + 1


def _both(data: bytes) -> tuple[Reading, Reading]:
    seen = readings(data)
    return seen[0], seen[-1]


def _others(data: bytes, reading: Reading, found: Definition | None) -> list[bytes]:
    entries = reading.entries
    return [data[e.start : e.end] for e in entries if found is None or e.start != found.entry.start]
