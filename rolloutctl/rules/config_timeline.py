"""Reads the work that a rollout plans before its first phase."""

from __future__ import annotations

from collections.abc import Iterable

from rolloutctl.rules.config_fields import Reader
from rolloutctl.rules.config_tree import Node
from rolloutctl.rules.raw_rollouts import PreparationKeys
from rolloutctl.rules.rollouts import Phase, Preparation


def read_timeline(reader: Reader, node: Node, place: str, phases: Iterable[Phase]) -> tuple[Preparation, ...]:
    """The work before the first phase; each of another name, also than the phases, for they stand in one list."""
    seen = {phase.name.lower() for phase in phases}
    found: list[Preparation] = []
    for at, item in reader.items(node, "timeline", place):
        keys = reader.struct(item, PreparationKeys, at)
        if keys is None:
            continue
        if keys.name.lower() in seen:
            reader.fault(item.line_of("name"), f"{at}.name is taken; give each step of the way its own: {keys.name}")
        if keys.validation and any(each.validation for each in found):
            reader.fault(item.line_of("validation"), f"{at} is a second validation, and there is one: {keys.name}")
        seen.add(keys.name.lower())
        found.append(Preparation(name=keys.name, days=keys.days, validation=keys.validation))
    return tuple(found)
