"""Reads `.env` as phpdotenv 5.6 does, so that the stand-in php judges an edit as a Laravel application would.

Written after phpdotenv's Parser/Lines, Parser/EntryParser and Loader/Resolver. Imports next to nothing, for speed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

_BLANKS = " \t\n\r\0\v"  # what PHP's trim() takes away
_NAME = re.compile(r"[a-zA-Z0-9_.]+", re.ASCII)
_VARIABLE = re.compile(r"\$\{([a-zA-Z0-9_.]+)\}", re.ASCII)
_QUOTES = re.compile(r'(?=[^\\]")')
_DOUBLE = re.compile(r'((?:[^"\\]|\\.)*)("?)(.*)', re.DOTALL)
_PIECES = re.compile(r"\\(.)|(\$)|[^\\$]+", re.DOTALL)
_NOTHING_MORE = re.compile(r"\s*(?:#.*)?", re.DOTALL | re.ASCII)
_ESCAPED = {'"': '"', "\\": "\\", "$": "$", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_NO_UTF8 = re.compile("[\udc80-\udcff]")


class InvalidError(ValueError):
    """The file is rejected, in phpdotenv's words, which quote a value."""


class Entry(NamedTuple):
    """What phpdotenv takes for one definition: the number of its first line, from 1, and its text."""

    line: int
    text: str


def load(content: bytes, process: Mapping[str, str]) -> dict[str, str | None]:
    """What the file defines for a process with these variables, which win; a bare name is None.

    Raises:
        InvalidError: phpdotenv rejects the file.
    """
    values: dict[str, str | None] = {}
    for entry in entries(content):
        name, written = _split(entry.text)
        value = None if written is None else _value(written, values, process)
        if name not in process:
            values[name] = value
    return values


def entries(content: bytes) -> Iterator[Entry]:
    """The definitions in the file, without comments; a block that is never closed is dropped, as phpdotenv does."""
    text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    text = _NO_UTF8.sub("?", text)  # as phpdotenv does to a file's bytes before it parses them
    block: list[str] = []
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text), start=1):
        begins = not block and '="' in line and not _closes(line, begins=True)
        if block or begins:
            block.append(line)
            if begins or not _closes(line, begins=False):
                continue
        whole = "\n".join(block) or line
        first = number - max(len(block) - 1, 0)
        block = []
        stripped = whole.strip(_BLANKS)
        if stripped and not stripped.startswith("#"):
            yield Entry(first, whole)


def check(entry: Entry) -> None:
    """Read one definition that stands alone.

    Raises:
        InvalidError: phpdotenv rejects it.
    """
    _, written = _split(entry.text)
    if written is not None:
        _value(written, {}, {})


def _closes(line: str, *, begins: bool) -> bool:
    return line == '"' or len(_QUOTES.findall(line.replace("\\\\", ""))) >= (2 if begins else 1)


def _split(text: str) -> tuple[str, str | None]:
    name, equals, value = text.partition("=")
    if equals:
        name = name.strip(_BLANKS)
    if not name:
        raise _error("an unexpected equals", text)
    if len(name) > len("export X") and name.startswith("export") and name[6] in " \t\n\r\v\f":
        name = name[6:].lstrip(_BLANKS)
    if len(name) > 2 and name[0] == name[-1] and name[0] in "\"'":  # noqa: PLR2004 - two quotes and a letter
        name = name[1:-1]
    if not _NAME.fullmatch(name):
        raise _error("an invalid name", name)
    return name, value.strip(_BLANKS) if equals else None


def _value(written: str, values: Mapping[str, str | None], process: Mapping[str, str]) -> str:
    if written.startswith("'"):
        value, closed, rest = written[1:].partition("'")
        variables: list[int] = []
    elif written.startswith('"'):
        match = _DOUBLE.match(written[1:])
        assert match is not None  # noqa: S101 - the pattern matches any text
        body, closed, rest = match.groups()
        value, variables = _unescaped(body, written)
    else:
        value, closed = re.split(r"[\s#]", written, maxsplit=1, flags=re.ASCII)[0], "unquoted"
        rest = written[len(value) :]
        variables = [at for at, character in enumerate(value) if character == "$"]
    if not closed:
        raise _error("a missing closing quote", written)
    if not _NOTHING_MORE.fullmatch(rest):
        raise _error("unexpected whitespace", written)
    for at in reversed(variables):
        value = value[:at] + _resolved(value[at:], values, process)
    return value


def _unescaped(body: str, written: str) -> tuple[str, list[int]]:
    value, variables = "", []
    for piece in _PIECES.finditer(body):
        escaped, dollar = piece.groups()
        if escaped is not None and escaped not in _ESCAPED:
            raise _error("an unexpected escape sequence", written)
        if dollar:
            variables.append(len(value))
        value += piece[0] if escaped is None else _ESCAPED[escaped]
    return value, variables


def _resolved(text: str, values: Mapping[str, str | None], process: Mapping[str, str]) -> str:
    match = _VARIABLE.match(text)
    if match is None:
        return text
    value = process.get(match[1], values.get(match[1]))
    return text if value is None else value + text[match.end() :]


def _error(cause: str, subject: str) -> InvalidError:
    first = subject.lstrip("\n").partition("\n")[0]
    return InvalidError(f"Failed to parse dotenv file. Encountered {cause} at [{first}].")
