"""toggle --at: the change is written down for a moment, after the question that it would be asked then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolloutctl.cli.asking import Answer, prompt
from rolloutctl.cli.wiring import configuration_for, tools_for
from rolloutctl.errors import UsageError
from rolloutctl.rules.moments import parse_moment

if TYPE_CHECKING:
    from datetime import datetime

    from rolloutctl.workflows.scheduling import Proposed
    from rolloutctl.workflows.toggle import Request
    from rolloutctl.workflows.tools import Options

_UNSAID = "Nothing was scheduled."


def put_off(request: Request, at: str, how: Options, answer: Answer) -> None:
    """Schedule a toggle, and say how it is carried out.

    Raises:
        UsageError: the moment is ill written, or an option is about a change that is made now.
        Refused: see `workflows.scheduling.schedule`.
    """
    from rolloutctl.workflows.scheduling import Wanted, schedule  # noqa: PLC0415 - not for --help

    invocation = answer.invocation
    about_now = {"--confirm-within": how.confirm_within, "--with-pending": how.with_pending, "--wait": how.wait}
    strays = [option for option, given in about_now.items() if given]
    if strays:
        raise UsageError(f"{strays[0]} is about a change that is made now: it can't stand together with --at.")
    wanted = Wanted(request.environment, request.flag, request.wish, _moment(at), at.strip(), request.reason)
    tools = tools_for(configuration_for(invocation))
    made = schedule(wanted, tools, lambda proposed: _agrees(proposed, answer), dry_run=how.dry_run)
    if invocation.json:
        from rolloutctl.cli import documents, documents_schedules  # noqa: PLC0415 - not for --help

        documents.write(documents_schedules.of_scheduled(made))
        return
    from rolloutctl.cli.render import answer_page  # noqa: PLC0415 - rich only where somebody reads
    from rolloutctl.cli.render_schedules import show_scheduled  # noqa: PLC0415

    show_scheduled(made, tools.clock.now(), answer_page())


def _moment(at: str) -> datetime:
    try:
        return parse_moment(at)
    except ValueError as error:
        raise UsageError(
            f"--at {at} {error}.", state=_UNSAID, hint='Day, time and zone: --at "2025-11-24 09:00 Europe/Berlin"'
        ) from None


def _agrees(proposed: Proposed, answer: Answer) -> bool:
    """Show what is to come, and ask as for a change that is made now."""
    if not (answer.invocation.json and answer.given):
        from rolloutctl.cli.render import answer_page, side_page  # noqa: PLC0415 - rich only where somebody looks
        from rolloutctl.cli.render_schedules import show_proposed  # noqa: PLC0415

        show_proposed(proposed, side_page() if answer.invocation.json else answer_page())
    plan = proposed.plan
    if answer.dry_run:
        return True
    if answer.given or (plan.environment.protected and not plan.narrow):
        return answer.agrees(plan)
    answer.check(plan.environment.name)
    return prompt("Schedule it? [y/N] ").strip().lower() in {"y", "yes"}
