"""The person in front of a deployment: sees the plan, answers the question, follows each host."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rolloutctl.cli.asking import Answer, prompt
from rolloutctl.cli.invocation import Invocation

if TYPE_CHECKING:
    from rolloutctl.cli.render_following import Following
    from rolloutctl.rules.config import Environment
    from rolloutctl.rules.deploy_plans import DeployPlan
    from rolloutctl.rules.host import Event


class DeployFrontDesk:
    """`workflows.deploy.DeployDesk` for the command line; a context manager, which ends the live lines."""

    def __init__(self, invocation: Invocation, answer: Answer) -> None:
        self._invocation = invocation
        self._answer = answer
        self._following: Following | None = None
        self.shown: tuple[str, ...] = ()

    def __enter__(self) -> Self:
        if not self._invocation.json or sys.stderr.isatty():
            from rolloutctl.cli.render_following import Following  # noqa: PLC0415 - rich only where somebody looks

            self._following = Following()
            self._following.look()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._following is not None:
            self._following.end()

    def show(self, plan: DeployPlan, notes: Sequence[str]) -> None:
        """Show what will be done, before anything is."""
        self.shown = tuple(notes)
        if self._following is not None:
            self._following.end()
        if self._invocation.json and self._answer.given:
            return
        from rolloutctl.cli.render import answer_page, side_page  # noqa: PLC0415 - rich only where somebody looks
        from rolloutctl.cli.render_deploy import show_plan  # noqa: PLC0415

        show_plan(plan, notes, side_page() if self._invocation.json else answer_page())

    def agrees(self, plan: DeployPlan) -> bool:
        """Ask; a protected environment takes its name and a reason."""
        agreed = agrees_to_work(
            self._answer, plan.environment, guarded=plan.environment.protected, reason=plan.reason, what="deploy there"
        )
        if agreed and self._following is not None:
            environment = plan.environment
            self._following.begin([host.name for host in plan.hosts], environment, plan.flags)
        return agreed

    def notice(self, host: str, event: Event) -> None:
        """Follow a host; called from the threads that talk with the hosts."""
        if event.kind == "entered":
            self._invocation.begun = True
        if self._following is not None:
            self._following.notice(host, event)


def agrees_to_work(answer: Answer, environment: Environment, *, guarded: bool, reason: str | None, what: str) -> bool:
    """Ask before long work; where it is guarded, for the environment's name.

    Args:
        answer: what the command line says already.
        environment: where.
        guarded: whether its name has to be typed.
        reason: why; where a protected environment needs one, it has to be there. None: none is needed.
        what: what is done, in words that follow "to".

    Raises:
        Refused: what was said on the command line is not enough.
    """
    from rolloutctl.cli import words  # noqa: PLC0415 - not for --help
    from rolloutctl.errors import Refused  # noqa: PLC0415

    name = environment.name
    answer.check(name)
    missing = [] if answer.confirm == name else ["--confirm", name]
    missing += ["--reason", "..."] if reason == "" else []
    if guarded and answer.given and missing:
        raise Refused(
            f"To {what}, --yes is not enough for {name}." if not answer.confirm else f"To {what}, a reason is needed.",
            subject=name,
            state="Nothing was begun.",
            hint=words.command(*words.without(answer.invocation.argv, "--yes", "-y"), *missing),
        )
    if answer.given:
        return True
    if guarded:
        return prompt(f"Type {name} to go on: ") == name
    return prompt("Go on? [y/N] ").strip().lower() in {"y", "yes"}
