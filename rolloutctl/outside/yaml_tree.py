"""Turns YAML text into a tree that knows its lines."""

from __future__ import annotations

import re

import yaml
from msgspec import Struct, field
from msgspec.structs import replace
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from rolloutctl.rules.config_tree import MOST_DEPTH, MOST_NODES, Fault, Node, Scalar, shown

_INT = re.compile(r"[-+]?[0-9]{1,15}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]{1,15}|[0-9]{1,15}\.[0-9]{0,15})")
_WORDS: dict[str, Scalar] = {"": None, "~": None, "null": None, "true": True, "false": False}
_HALF = re.compile("[\ud800-\udfff]")  # what \\ud83d in double quotes becomes; no such text can leave Python
_STRING = "tag:yaml.org,2002:str"
_MERGE = "<<"
TAGGED = "a tag, which is not read here"  # how the fault of a tag begins


class Unreadable(Exception):
    """The text is no YAML that we read; the fault says where and why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.text)
        self.fault = fault


def read_tree(text: str) -> tuple[Node, list[Fault]]:
    """The tree of the one document in the text, and what is wrong in it although it can be read.

    Scalars are YAML 1.2's: `on`, `off`, `yes` and `12:30` are text, and keys always are.

    Raises:
        Unreadable: it is no YAML, is empty, refers to itself, or is larger than any such file.
    """
    builder = _Builder()
    try:
        for event in yaml.parse(text):
            builder.take(event)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise Unreadable(Fault(line, f"a character that YAML does not allow: {_character(error)}")) from None
    except yaml.MarkedYAMLError as error:
        raise Unreadable(_syntax(error, text)) from None
    if builder.root is None:
        raise Unreadable(Fault(1, "the file is empty"))
    return builder.root, builder.faults


class _Open(Struct):
    """A list or mapping that is not complete yet."""

    line: int
    anchor: str | None
    mapping: bool
    items: list[Node] = field(default_factory=list)
    key: Node | None = None
    entries: dict[str, Node] = field(default_factory=dict)
    key_lines: dict[str, int] = field(default_factory=dict)
    merged: list[Node] = field(default_factory=list)


class _Builder(Struct):
    root: Node | None = None
    faults: list[Fault] = field(default_factory=list)
    _open: list[_Open] = field(default_factory=list)
    _anchors: dict[str, Node] = field(default_factory=dict)
    _documents: int = 0

    def take(self, event: Event) -> None:
        line = event.start_mark.line + 1 if event.start_mark is not None else 1
        if isinstance(event, DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise Unreadable(Fault(line, "a second document begins: ---"))
        elif isinstance(event, SequenceStartEvent | MappingStartEvent):
            self._begin(event, line)
        elif isinstance(event, SequenceEndEvent | MappingEndEvent):
            self._end()
        elif isinstance(event, ScalarEvent):
            self._add(self._scalar(event, line), event.anchor)
        elif isinstance(event, AliasEvent):
            self._add(self._alias(event, line), None)

    def _begin(self, event: SequenceStartEvent | MappingStartEvent, line: int) -> None:
        if len(self._open) >= MOST_DEPTH:
            raise Unreadable(Fault(line, f"more than {MOST_DEPTH} levels deep"))
        self._tag(event.tag, line)
        mapping = isinstance(event, MappingStartEvent)
        self._open.append(_Open(line=line, anchor=event.anchor, mapping=mapping))

    def _end(self) -> None:
        done = self._open.pop()
        if not done.mapping:
            self._add(Node(line=done.line, items=tuple(done.items)), done.anchor)
            return
        for node in done.merged:
            for key, value in (node.entries or {}).items():
                done.entries.setdefault(key, value)
                done.key_lines.setdefault(key, node.line_of(key))
        self._add(Node(line=done.line, entries=done.entries, key_lines=done.key_lines), done.anchor)

    def _add(self, node: Node, anchor: str | None) -> None:
        if node.size > MOST_NODES:
            raise Unreadable(Fault(node.line, f"more than {MOST_NODES:,} values"))
        if anchor is not None:
            self._anchors[anchor] = node
        if not self._open:
            self.root = node
        elif not self._open[-1].mapping:
            self._open[-1].items.append(node)
        elif self._open[-1].key is None:
            self._open[-1].key = self._checked_key(node)
        else:
            self._pair(self._open[-1], self._open[-1].key, node)
            self._open[-1].key = None

    def _checked_key(self, node: Node) -> Node:
        if node.entries is not None or node.items is not None:
            raise Unreadable(Fault(node.line, f"a key must be text: {node}"))
        return node

    def _pair(self, into: _Open, key: Node, node: Node) -> None:
        if key.text == _MERGE:
            into.merged.extend(node.items if node.items is not None else (node,))
        elif key.text in into.entries:
            first = into.key_lines[key.text]
            self.faults.append(Fault(key.line, f"the key stands on line {first} already: {shown(key.text)}"))
        else:
            # A mapping or list is told of at its key: a block's own first line is already what it holds.
            into.entries[key.text] = (
                node if node.entries is None and node.items is None else replace(node, line=key.line)
            )
            into.key_lines[key.text] = key.line

    def _alias(self, event: AliasEvent, line: int) -> Node:
        name = event.anchor or ""
        if name not in self._anchors:
            itself = any(each.anchor == name for each in self._open)
            why = "a value that holds itself" if itself else "no such anchor before this line"
            raise Unreadable(Fault(line, f"{why}: *{shown(name)}"))
        return self._anchors[name]

    def _scalar(self, event: ScalarEvent, line: int) -> Node:
        self._tag(event.tag, line)
        text = event.value.rstrip("\n") if event.style in ("|", ">") else event.value
        plain = event.implicit[0] and event.tag is None
        if not text.isprintable() and _HALF.search(text):
            text = _HALF.sub("?", text)
            self.faults.append(Fault(line, f"half a character, an escape without its other half: {shown(text)}"))
        return Node(line=line, scalar=_resolved(text) if plain else text, text=text)

    def _tag(self, tag: str | None, line: int) -> None:
        if tag is not None and tag not in ("!", _STRING):
            self.faults.append(Fault(line, f"{TAGGED}: {shown(tag)}"))


def _resolved(text: str) -> Scalar:
    """A plain scalar by YAML 1.2's core schema, without its rarer spellings of numbers."""
    if text.lower() in _WORDS and text in (text.lower(), text.upper(), text.capitalize()):
        return _WORDS[text.lower()]
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def _character(error: yaml.reader.ReaderError) -> str:
    return repr(chr(error.character) if isinstance(error.character, int) else error.character)


def _syntax(error: yaml.MarkedYAMLError, text: str) -> Fault:
    mark = error.problem_mark or error.context_mark
    number = mark.line if mark is not None else 0
    lines = text.splitlines() or [""]
    number = min(number, len(lines) - 1)
    problem = error.problem or error.context or "not YAML"
    if "'\\t'" in problem or lines[number][: len(lines[number]) - len(lines[number].lstrip())].count("\t"):
        problem = "a tab; indent with spaces"
    return Fault(number + 1, f"{problem}: {shown(lines[number])}")
