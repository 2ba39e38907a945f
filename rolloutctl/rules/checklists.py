"""A staging checklist: what has to be seen before a rollout begins, by people or by a request or command of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from msgspec import Struct, field

from rolloutctl.errors import UsageError
from rolloutctl.rules.config import closest
from rolloutctl.rules.flags import Audience
from rolloutctl.rules.hiding import repr_without

When = Literal["on", "off", "any"]
ASKED_WITHIN = 10.0  # seconds that an answer may take where an item does not say; no request is waited for longer
COMMAND_WITHIN = 30.0  # seconds that a command may take where an item does not say


class CheckRequest(Struct, frozen=True, kw_only=True):
    """A request that each host asks of itself, once, and what the answer must be. `within` is in seconds."""

    path: str
    expect: tuple[int, ...] = (200,)
    headers: Mapping[str, str] = field(default_factory=dict)  # may hold secrets
    json: Mapping[str, object] = field(default_factory=dict)
    within: float = ASKED_WITHIN

    __repr__ = repr_without("headers")


class Item(Struct, frozen=True, kw_only=True):
    """One thing to see. At most one of `request` and `run` looks by itself; else a person does."""

    id: str
    what: str
    required: bool = True
    when: When = "any"  # what the flag has to be meanwhile, where it is tried
    request: CheckRequest | None = None
    run: str | None = None  # a shell line for the first host, in the application's folder; exit 0 passes
    timeout: float = COMMAND_WITHIN  # seconds that `run` may take
    unmet: str = ""  # the secret that the request lacks, so that it can't be asked

    @property
    def automatic(self) -> bool:
        """Whether it can look by itself."""
        return self.request is not None or self.run is not None

    def fits(self, audience: Audience) -> bool:
        """Whether it may be looked at while this audience sees the feature."""
        return self.when == "any" or audience.enabled == (self.when == "on")


class Group(Struct, frozen=True, kw_only=True):
    """Items that belong together."""

    name: str
    items: tuple[Item, ...]


class Checklist(Struct, frozen=True, kw_only=True):
    """All that one file asks for; groups and items in its order."""

    path: str
    title: str
    groups: tuple[Group, ...]

    @property
    def items(self) -> tuple[Item, ...]:
        """The items of all groups."""
        return tuple(item for group in self.groups for item in group.items)

    def item(self, name: str) -> Item:
        """The item of that id.

        Raises:
            UsageError: there is none; what was likely meant is named.
        """
        by_id = {item.id: item for item in self.items}
        if name in by_id:
            return by_id[name]
        meant = closest(name, by_id)
        raise UsageError(
            f"There is no checklist item '{name}'." + (f" Did you mean '{meant}'?" if meant else ""),
            subject=self.path,
            hint=f"Known: {', '.join(by_id)}.",
        )

    def automatic(self, only: Iterable[str] | None = None) -> tuple[Item, ...]:
        """The items that look by themselves: those named, or all.

        Raises:
            UsageError: a name that is no item's, or that of an item which only a person can see.
        """
        if only is None:
            return tuple(item for item in self.items if item.automatic)
        wanted = [self.item(name) for name in dict.fromkeys(only)]
        by_hand = [item for item in wanted if not item.automatic]
        if by_hand:
            raise UsageError(
                f"The checklist item '{by_hand[0].id}' has no request and no command: only a person can tell.",
                subject=self.path,
                hint=f"See whether it holds, then tick it: {by_hand[0].what}",
            )
        return tuple(item for item in self.items if item in wanted)
