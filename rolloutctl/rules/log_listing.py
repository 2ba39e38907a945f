"""What a host says of a log's files when the line of log_command.py has looked at them."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import takewhile

from msgspec import Struct

from rolloutctl.rules.hiding import repr_without
from rolloutctl.rules.log_command import BLOCK
from rolloutctl.rules.log_places import MOST_FILES, is_id, is_size

_FILE = re.compile(r"f (\d{1,20}) (\S+) (\d{1,19}) (\d{1,19}) (\d{1,19}) ([01]) (.+)")
_TROUBLES = {
    "missing": "is not there yet",
    "folder": "is a folder",
    "special": "is no regular file",
    "locked": "can't be read",
    "unread": "could not be read",
}
_BLINDING = {"locked", "unread"}  # also where other files have the name


class Seen(Struct, frozen=True):
    """A file of a log with news, or one that was not seen before.

    Args:
        modified: seconds since 1970, by the host's clock.
        id: device and inode.
        size: bytes, when it was listed.
        start: where `data` begins.
        name: its path.
        head: its first block, when it is not in `data`.
        data: what was read; None when nothing was.
    """

    modified: int
    id: str
    size: int
    start: int
    name: str
    head: bytes = b""
    data: bytes | None = None

    __repr__ = repr_without("head", "data")


class Listing(Struct, frozen=True):
    """What a host says: files with news, ids of those without, and what is wrong with any (`blind`: not looked at)."""

    seen: tuple[Seen, ...] = ()
    same: frozenset[str] = frozenset()
    troubles: tuple[str, ...] = ()
    blind: bool = False


def listing_of(output: str, path: str) -> Listing | None:
    """What the line for this path printed; None when that is not all, or nothing that it prints."""
    lines = output.split("\n")
    if "end" not in lines[-2:]:
        return None
    try:
        return _listing(lines, one="*" not in path)
    except (ValueError, LookupError):
        return None


def _listing(lines: Iterable[str], *, one: bool) -> Listing:
    """What the lines say; `one`: the path is one file's."""
    seen: list[Seen] = []
    said: dict[str, list[str]] = {}
    rest = iter(lines)
    for line in rest:
        if line.startswith("f "):
            seen.append(_seen(line, rest))
        else:
            kind, _, words = line.partition(" ")
            said.setdefault(kind, []).append(words)
    troubles = [words.partition(" ")[::2] for words in said.get("!", ())]
    checked = tuple(_checked(seen, _now(said.get("s", ()))))
    troubles += [("unread", each.name) for each in checked if each.data == b"" and each.size > each.start]
    same = frozenset(" ".join(said["="]).split())
    files = int("".join(said["n"]))
    told = [f"{_plain(name)} {_TROUBLES[why]}" for why, name in troubles]
    told += [f"more than {MOST_FILES} files have such a name"] if files > MOST_FILES else []
    whys = {why for why, _ in troubles}
    blind = bool(whys & _BLINDING or (one and whys - {"missing"}) or (files and not seen and not same))
    return Listing(checked, same, tuple(told), blind)


def _seen(line: str, rest: Iterator[str]) -> Seen:
    found = _FILE.fullmatch(line)
    if not found or not is_id(found[2]):
        raise ValueError(line)
    modified, size, start, count = (int(found[group]) for group in (1, 3, 4, 5))
    if not is_size(size) or not is_size(start * BLOCK):
        raise ValueError(line)
    if not count:
        return Seen(modified, found[2], size, start * BLOCK, _plain(found[7]))
    data = base64.b64decode("".join(takewhile(".".__ne__, rest)), validate=True)
    lead = BLOCK if found[6] == "1" else 0
    return Seen(modified, found[2], size, start * BLOCK, _plain(found[7]), data[:lead], data[lead:])


def _now(lines: Iterable[str]) -> dict[str, tuple[str, int]]:
    """Which file has a name, once all was read, and its size."""
    fields = (line.split(" ", 2) for line in lines)
    return {_plain(name): (id_, int(size)) for id_, size, name in fields}


def _checked(seen: Iterable[Seen], now: Mapping[str, tuple[str, int]]) -> Iterator[Seen]:
    """The files; what was read is left out when its name became another file's meanwhile, or it was truncated."""
    for each in seen:
        id_, size = now.get(each.name, ("", 0))
        moved = each.data is not None and (id_ != each.id or size < each.size)
        yield Seen(each.modified, each.id, each.size, each.start, each.name) if moved else each


def _plain(name: str) -> str:
    return name.removeprefix("./")
