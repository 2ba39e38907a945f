"""From the tree of a checklist's file to the checklist: every fault noted, with its line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath

from msgspec import UNSET

from rolloutctl.errors import ConfigurationError
from rolloutctl.rules.checklists import COMMAND_WITHIN, Checklist, CheckRequest, Group, Item
from rolloutctl.rules.config_fields import Reader
from rolloutctl.rules.config_reading import faulty
from rolloutctl.rules.config_tree import Fault, Node, unprintable
from rolloutctl.rules.durations import parse_duration
from rolloutctl.rules.raw_checklist import ChecklistKeys, GroupKeys, ItemKeys, RequestKeys

VERSION = 1
HINT = "What a checklist may hold: docs/checklists.md."
_WHOLE = "checklist"  # how faults call the file as a place


def read_checklist(
    root: Node, *, path: PurePath, secrets: Mapping[str, str], unread: str = "", faults: Iterable[Fault] = ()
) -> Checklist:
    """The checklist that the tree of the file at `path` stands for; `faults` are those already found in it.

    `unread`: why the `.env` of secrets could not be read.

    Raises:
        ConfigurationError: with one line in `details` for each fault.
    """
    reader = Reader(secrets=secrets, unread=unread, faults=[*faults, *unprintable(root)])
    checklist = Checklist(path=str(path), title="", groups=())
    if _known_version(reader, root):
        values = reader.values(root, ChecklistKeys, _WHOLE) or {}
        groups = tuple(_groups(reader, root, path))
        checklist = Checklist(path=str(path), title=values.get("title", ""), groups=groups)
    if reader.faults:
        raise as_checklist(faulty(path, reader.faults))
    return checklist


def as_checklist(error: ConfigurationError) -> ConfigurationError:
    """The faults of a file as those of a checklist, which another page describes."""
    if error.details:
        error.hint = HINT
    return error


def _known_version(reader: Reader, root: Node) -> bool:
    """Whether the rest can be understood: a file of another version has other keys."""
    version = root.get("version")
    if version is None or version.scalar == VERSION:
        return root.entries is not None or reader.values(root, ChecklistKeys, _WHOLE) is not None
    reader.fault(
        version.line, f"version must be the number {VERSION}, the only format that this rolloutctl reads: {version}"
    )
    return False


def _groups(reader: Reader, root: Node, path: PurePath) -> Iterator[Group]:
    names: dict[str, int] = {}
    ids: dict[str, int] = {}
    _some(reader, root, "groups", _WHOLE)
    for place, node in reader.items(root, "groups", _WHOLE):
        name = (reader.values(node, GroupKeys, place) or {}).get("name", "")
        _once(reader, names, name, node, f"{place}.name")
        _some(reader, node, "items", place)
        read = [_item(reader, ids, item, at, path) for at, item in reader.items(node, "items", place)]
        yield Group(name=name, items=tuple(item for item in read if item is not None))


def _item(reader: Reader, ids: dict[str, int], node: Node, place: str, path: PurePath) -> Item | None:
    looks = [key for key in ("request", "run") if (child := node.get(key)) is not None and not child.empty]
    unmet = len(reader.unmet)
    request = _request(reader, node, f"{place}.request") if "request" in looks else None
    keys = reader.values(node, ItemKeys, place)
    if keys is None:
        return None
    _once(reader, ids, keys["id"], node, f"{place}.id")
    if len(looks) > 1:
        reader.fault(node.line, f"{place} has request and run; one of them is enough: {keys['id']}")
    timeout = keys.pop("timeout", UNSET)
    if timeout is not UNSET and "run" not in looks:
        reader.fault(node.line_of("timeout"), f"{place}.timeout is that of a run, and there is none: {keys['id']}")
    return Item(
        **keys,
        request=request,
        timeout=COMMAND_WITHIN if timeout is UNSET else parse_duration(timeout),
        unmet="; ".join(fault.at(path.name) for _, fault in reader.unmet[unmet:]),
    )


def _request(reader: Reader, node: Node, place: str) -> CheckRequest | None:
    child = node.get("request")
    keys = reader.struct(child, RequestKeys, place) if child is not None else None
    if keys is None:
        return None
    return CheckRequest(
        path=keys.path,
        expect=(keys.expect,) if isinstance(keys.expect, int) else tuple(keys.expect),
        headers=keys.headers,
        json=keys.json,
        within=parse_duration(keys.within),
    )


def _some(reader: Reader, node: Node, key: str, place: str) -> None:
    """A list that is there has something in it."""
    child = node.get(key)
    if child is not None and (child.empty or child.items == ()):
        reader.fault(node.line_of(key), f"{place}.{key} has nothing in it")


def _once(reader: Reader, seen: dict[str, int], name: str, node: Node, place: str) -> None:
    """A name stands once in the file."""
    if not name:
        return
    key = place.rpartition(".")[2]
    line = node.line_of(key)
    if name in seen:
        reader.fault(line, f"{place} stands on line {seen[name]} already: {name}")
    seen.setdefault(name, line)
