"""unschedule: what was scheduled is not to be carried out."""

from __future__ import annotations

from typing import Annotated

import typer

from rolloutctl.cli import options
from rolloutctl.cli.invocation import invocation_of
from rolloutctl.cli.wiring import configuration_for, tools_for

Name = Annotated[str, typer.Argument(metavar="SCHEDULE", help="What `status` calls it.")]


def unschedule(
    context: typer.Context,
    *,
    environment: options.Environment,
    name: Name,
    reason: options.Reason = "",
    json: options.Json = False,
) -> None:
    """Cancel a change that `toggle --at` has scheduled."""
    from rolloutctl.workflows.scheduling import unschedule as cancel  # noqa: PLC0415 - not for --help

    invocation = invocation_of(context)
    told = options.said(reason, "--reason")
    configuration = configuration_for(invocation)
    configuration.environment(environment)
    cancelled, notes = cancel(environment, name, told, tools_for(configuration))
    if invocation.json:
        from rolloutctl.cli import documents, documents_schedules  # noqa: PLC0415 - not for --help

        documents.write(documents_schedules.of_cancelled(cancelled, notes))
        return
    from rolloutctl.cli.render import answer_page  # noqa: PLC0415 - rich only where somebody reads
    from rolloutctl.cli.render_schedules import show_cancelled  # noqa: PLC0415

    show_cancelled(cancelled, notes, answer_page())
