"""environments.yaml as a tree of values that know their lines, and the faults found in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct, field
from msgspec.structs import force_setattr

Scalar = str | int | float | bool | None
MOST_NODES = 20_000
MOST_DEPTH = 40


class Fault(Struct, frozen=True, order=True):
    """One thing that is wrong, at one line."""

    line: int
    text: str

    def at(self, file: str) -> str:
        """The line that a person reads and an editor can jump to."""
        return f"{file}:{self.line}: {self.text}"


class Node(Struct, frozen=True, kw_only=True):
    """A value of the file: a scalar, a list or a mapping. `text` is a scalar as it is written."""

    line: int
    scalar: Scalar = None
    text: str = ""
    items: tuple[Node, ...] | None = None
    entries: Mapping[str, Node] | None = None
    key_lines: Mapping[str, int] = field(default_factory=dict)
    size: int = 0  # how many values it stands for; kept, since aliases may repeat a value 2^n times

    def __post_init__(self) -> None:
        force_setattr(self, "size", 1 + sum(child.size for child in self.children))

    @property
    def empty(self) -> bool:
        """Whether nothing is written here."""
        return self.entries is None and self.items is None and self.scalar is None

    @property
    def children(self) -> tuple[Node, ...]:
        """The values directly below."""
        return self.items if self.items is not None else tuple((self.entries or {}).values())

    def plain(self) -> object:
        """The value as Python's own types."""
        if self.entries is not None:
            return {key: child.plain() for key, child in self.entries.items()}
        return [child.plain() for child in self.items] if self.items is not None else self.scalar

    def get(self, key: str) -> Node | None:
        """The value of a key, None where it is not a mapping or lacks the key."""
        return None if self.entries is None else self.entries.get(key)

    def line_of(self, key: str) -> int:
        """The line of a key, or of this value where there is no such key."""
        return self.key_lines.get(key, self.line)

    def line_in(self, key: str, position: int) -> int:
        """The line of an item of the list at a key."""
        written = self.get(key)
        items = written.items if written is not None else None
        return items[position].line if items is not None else self.line_of(key)

    def __str__(self) -> str:
        if self.entries is not None:
            return "a mapping"
        return "a list" if self.items is not None else shown(self.text) or "nothing"


def shown(text: str, *, most: int = 60) -> str:
    """Text from the file, fit for one line of a terminal."""
    safe = "".join(each if each.isprintable() else repr(each)[1:-1] for each in text.strip())
    return safe if len(safe) <= most else safe[: most - 3] + "..."


def unprintable(root: Node) -> Iterator[Fault]:
    """A fault for each key or value with a control character, an invisible one or a line break in it."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        texts = [(node.line, node.text), *((node.line_of(key), key) for key in node.entries or ())]
        for line, text in texts:
            if not text.isprintable():
                yield Fault(line, f"a line break, or a character that can't be seen: {shown(text)}")
        waiting.extend(node.children)
