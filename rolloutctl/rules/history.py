"""What the hosts' audit logs tell together: changes, which of them stand, and where hosts disagree about one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from rolloutctl.rules.flags import Audience
from rolloutctl.rules.host import HostState
from rolloutctl.rules.records import NOT_LIVE, OfAChange, Record, edits_in, texts_in

DECIDED = ("kept", "reverted")
PROVISIONAL = "provisional"


class Change(Struct, OfAChange, frozen=True):
    """One change as the logs of its hosts tell it.

    `ends` has each host's outcome: kept, reverted, or while there is none started, or provisional: it is kept only
    until somebody confirms it. `ended` has the record of each host's outcome.
    """

    id: str
    fields: Mapping[str, Any]
    ends: Mapping[str, str]
    edits: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)  # by host
    ended: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    lame: tuple[str, ...] = ()  # hosts where it was kept, and may not be live

    @property
    def time(self) -> str:
        """When it began, UTC, as the arbiter's clock had it."""
        return str(self.fields.get("time", ""))

    @property
    def undoes(self) -> tuple[str, ...]:
        """The changes that it took back."""
        return texts_in(self.fields.get("undoes"))

    @property
    def narrow(self) -> bool:
        """Whether nobody was to see it who did not before."""
        return bool(self.fields.get("narrow"))

    @property
    def outcome(self) -> str:
        """kept, reverted, or started or provisional while the arbiter has no outcome.

        A switch-off is kept once any host kept it.
        """
        arbiter = self.ends.get(str(self.fields.get("arbiter")))
        if self.narrow and "kept" in self.ends.values():
            return "kept"
        return arbiter or max(self.ends.values(), key=("started", "provisional", "reverted", "kept").index)

    @property
    def outcome_fields(self) -> Mapping[str, Any]:
        """The record of the outcome: the arbiter's, else any host's; empty while there is none."""
        arbiter = self.ended.get(str(self.fields.get("arbiter")))
        return arbiter or next((data for data in self.ended.values() if data.get("event") == self.outcome), {})

    @property
    def meant(self) -> Audience:
        """Who is to see the feature where hosts ended it differently: what its outcome says."""
        return self.after if self.outcome == "kept" else self.before

    @property
    def dissenters(self) -> tuple[str, ...]:
        """The hosts that ended otherwise than the arbiter."""
        return tuple(name for name, end in self.ends.items() if end != self.outcome)


def fold(logs: Mapping[str, Iterable[Record]]) -> tuple[Change, ...]:
    """All changes of an environment, oldest first, in the order of the arbiter's log.

    A change that the arbiter's log doesn't hold takes its place from those that do: before what follows it there.

    Args:
        logs: the records of each host, the first host (the arbiter) first; perhaps only the newest of each.
    """
    found: dict[str, dict[str, Any]] = {}
    orders: list[list[str]] = []
    for host, records in logs.items():
        changes = of_changes(records)
        for record in changes:
            change = found.setdefault(record.change, _nothing(record))
            if record.event in ("kept", NOT_LIVE) and record.unfinished and host not in change["lame"]:
                change["lame"] = (*change["lame"], host)
            if record.event == NOT_LIVE:
                continue
            if change["ends"].get(host) not in DECIDED or record.event in DECIDED:
                change["ends"][host] = record.event
            if record.event in DECIDED:
                change["ended"][host] = record.data
            change["edits"].setdefault(host, edits_in(record.data.get("edits")))
        orders.append(list(dict.fromkeys(record.change for record in changes)))
    return tuple(Change(id=name, **found[name]) for name in merged_orders(orders))


def of_changes(records: Iterable[Record]) -> list[Record]:
    """The records that tell how a change went."""
    return [
        record for record in records if record.change and record.event in ("started", PROVISIONAL, *DECIDED, NOT_LIVE)
    ]


def of_environment(states: Mapping[str, HostState]) -> tuple[Change, ...]:
    """The changes that the newest records of some hosts tell."""
    return fold({name: state.records for name, state in states.items()})


def last_kept(changes: Iterable[Change], flag: str) -> Change | None:
    """The newest change of a flag that stands."""
    return next((c for c in reversed(tuple(changes)) if c.flag == flag and c.outcome == "kept"), None)


def undoable(changes: Iterable[Change], flag: str | None = None) -> tuple[Change, ...]:
    """Kept changes that no kept change has undone, newest first; what only undid or settled is not undone again.

    One that was interrupted has its place among them: to settle it may be all that there is to undo.
    """
    standing = [each for each in changes if each.outcome in ("kept", "started") and flag in (None, each.flag)]
    undone = {name for change in standing if change.outcome == "kept" for name in change.undoes}
    return tuple(
        change
        for change in reversed(standing)
        if change.id not in undone and any(change.edits.values()) and (change.outcome == "started" or not change.undoes)
    )


def in_doubt(changes: Iterable[Change]) -> tuple[Change, ...]:
    """For each flag the newest change that any host kept, where another host put it back.

    A later change that was kept has settled older ones; one that went back has left them as they were.
    """
    newest = {change.flag: change for change in changes if "kept" in change.ends.values()}
    return tuple(change for change in newest.values() if "reverted" in change.ends.values())


def _nothing(record: Record) -> dict[str, Any]:
    """A change of which nothing is known but its fields."""
    return {"fields": record.data, "ends": {}, "edits": {}, "ended": {}, "lame": ()}


def merged_orders(orders: Sequence[Sequence[str]]) -> list[str]:
    """All orders in one: the first as far as no other has something before. Contradictions end as the first says."""
    places = [{name: place for place, name in enumerate(order)} for order in orders]
    reached = [0] * len(orders)
    merged: dict[str, None] = {}
    while heads := [order[at] for order, at in zip(orders, reached, strict=True) if at < len(order)]:
        free = (name for name in heads if all(of.get(name, 0) <= at for of, at in zip(places, reached, strict=True)))
        merged[next(free, heads[0])] = None
        for number, order in enumerate(orders):
            while reached[number] < len(order) and order[reached[number]] in merged:
                reached[number] += 1
    return list(merged)
