"""What the records tell of deployments: which commit came when, what was live before it, and its migrations."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from rolloutctl.rules.records import Record, texts_in
from rolloutctl.rules.rollout_standing import DEPLOY, moment_of

_ENDED = ("finished", "failed", "verified")


class Arrival(Struct, frozen=True):
    """A commit that came to an environment. `before` was live until then; empty: nobody knows."""

    commit: str
    before: str
    ref: str
    at: datetime
    actor: str
    migrated: tuple[str, ...] = ()


def last_arrival(records: Iterable[Record]) -> Arrival | None:
    """The commit that came last, by a host's records, oldest first; None where none tells."""
    ended = [r.data for r in records if r.event == DEPLOY and r.data.get("action") in _ENDED and r.data.get("commit")]
    if not ended:
        return None
    commit = str(ended[-1]["commit"])
    came = len(ended) - 1
    while came and ended[came - 1]["commit"] == commit:
        came -= 1
    own = ended[came:]
    earlier = str(own[0].get("commit_before") or (ended[came - 1]["commit"] if came else ""))
    return Arrival(
        commit=commit,
        before=earlier if earlier != commit else "",
        ref=next((str(fields["ref"]) for fields in reversed(own) if fields.get("ref")), ""),
        at=moment_of(own[0]),
        actor=str(own[0].get("actor") or "somebody"),
        migrated=tuple(dict.fromkeys(name for fields in own for name in texts_in(fields.get("migrated")))),
    )
