"""Which items of a checklist have passed, folded from the `check` records of a rollout."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from msgspec import Struct, field

from rolloutctl.rules.checklists import Checklist, Item

EVENT = "check"
Standing = Literal["passed", "failed", "open"]
_SAID: Mapping[str, Standing] = {"passed": "passed", "failed": "failed", "cleared": "open"}


class Tick(Struct, frozen=True):
    """The last word on one item: how it stands since, who said so, when (UTC, as recorded), and a note."""

    item: str
    standing: Standing
    who: str
    at: str
    note: str = ""


class Progress(Struct, frozen=True):
    """How many items stand how. `required_open` counts the required ones that have not passed, failed or open."""

    passed: int = 0
    failed: int = 0
    open: int = 0
    required_open: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.passed + self.failed + self.open

    @property
    def complete(self) -> bool:
        """Whether every required item has passed."""
        return self.required_open == 0


class Ticks(Struct, frozen=True):
    """The last word on each item that was ever spoken of, be it in the checklist still or not."""

    by_item: Mapping[str, Tick] = field(default_factory=dict)

    def of(self, item: Item) -> Tick | None:
        """The last word on an item; None before the first."""
        return self.by_item.get(item.id)

    def standing(self, item: Item) -> Standing:
        """How an item stands."""
        tick = self.by_item.get(item.id)
        return tick.standing if tick else "open"

    def progress(self, items: Iterable[Item]) -> Progress:
        """How these items stand: a group's, or the whole checklist's."""
        each = tuple(items)
        standings = [self.standing(item) for item in each]
        return Progress(
            passed=standings.count("passed"),
            failed=standings.count("failed"),
            open=standings.count("open"),
            required_open=sum(
                item.required and standing != "passed" for item, standing in zip(each, standings, strict=True)
            ),
        )

    def unknown(self, checklist: Checklist) -> int:
        """How many items passed or failed that the checklist does not have any more: they count for nothing."""
        known = {item.id for item in checklist.items}
        return sum(tick.item not in known and tick.standing != "open" for tick in self.by_item.values())


def fold_ticks(records: Iterable[Mapping[str, Any]]) -> Ticks:
    """What the `check` records of one rollout say, oldest first: the last word on an item is the one that counts.

    Other records are passed over, and those that say nothing that we know; a host may have written anything.
    """
    by_item: dict[str, Tick] = {}
    for record in records:
        item, standing = _text(record, "item"), _SAID.get(_text(record, "action"))
        if record.get("event") == EVENT and item and standing:
            who, at, note = (_text(record, name) for name in ("actor", "at", "note"))
            by_item[item] = Tick(item, standing, who, at, note)
    return Ticks(by_item)


def _text(record: Mapping[str, Any], name: str) -> str:
    value = record.get(name)
    return value if isinstance(value, str) else ""
