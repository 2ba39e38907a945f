"""The person in front of a change: shows the plan, asks, and follows each host; says nothing where a program reads."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rolloutctl.cli.asking import Answer
from rolloutctl.cli.invocation import Invocation

if TYPE_CHECKING:
    from rolloutctl.cli.render_progress import Progress
    from rolloutctl.rules.host import Event
    from rolloutctl.rules.plans import Plan

_BEGUN = {"record", "unrecorded", "swapped"}  # the first words of a host that changes something


class FrontDesk:
    """`contracts.Desk` for the command line; a context manager, which ends the live lines."""

    def __init__(self, invocation: Invocation, answer: Answer) -> None:
        self._invocation = invocation
        self._answer = answer
        self._silent = invocation.json
        self._progress: Progress | None = None
        self.shown: tuple[str, ...] = ()

    def __enter__(self) -> Self:
        if not self._silent or sys.stderr.isatty():
            from rolloutctl.cli.render_progress import Progress  # noqa: PLC0415 - rich only where somebody looks

            self._progress = Progress()
            self._progress.look()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.end()

    def pause(self) -> None:
        """Somebody is asked, or told something, before there is a plan."""
        if self._progress is not None:
            self._progress.pause()

    def show(self, plan: Plan, notes: Sequence[str]) -> None:
        """Show what will change, before anything does."""
        self._invocation.plan = plan
        self.shown = tuple(notes)
        seconds = self._progress.pause() if self._progress else 0.0
        if self._silent and self._answer.given:
            return
        from rolloutctl.cli.render import answer_page, side_page  # noqa: PLC0415 - rich only where somebody looks
        from rolloutctl.cli.render_change import show_plan  # noqa: PLC0415

        show_plan(plan, notes, seconds, side_page() if self._silent else answer_page())

    def agrees(self, plan: Plan) -> bool:
        """Ask."""
        agreed = self._answer.agrees(plan)
        if agreed and self._progress is not None:
            self._progress.begin(plan)
        return agreed

    def notice(self, host: str, event: Event) -> None:
        """Follow a host; called from the threads that talk with the hosts."""
        if self._invocation.plan is not None and event.kind in _BEGUN:
            self._invocation.begun = True
        if self._progress is not None:
            self._progress.notice(host, event)
