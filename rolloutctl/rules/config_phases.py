"""Reads the phases of a rollout, and holds them against each other: names, and who sees the feature."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from msgspec import Struct

from rolloutctl.rules.config_fields import Reader
from rolloutctl.rules.config_tree import Node
from rolloutctl.rules.durations import parse_duration
from rolloutctl.rules.raw_rollouts import GateKeys, PhaseKeys
from rolloutctl.rules.rollouts import Gates, Phase

BEFORE = "validate"  # what records call the time before the first phase
_WAYS = ("audience", "companies", "percent")  # to say who sees the feature


class Placed(Struct, frozen=True):
    """A phase, and where it is written."""

    phase: Phase
    at: str
    node: Node


def read_phases(reader: Reader, node: Node, place: str) -> tuple[Placed, ...]:
    """The phases of a rollout that say who sees the feature, each no narrower than the one before it."""
    written = node.get("phases")
    if written is not None and (written.empty or written.items == ()):
        reader.fault(node.line_of("phases"), f"{place}.phases names no phase")
    read = [_read_phase(reader, item, at) for at, item in reader.items(node, "phases", place)]
    placed = tuple(each for each in read if each is not None)
    _check_names(reader, placed, place)
    _check_widening(reader, placed)
    return placed


def each_once(reader: Reader, node: Node, place: str, keys: Iterable[str]) -> None:
    """Note what stands twice in the lists at the keys."""
    for key in keys:
        written = node.get(key)
        seen: set[object] = set()
        for item in (written.items if written is not None else None) or ():
            if item.scalar in seen and f"{place}.{key}" not in reader.ill:
                reader.fault(item.line, f"{place}.{key} names {item} twice")
            seen.add(item.scalar)


def _read_phase(reader: Reader, node: Node, at: str) -> Placed | None:
    written = node.get("gates")
    gates = reader.struct(written, GateKeys, f"{at}.gates") if written is not None and not written.empty else None
    keys = reader.struct(node, PhaseKeys, at)
    if keys is None:
        return None
    each_once(reader, node, at, ["companies"])
    if written is not None:
        each_once(reader, written, f"{at}.gates", ["signoffs", "metrics", "on_in"])
    if not _one_way(reader, node, at, keys.name):
        return None
    gates = gates or GateKeys()
    phase = Phase(
        name=keys.name,
        audience=keys.audience,
        companies=tuple(keys.companies or ()),
        percent=keys.percent,
        soak=parse_duration(keys.soak) if keys.soak is not None else 0.0,
        gates=Gates(signoffs=tuple(gates.signoffs), metrics=tuple(gates.metrics), on_in=tuple(gates.on_in)),
        guard=keys.guard,
    )
    return Placed(phase, at, node)


def _one_way(reader: Reader, node: Node, at: str, name: str) -> bool:
    """Whether a phase says in exactly one way, and well written, who sees the feature."""
    given = [key for key in _WAYS if (written := node.get(key)) is not None and not written.empty]
    ill = {f"{at}.{key}" for key in _WAYS} & reader.ill
    if len(given) != 1 and not ill:
        reader.fault(node.line, f"{at} needs audience, companies or percent, and only one of them: {name}")
    return len(given) == 1 and not ill


def _check_names(reader: Reader, placed: Iterable[Placed], place: str) -> None:
    seen: set[str] = set()
    for each in placed:
        name = each.phase.name
        if name.lower() == BEFORE:
            reader.fault(
                each.node.line_of("name"), f"{each.at}.name is what the time before the first phase is called: {name}"
            )
        elif name.lower() in seen:
            reader.fault(each.node.line_of("name"), f"{place} has two phases of one name; give each its own: {name}")
        seen.add(name.lower())


def _check_widening(reader: Reader, placed: Iterable[Placed]) -> None:
    for before, each in pairwise(placed):
        name = each.phase.name
        if before.phase.audience == "everyone":
            reader.fault(each.node.line, f"{each.at} comes after everyone sees the feature: {name}")
        elif _width(each.phase) < _width(before.phase):
            reader.fault(
                each.node.line, f"{each.at} is for fewer than {before.phase.name}, the phase before it: {name}"
            )
        elif each.phase.companies and (left := sorted(set(before.phase.companies) - set(each.phase.companies))):
            line = each.node.line_of("companies")
            reader.fault(
                line, f"{each.at}.companies leaves out a company of {before.phase.name}, the phase before it: {left[0]}"
            )


def _width(phase: Phase) -> tuple[int, float]:
    if phase.percent is not None:
        return 2, phase.percent
    if phase.companies:
        return 1, 0
    return (0 if phase.audience == "nobody" else 3), 0
