"""The question before a phase begins: what was said of the rollout while somebody thought about it counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from rolloutctl.contracts import Clock, Desk
from rolloutctl.rules.host import Event
from rolloutctl.rules.plans import Plan

_THOUGHT = 0.2  # seconds; a script agrees sooner


class Attentive(Struct, frozen=True):
    """A desk that has the gates looked at again when its person took a while to agree to a widening.

    Nothing is locked while somebody thinks, so a hold or a withdrawn sign-off may have come meanwhile.
    """

    desk: Desk
    clock: Clock
    look_again: Callable[[], None]  # refuses where something new was said

    def show(self, plan: Plan, notes: Sequence[str]) -> None:
        """Show what will change."""
        self.desk.show(plan, notes)

    def agrees(self, plan: Plan) -> bool:
        """Whether to go on.

        Raises:
            Refused: something was said of the rollout in the meantime.
        """
        asked = self.clock.monotonic()
        if not self.desk.agrees(plan):
            return False
        if not plan.narrow and self.clock.monotonic() - asked >= _THOUGHT:
            self.look_again()
        return True

    def notice(self, host: str, event: Event) -> None:
        """One host said something."""
        self.desk.notice(host, event)
