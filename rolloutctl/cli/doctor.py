"""doctor: what would stop a change, on each host, and the line that mends it."""

from __future__ import annotations

from typing import Annotated

import typer

from rolloutctl.cli import options
from rolloutctl.cli.invocation import invocation_of
from rolloutctl.cli.wiring import configuration_for, tools_for
from rolloutctl.errors import Unhealthy

Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show every check, also those that are well.")]


def doctor(
    context: typer.Context,
    *,
    environment: options.AnyEnvironment = None,
    verbose: Verbose = False,
    json: options.Json = False,
) -> None:
    """Find all that would stop a change, with the line that mends it.

    One pass over each host: the way in, rights, php, .env, config cache, php-fpm, workers. Changes nothing. Exit 6 when
    something would stop a change.
    """
    from rolloutctl.workflows.doctor import doctor as examine  # noqa: PLC0415 - not for --help

    configuration = configuration_for(invocation_of(context))
    chosen = [configuration.environment(environment)] if environment else list(configuration.environments.values())
    tools = tools_for(configuration)
    if json:
        from rolloutctl.cli import documents, documents_doctor  # noqa: PLC0415

        found = examine(chosen, tools)
        documents.write(documents_doctor.of_doctor(found))
    else:
        from rolloutctl.cli.render import answer_page  # noqa: PLC0415 - rich only where somebody reads
        from rolloutctl.cli.render_doctor import show_doctor  # noqa: PLC0415
        from rolloutctl.cli.render_progress import looking  # noqa: PLC0415

        with looking():
            found = examine(chosen, tools)
        show_doctor(found, tuple(configuration.flags), answer_page(), verbose=verbose)
    raise typer.Exit(0 if all(each.well for each in found) else Unhealthy.exit_status)
