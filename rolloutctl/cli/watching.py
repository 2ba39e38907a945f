"""Somebody in front of a watch: each round is shown, and a guard sees it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct, field

from rolloutctl.errors import Unhealthy

if TYPE_CHECKING:
    from rolloutctl.cli.invocation import Invocation
    from rolloutctl.rules.host import Event
    from rolloutctl.rules.plans import Plan
    from rolloutctl.workflows.guarding import Guard
    from rolloutctl.workflows.monitor import Round

_LAST_WORDS = 20.0  # seconds for what a guard still has to record and to announce
_BEGUN = {"record", "unrecorded", "swapped"}  # the first words of a host that changes something


class WatchDesk(Struct):
    """`contracts.Desk` for a guard, which asks nobody: what hosts do goes to whoever shows it."""

    invocation: Invocation
    doing: Callable[[str], None] = field(default=lambda _words: None)

    def show(self, plan: Plan, notes: Sequence[str]) -> None:
        """A flag is being switched off."""
        self.invocation.plan = plan
        self.doing(f"Switching {plan.flag.name} off ...")

    def agrees(self, plan: Plan) -> bool:
        """Somebody did, when the watch began."""
        return True

    def notice(self, host: str, event: Event) -> None:
        """From here on an interruption is told otherwise; called from the threads that talk with the hosts."""
        if event.kind in _BEGUN:
            self.invocation.begun = True


class Sight(Protocol):
    """How somebody sees a watch."""

    def show(self, round_: Round, guard: Guard | None) -> None:
        """A round, before the guard has seen it; None: nobody guards."""

    def acted(self, round_: Round, guard: Guard) -> None:
        """The guard has done something, or could not, or has more to say of it."""


class Nobody:
    """A program, which gets one document at the end."""

    def show(self, round_: Round, guard: Guard | None) -> None:
        """It waits."""

    def acted(self, round_: Round, guard: Guard) -> None:
        """It waits."""


class Watching(Struct):
    """Takes in each round. `forced`: whether the guard may act whatever the plan says; None: as the plan says."""

    sight: Sight
    guard: Guard | None = None
    forced: bool | None = None
    strict: bool = False
    last: Round | None = None

    def __call__(self, round_: Round) -> None:
        """Show the round, and let the guard see it."""
        self.last = round_
        guard = self.active(round_)
        self.sight.show(round_, guard)
        if guard is not None and (guard.see(round_) or guard.error is not None):
            self.sight.acted(round_, guard)

    def active(self, round_: Round) -> Guard | None:
        """The guard, if it may act now, or has acted."""
        may = self.forced or (self.forced is None and bool(round_.phase))
        return self.guard if self.guard is not None and (may or self.guard.done is not None) else None

    def end(self) -> None:
        """See out what the guard has begun, and say what came of it."""
        if self.guard is not None and self.guard.done is not None and self.last is not None:
            with suppress(KeyboardInterrupt):  # the flag is off; whoever presses it again wants to leave
                self.guard.end(_LAST_WORDS)
            self.sight.acted(self.last, self.guard)

    @property
    def status(self) -> int:
        """The exit status."""
        guard, last = self.guard, self.last
        done = guard.done if guard else None
        error = (guard.error if guard else None) or (done.error if done else None)
        if error is not None:
            return error.exit_status
        blind = guard is not None and guard.blind and last is not None and self.active(last) is not None
        unknown = self.strict and last is not None and not last.known
        well = last is not None and last.well and not unknown and not blind and done is None
        return 0 if well else Unhealthy.exit_status
