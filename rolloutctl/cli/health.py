"""health: is the application well, on each host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rolloutctl.cli import options
from rolloutctl.cli.invocation import invocation_of
from rolloutctl.cli.wiring import configuration_for, tools_for
from rolloutctl.errors import Unhealthy, UsageError

if TYPE_CHECKING:
    from rolloutctl.rules.config import Environment
    from rolloutctl.workflows.tools import Tools

Watch = Annotated[str, typer.Option("--watch", metavar="TIME", help="Ask again and again, so often, until Ctrl-C.")]


def health(
    context: typer.Context,
    *,
    environment: options.AnyEnvironment = None,
    watch: Watch = "0",
    json: options.Json = False,
) -> None:
    """Ask every host whether the application is well.

    Exit 6 when one is not, or can't be reached.
    """
    invocation = invocation_of(context)
    configuration = configuration_for(invocation)
    chosen = [configuration.environment(environment)] if environment else list(configuration.environments.values())
    pause = options.seconds(watch, "--watch")
    if pause and json:
        raise UsageError("--watch never ends, and --json is one document: they can't stand together.")
    tools = tools_for(configuration)
    well = _watch(chosen, pause, tools) if pause else _once(chosen, tools, json=json, summed=invocation.on_github)
    raise typer.Exit(0 if well else Unhealthy.exit_status)


def _once(chosen: list[Environment], tools: Tools, *, json: bool, stamp: bool = False, summed: bool = False) -> bool:
    from rolloutctl.workflows.health import health as ask  # noqa: PLC0415 - not for --help

    found = ask(chosen, tools)
    if json:
        from rolloutctl.cli import documents, documents_status  # noqa: PLC0415

        documents.write(documents_status.of_health(found))
    else:
        from rolloutctl.cli.render import answer_page  # noqa: PLC0415 - rich only where somebody reads
        from rolloutctl.cli.render_status import show_health  # noqa: PLC0415

        show_health(found, tools.clock.now() if stamp else None, answer_page())
    if summed:
        from rolloutctl.cli import github, github_summaries  # noqa: PLC0415

        github.tell(github_summaries.of_health(found))
    return all(each.healthy for each in found)


def _watch(chosen: list[Environment], pause: float, tools: Tools) -> bool:
    well = True
    try:
        while True:
            well = _once(chosen, tools, json=False, stamp=True)
            tools.clock.wait(pause)
    except KeyboardInterrupt:
        return well
