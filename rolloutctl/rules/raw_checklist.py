"""What a checklist's file may hold: each key with its type and default, for the reader."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType, field

from rolloutctl.rules import written
from rolloutctl.rules.checklists import ASKED_WITHIN
from rolloutctl.rules.durations import parse_duration, write_duration
from rolloutctl.rules.raw_types import Duration, Headers, Keys, Name, RequestPath, Statuses, Switch, Text, type_of


def _promptly(value: str | float) -> str | None:
    """A length of time that a request is waited for at all."""
    unreadable = written.duration(value)
    if unreadable is None and parse_duration(value) > ASKED_WITHIN:
        return f"; no answer is waited for longer than {write_duration(ASKED_WITHIN)}"
    return unreadable


class RequestKeys(Keys):
    """A request that each host asks of itself."""

    path: RequestPath
    expect: Statuses = 200
    headers: Headers = field(default_factory=dict)
    json: Annotated[dict[str, Any], type_of("a mapping")] = field(default_factory=dict)
    within: Annotated[
        str | Annotated[float, Meta(gt=0)],
        type_of("how long the answer may take, as 3s", check=_promptly),
    ] = ASKED_WITHIN


class ItemKeys(Keys):
    """One thing to see: by `request`, by `run`, or by a person."""

    id: Name
    what: Text
    required: Switch = True
    when: Annotated[Literal["on", "off", "any"], type_of("on, off or any")] = "any"
    request: RequestKeys | None = None
    run: Text | None = None
    timeout: Duration | UnsetType = UNSET


class GroupKeys(Keys):
    """Items that belong together."""

    name: Text
    items: list[ItemKeys]


class ChecklistKeys(Keys):
    """The whole file."""

    version: Annotated[Literal[1], type_of("1")]
    title: Text
    groups: list[GroupKeys]
