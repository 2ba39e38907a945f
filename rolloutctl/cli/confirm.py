"""confirm: keep a provisional change."""

from __future__ import annotations

import typer

from rolloutctl.cli import options
from rolloutctl.cli.asking import Answer
from rolloutctl.cli.changing import change
from rolloutctl.cli.invocation import invocation_of
from rolloutctl.cli.wiring import configuration_for, tools_for


def confirm(
    context: typer.Context,
    *,
    environment: options.Environment,
    json: options.Json = False,
) -> None:
    """Keep a provisional change before its time is over.

    After `toggle ... --confirm-within 10m` every host goes back by itself, unless this comes before. It asks nothing:
    what it keeps stands already.
    """
    from rolloutctl.workflows.confirm import confirm as keep  # noqa: PLC0415 - not for --help

    invocation = invocation_of(context)
    configuration = configuration_for(invocation)
    configuration.environment(environment)
    tools = tools_for(configuration)
    change(invocation, Answer(invocation, yes=True), lambda desk: keep(environment, tools, desk.notice))
