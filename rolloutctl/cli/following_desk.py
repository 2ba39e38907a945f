"""The person in front of long work (a deployment, a task, migrations): sees the plan, is asked, follows each host."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rolloutctl.cli import words
from rolloutctl.cli.asking import Answer, prompt
from rolloutctl.cli.invocation import Invocation
from rolloutctl.errors import Refused

if TYPE_CHECKING:
    from rolloutctl.cli.render import Page
    from rolloutctl.cli.render_following import Following
    from rolloutctl.rules.config import Environment, Flag
    from rolloutctl.rules.host import Event


class FollowingDesk:
    """What such desks have in common; a context manager, which begins and ends the live lines."""

    every_line = False  # whether all that is said belongs on a terminal too, and not only its newest line

    def __init__(self, invocation: Invocation, answer: Answer) -> None:
        self._invocation = invocation
        self._answer = answer
        self._following: Following | None = None

    def __enter__(self) -> Self:
        if not self._invocation.json or sys.stderr.isatty():
            from rolloutctl.cli.render_following import Following  # noqa: PLC0415 - rich only where somebody looks

            self._following = Following(every_line=self.every_line)
            self._following.look()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pause()

    def pause(self) -> None:
        """The live lines end: something else is shown."""
        if self._following is not None:
            self._following.end()

    def notice(self, host: str, event: Event) -> None:
        """Follow a host; called from the threads that talk with the hosts."""
        if event.kind == "entered":  # an interruption means something else from now on
            self._invocation.begun = True
        if self._following is not None:
            self._following.notice(host, event)

    def _page(self) -> Page | None:
        """Where the plan is shown; None where nobody reads it."""
        self.pause()
        if self._invocation.json and self._answer.given:
            return None
        from rolloutctl.cli.render import answer_page, side_page  # noqa: PLC0415 - rich only where somebody looks

        return side_page() if self._invocation.json else answer_page()

    def _agrees(self, environment: Environment, *, guarded: bool, reason: str | None, what: str) -> bool:
        """Ask; where it is guarded, for the environment's name.

        Args:
            environment: where.
            guarded: whether its name has to be typed.
            reason: why; where a protected environment needs one, it has to be there. None: none is needed.
            what: what is done, in words that follow "to".

        Raises:
            Refused: what was said on the command line is not enough.
        """
        name, answer = environment.name, self._answer
        answer.check(name)
        missing = [] if answer.confirm == name else ["--confirm", name]
        missing += ["--reason", "..."] if reason == "" else []
        if guarded and answer.given and missing:
            raise Refused(
                f"To {what}, a reason is needed." if answer.confirm else f"To {what}, --yes is not enough for {name}.",
                subject=name,
                state="Nothing was begun.",
                hint=words.command(*words.without(answer.invocation.argv, "--yes", "-y"), *missing),
            )
        if answer.given:
            return True
        if guarded:
            return prompt(f"Type {name} to go on: ") == name
        return prompt("Go on? [y/N] ").strip().lower() in {"y", "yes"}

    def _begin(self, hosts: Sequence[str], environment: Environment, flags: Iterable[Flag] = ()) -> None:
        """From now on the hosts work."""
        self._invocation.where = environment.name
        if self._following is not None:
            self._following.begin(hosts, environment, flags)
