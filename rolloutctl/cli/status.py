"""status: for each flag and environment, who sees it."""

from __future__ import annotations

from typing import Annotated

import typer

from rolloutctl.cli import options
from rolloutctl.cli.invocation import invocation_of
from rolloutctl.cli.wiring import configuration_for, tools_for
from rolloutctl.errors import Unhealthy

Check = Annotated[bool, typer.Option("--check", help="Exit 6 where hosts drift, are ill, or wait for a person.")]


def status(
    context: typer.Context,
    *,
    environment: options.AnyEnvironment = None,
    flag: options.AnyFlag = None,
    check: Check = False,
    json: options.Json = False,
) -> None:
    """Show who sees what, and where hosts disagree.

    For each flag and environment: .env, config cache and the application's answers, health, locks, interrupted changes.
    """
    invocation = invocation_of(context)
    configuration = configuration_for(invocation)
    chosen = [configuration.environment(environment)] if environment else list(configuration.environments.values())
    flags = {flag: configuration.flag(flag)} if flag else dict(configuration.flags)
    tools = tools_for(configuration, bound_for=chosen, departure=invocation.departure)
    from rolloutctl.workflows.status import status as look  # noqa: PLC0415 - on the way to the hosts

    if json:
        from rolloutctl.cli import documents, documents_status  # noqa: PLC0415

        found = look(chosen, flags.values(), tools)
        documents.write(documents_status.of_status(found, flags))
    else:
        from rolloutctl.cli.render import answer_page  # noqa: PLC0415 - rich only where somebody reads
        from rolloutctl.cli.render_progress import looking  # noqa: PLC0415
        from rolloutctl.cli.render_status import show_flag, show_status  # noqa: PLC0415

        with looking():
            found = look(chosen, flags.values(), tools)
        if flag is not None and environment is not None:
            show_flag(found[0], flags[flag], answer_page())
        else:
            show_status(found, flags, tools.clock.now(), answer_page())
    if invocation.on_github:
        from rolloutctl.cli import github, github_summaries  # noqa: PLC0415

        github.tell(github_summaries.of_status(found, flags, checked=check))
    raise typer.Exit(Unhealthy.exit_status if check and not all(each.well for each in found) else 0)
