"""Why a host did not give its lock, in words: somebody has it, or the host is not as it was."""

from __future__ import annotations

from rolloutctl.errors import Refused, Unreachable
from rolloutctl.rules.host import Event, Holder
from rolloutctl.rules.outcomes import holder_in
from rolloutctl.rules.provisional import ways_on


class Drifted(Refused):
    """A host is not as it was when the plan was made; `moved`: another release is live there."""

    code = "drift"
    moved = False


class Busy(Refused):
    """Somebody else has a host's lock."""

    code = "busy"
    passing: bool = False  # the lock was only just taken, perhaps to be given up again


def lock_problem(name: str, answer: tuple[Event, ...] | Unreachable) -> Refused | None:
    """Why a host did not give its lock; None when it did."""
    if isinstance(answer, Unreachable):
        return _lost_before(name, answer)
    for event in answer:
        if event.kind == "busy" and event.text(2).isdigit():
            holder = holder_in(event)
            fields = holder.fields
            until, ways = ways_on(str(fields.get("environment")), str(fields.get("flag")), int(event.text(2)[:9]))
            return Busy(
                f"{holder} holds a provisional change on {name}.",
                subject=name,
                state=f"Nothing was changed. {until}",
                hint=ways,
            )
        if event.kind == "busy":
            return busy_with(holder_in(event), name)
        if event.kind == "drift":
            drifted = Drifted(
                f"{name}: {_drift(event)}", subject=name, state="Nothing was changed.", hint="rolloutctl status"
            )
            drifted.moved = event.text(0) == "release"
            return drifted
    if any(event.kind == "locked" for event in answer):
        return None
    return _lost_before(name, Unreachable("it gave no answer"))


def _lost_before(name: str, error: Unreachable) -> Unreachable:
    return Unreachable(
        f"{name} was lost before anything was begun: {error.message}.",
        subject=name,
        state="Nothing was changed on any host.",
        hint=error.hint or "rolloutctl status",
    )


def busy_with(holder: Holder, name: str) -> Busy:
    """Somebody is at work on a host."""
    busy = Busy(
        f"{holder} is at work on {name}.",
        subject=name,
        state="Nothing was changed.",
        hint="Wait for it: --wait 60s",
    )
    busy.passing = holder.phase == "waiting"
    return busy


def _drift(event: Event) -> str:
    return {
        "env": ".env was changed by somebody else in the meantime.",
        "cache": "The config cache was rebuilt by somebody else in the meantime.",
        "release": "A deployment put another release live in the meantime.",
        "deploying": "A deployment is running.",
        "pending": "Another change was interrupted here and waits to be settled.",
    }.get(event.text(0), "The host is not as it was.")
