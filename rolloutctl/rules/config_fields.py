"""Reads the keys of one mapping as a struct of raw_config declares them, noting every fault instead of the first."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, TypeVar, get_args

import msgspec
from msgspec import Meta, Struct, field

from rolloutctl.rules.config import closest
from rolloutctl.rules.config_tree import Fault, Node, shown

_S = TypeVar("_S", bound=Struct)
_SECRET = re.compile(r"\$\{([^}]*)\}")
_INDEX = re.compile(r"\[([0-9]+|\.\.\.)\]")


class Reader(Struct, frozen=True, kw_only=True):
    """Collects faults; `secrets` are the values that ${NAME} may stand for, which no fault ever shows.

    `unread`: why the `.env` of secrets could not be read, in words.
    """

    secrets: Mapping[str, str]
    unread: str = ""
    faults: list[Fault] = field(default_factory=list)
    ill: set[str] = field(default_factory=set)  # places told already, so that none is told to be missing too
    unmet: list[tuple[str, Fault]] = field(default_factory=list)  # places whose secret is no use: no fault of the file

    def fault(self, line: int, text: str, *, meant: str | None = None) -> None:
        """Note what is wrong at a line, and what was likely meant."""
        self.faults.append(Fault(line, shown(text, most=400) + (f"; did you mean '{meant}'?" if meant else "")))

    def lacking(self, line: int, where: str, text: str) -> None:
        """Note at a line what is wrong with a secret: it is told to whoever needs it, and stops nobody else."""
        self.unmet.append((where, Fault(line, shown(f"{where} {text}", most=400))))

    def values(self, node: Node, kind: type[Struct], place: str) -> dict[str, Any] | None:
        """The well written fields of a mapping; None where it is none, or lacks what it must have.

        Fields that hold structs themselves are only known here, and read by whoever knows what they mean.
        """
        if node.entries is None:
            self.fault(node.line, f"{place} must be a mapping: {node}")
            return None
        fields = _fields(kind)
        self._unknown(node, fields, place)
        missing = [key for key, each in fields.items() if each.required and key not in node.entries]
        for key in missing:
            if f"{place}.{key}" not in self.ill:
                self.fault(node.line, f"{place} needs the key {key}")
        read = dict(self._read(node, fields, place))
        lacking = [key for key, each in fields.items() if each.required and not each.nested and each.name not in read]
        return None if lacking or missing else read

    def struct(self, node: Node, kind: type[_S], place: str) -> _S | None:
        """The mapping as a struct without nested ones; what is ill written there has its default."""
        values = self.values(node, kind, place)
        return None if values is None else kind(**values)

    def items(self, node: Node, key: str, place: str) -> list[tuple[str, Node]]:
        """The places and values of the list at a key; nothing where there is none."""
        child = node.get(key)
        if child is None or child.empty:
            return []
        if child.items is None:
            self.fault(child.line, f"{place}.{key} must be a list: {child}")
            return []
        return [(f"{place}.{key}[{number}]", item) for number, item in enumerate(child.items)]

    def entries(self, node: Node, key: str, place: str) -> list[tuple[str, Node]]:
        """The names and values of the mapping at a key; nothing where there is none."""
        child = node.get(key)
        if child is None or child.empty:
            return []
        if child.entries is None:
            self.fault(child.line, f"{place}{key} must be a mapping of names: {child}")
            return []
        return list(child.entries.items())

    def _unknown(self, node: Node, fields: Mapping[str, _Field], place: str) -> None:
        for key in node.entries or ():
            if key not in fields:
                meant = closest(key, fields)
                self.ill.add(f"{place}.{meant}")
                self.fault(node.line_of(key), f"unknown key in {place}: {key}", meant=meant)

    def _read(self, node: Node, fields: Mapping[str, _Field], place: str) -> Iterator[tuple[str, object]]:
        for key, child in (node.entries or {}).items():
            declared = fields.get(key)
            if declared is None or declared.nested:
                continue
            try:
                yield declared.name, self._value(child, declared, f"{place}.{key}")
            except _Noted:
                self.ill.add(f"{place}.{key}")

    def _value(self, node: Node, declared: _Field, where: str) -> object:
        try:
            written = msgspec.convert(node.plain(), declared.type)
        except msgspec.ValidationError as error:
            at = _deepest(node, str(error))
            self.fault(at.line, f"{where} must be {declared.wants}: {at}", meant=closest(at.text, declared.choices))
            raise _Noted from None
        names = self._secrets_there(node, where) if declared.secrets else ""
        value = self._expanded(written) if names else written
        wrong = None if value is None else declared.check(value)
        if wrong is not None and names and (node.entries is None or declared.check(written) is None):
            text = f"names a secret that does not fit: {names}; it must be {declared.wants}{wrong}"
            self.lacking(node.line, where, text)
            raise _Noted
        if wrong is not None:
            what = "" if node.children else f": {node}"
            self.fault(node.line, f"{where} must be {declared.wants}{wrong}{what}")
            raise _Noted
        return value

    def _secrets_there(self, node: Node, where: str) -> str:
        """The secrets that a value names, as they are written there; each has to have a value."""
        names = [(each.line, name) for each in (node, *node.children) for name in _SECRET.findall(each.text)]
        missing = [(line, name, why) for line, name in names if (why := self._why_missing(name))]
        for line, name, why in missing:
            self.lacking(line, where, f"names a secret that is {why}: ${{{name}}}")
        if missing:
            raise _Noted
        return ", ".join(f"${{{name}}}" for name in dict.fromkeys(name for _, name in names))

    def _why_missing(self, name: str) -> str:
        if name in self.secrets:
            return "" if self.secrets[name] else "empty"  # as a job of GitHub Actions has one that nobody has set
        if self.unread:
            return f"not in the environment, and .env beside this file {self.unread}"
        return "neither in the environment nor in .env beside this file"

    def _expanded(self, value: object) -> object:
        if isinstance(value, dict):
            return {key: self._expanded(each) for key, each in value.items()}
        return _SECRET.sub(lambda found: self.secrets[found[1]], value) if isinstance(value, str) else value


class _Noted(Exception):
    """A value that can't be used, whose fault is noted already."""


class _Field(Struct, frozen=True, kw_only=True):
    name: str  # in the struct; the key in the file may be another
    type: object
    required: bool
    nested: bool
    wants: str
    check: Callable[[Any], str | None]
    secrets: bool
    choices: tuple[str, ...]


@cache
def _fields(kind: type[Struct]) -> dict[str, _Field]:
    return {each.encode_name: _field(each) for each in msgspec.structs.fields(kind)}


def _field(declared: msgspec.structs.FieldInfo) -> _Field:
    parts = list(_parts(declared.type))
    extra = next((part.extra for part in parts if isinstance(part, Meta) and part.extra), {})
    return _Field(
        name=declared.name,
        type=declared.type,
        required=declared.required,
        nested=any(isinstance(part, type) and issubclass(part, Struct) for part in parts),
        wants=extra.get("wants", ""),
        check=extra.get("check") or _all_well,
        secrets=extra.get("secrets", False),
        choices=tuple(part for part in parts if isinstance(part, str)),
    )


def _all_well(_: object) -> None:
    return None


def _parts(kind: object) -> Iterator[object]:
    """What a type is made of, outermost first: unions, Annotated's metadata, a Literal's words."""
    metadata = getattr(kind, "__metadata__", ())
    yield from metadata
    inner = (getattr(kind, "__origin__", None),) if metadata else get_args(kind)
    yield from (part for each in inner for part in _parts(each))
    if not inner:
        yield kind


def _deepest(node: Node, message: str) -> Node:
    """The value that msgspec's message means: `- at `$[0]`` in a list, `$[...]` in a mapping, whose values are text."""
    for index in _INDEX.findall(message.rpartition(" - at `$")[2]):
        if index.isdigit() and node.items is not None:
            node = node.items[int(index)]
        else:
            node = next((child for child in node.children if not isinstance(child.scalar, str)), node)
    return node
