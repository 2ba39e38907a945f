"""What a rollback finds to undo, and whether the newest records of the hosts reach far enough back to tell."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct

from rolloutctl.rules.history import PROVISIONAL, Change, fold, of_changes, undoable
from rolloutctl.rules.records import Record

Logs = Mapping[str, Sequence[Record]]  # by host, the arbiter's first, each oldest first


class Wanted(Struct, frozen=True):
    """What is to be undone: so many changes of a flag, or of the one changed last; or all since the change `to`."""

    environment: str
    flag: str | None = None
    to: str | None = None
    steps: int = 1


def found_in(logs: Logs, wanted: Wanted) -> tuple[Change, ...]:
    """The changes that can be undone, as far as these records tell, newest first; a provisional one goes first."""
    changes = [change for change in fold(logs) if change.environment == wanted.environment]
    held = [c for c in reversed(changes) if c.outcome == PROVISIONAL and wanted.flag in (None, c.flag)]
    return (*held[:1], *undoable(changes, wanted.flag))


def too_short(logs: Logs, whole: Collection[str], wanted: Wanted) -> tuple[str, ...]:
    """The hosts of which older records are needed, before what is found in these is what their whole logs tell.

    Args:
        logs: the newest records of each host.
        whole: the hosts whose records are all that there are.
        wanted: what is to be undone.
    """
    partial = [host for host in logs if host not in whole]
    needed = _needed(found_in(logs, wanted), wanted)
    if not needed:
        return tuple(partial)
    orders = {host: list(dict.fromkeys(record.change for record in of_changes(logs[host]))) for host in logs}
    return tuple(host for host in partial if not all(_reaches_back(host, change.id, orders) for change in needed))


def begins(records: Sequence[Record]) -> bool:
    """Whether records are a log from its first line on."""
    return bool(records) and records[0].data.get("prev") == ""


def _needed(found: tuple[Change, ...], wanted: Wanted) -> tuple[Change, ...]:
    """All changes that a rollback looks at; none while the oldest of them is not found."""
    if found and found[0].outcome == PROVISIONAL:
        return found[:1]  # it goes back alone, or not at all
    if wanted.to is not None:
        marked = next((change for change in found if change.id == wanted.to), None)
        return found[: found.index(marked) + 1] if marked else ()
    of_flag = tuple(change for change in found if change.flag == found[0].flag)
    return of_flag[: wanted.steps] if len(of_flag) >= wanted.steps else ()


def _reaches_back(host: str, change: str, orders: Mapping[str, Sequence[str]]) -> bool:
    """Whether a host's records would hold the change if its log did: they do, or hold one that came before it.

    Which came before is told by the other hosts' logs, and not by clocks.
    """
    own = set(orders[host])
    before = (order[: order.index(change)] for order in orders.values() if change in order)
    return change in own or any(not own.isdisjoint(older) for older in before)
