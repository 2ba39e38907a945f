"""What toggle and rollback have in common: a change is carried out in front of the desk, and its end is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from rolloutctl.cli import words
from rolloutctl.cli.asking import Answer
from rolloutctl.cli.desk import FrontDesk
from rolloutctl.cli.invocation import Invocation

if TYPE_CHECKING:
    from rolloutctl.contracts import Desk
    from rolloutctl.workflows.tools import Done


def change(invocation: Invocation, answer: Answer, carry_out: Callable[[Desk], Done]) -> None:
    """Carry a change out, tell how it ended, and exit accordingly.

    Raises:
        typer.Exit: always, with the exit status of the change.
    """
    with FrontDesk(invocation, answer) as desk:
        done = carry_out(desk)
        invocation.plan = done.plan
    if invocation.json:
        from rolloutctl.cli import documents  # noqa: PLC0415 - not for --help

        documents.write(documents.of_change(done))
    else:
        _tell(done, desk.shown, words.command(*words.without(invocation.argv, "--dry-run")))
    if invocation.on_github:
        from rolloutctl.cli import github, github_summaries  # noqa: PLC0415

        github.tell(github_summaries.of_change(done))
    raise typer.Exit(done.error.exit_status if done.error else 0)


def _tell(done: Done, shown: tuple[str, ...], without_dry_run: str) -> None:
    from rolloutctl.cli.render import answer_page, side_page  # noqa: PLC0415 - rich only where somebody reads
    from rolloutctl.cli.render_change import show_end  # noqa: PLC0415
    from rolloutctl.cli.render_error import show_error  # noqa: PLC0415

    show_end(done, shown, without_dry_run, answer_page())
    if done.error is not None:
        show_error(done.error, side_page(), known=done.plan.environment.name)
