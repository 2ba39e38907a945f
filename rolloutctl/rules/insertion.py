"""Where a new entry goes in the text of a YAML file, so that every byte that stands there stays as it is."""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from rolloutctl.rules.config_tree import Node

_BREAK = re.compile(r"(?<=\n)|(?<=\r)(?!\n)|(?<=[\x85\u2028\u2029])")  # behind what ends a line to YAML
_OPENS = re.compile(r"""\s*["']?[\w-]+["']?\s*:(\s+&\S+)?\s*(#.*)?$""")  # a key with nothing behind it on its line
_STEP = "  "


class Insertion(Struct, frozen=True):
    """A text in its three parts; only `inserted` is new."""

    before: str
    inserted: str
    after: str

    @property
    def text(self) -> str:
        """The whole of it."""
        return self.before + self.inserted + self.after


def insert(text: str, root: Node, section: str, entry: Sequence[str]) -> Insertion | None:
    """The text with the lines of an entry at the end of a section, which is made at the end of the text if need be.

    `root` is the tree of the text. Whoever calls it reads the result again: not every way to write YAML is foreseen.
    None where the section is written in braces.
    """
    lines = _BREAK.split(text)
    end = "\r\n" if "\r\n" in text else "\n"
    written = root.get(section)
    if written is None:
        gap = end * 2 if lines[-1] else "" if not "".join(lines[-2:]).strip() else end
        return Insertion(text, gap + _joined([f"{section}:", *_indented(entry, _STEP)], end), "")
    first = root.line_of(section)
    if not _OPENS.match(lines[first - 1]):
        return None
    last = _last_line(lines, first, root)
    before = "".join(lines[:last])
    gap = "" if before.endswith(("\n", "\r")) else end
    inserted = gap + _joined(_indented(entry, _indent(lines, written)), end)
    return Insertion(before, inserted, "".join(lines[last:]))


def _last_line(lines: Sequence[str], first: int, root: Node) -> int:
    """How many lines reach to the end of the section; what is said about the next one, at the margin, comes after."""
    later = [line for line in root.key_lines.values() if line > first]
    last = min(later) - 1 if later else len(lines)
    while last > first and (not lines[last - 1].strip() or lines[last - 1].startswith(("#", "..."))):
        last -= 1
    return last


def _indent(lines: Sequence[str], written: Node) -> str:
    known = next(iter(written.entries or ()), None)
    if known is None:
        return _STEP
    line = lines[written.line_of(known) - 1]
    return line[: len(line) - len(line.lstrip(" "))]


def _indented(entry: Sequence[str], indent: str) -> list[str]:
    return [f"{indent}{line}" for line in entry]


def _joined(lines: Sequence[str], end: str) -> str:
    return "".join(f"{line}{end}" for line in lines)
