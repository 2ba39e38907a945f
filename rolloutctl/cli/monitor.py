"""monitor: what is measured of an environment, and whether it is worse than it should be."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from rolloutctl.cli import options
from rolloutctl.cli.invocation import invocation_of
from rolloutctl.cli.wiring import configuration_for, tools_for
from rolloutctl.errors import Unhealthy, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rolloutctl.rules.config import Configuration
    from rolloutctl.workflows.monitor import Round

For = Annotated[
    str, typer.Option("--for", metavar="TIME", show_default=False, help="How long: 24h, 7d; else until Ctrl-C.")
]
Every = Annotated[str, typer.Option("--every", metavar="TIME", help="How often: 30s, 5m.")]
Once = Annotated[bool, typer.Option("--once", help="One sample, for cron and CI; exit 6 when a metric fails.")]
Since = Annotated[
    str,
    typer.Option(
        "--since", metavar="TIME", show_default=False, help="So long ago the change was made; else the flag's newest."
    ),
]


def monitor(  # noqa: PLR0913 - each is a word of the command line
    context: typer.Context,
    *,
    environment: options.Environment,
    flag: options.AnyFlag = None,
    length: For = "0",
    every: Every = "30s",
    since: Since = "0",
    once: Once = False,
    json: options.Json = False,
) -> None:
    """Measure an environment again and again, and tell what is worse than before the change.

    Samples are kept on this machine, so it goes on where it was ended. Exit 6 when a metric fails at the end.
    """
    from rolloutctl.workflows.monitor import Watch  # noqa: PLC0415 - not for --help
    from rolloutctl.workflows.monitor import monitor as watch  # noqa: PLC0415

    configuration = configuration_for(invocation_of(context))
    pause = options.seconds(every, "--every")
    _check(configuration, environment, flag, pause)
    if json and not once:
        raise UsageError("--json is one document: it can only stand together with --once.")
    tools = tools_for(configuration)
    ago = options.seconds(since, "--since")
    what = Watch(environment, flag, pause, tools.clock.now() - timedelta(seconds=ago) if ago else None)
    last: list[Round] = []
    show = _shower(json=json)

    def shown(round_: Round) -> None:
        last[:] = [round_]
        show(round_)

    try:
        watch(what, tools, shown, seconds=options.seconds(length, "--for") or None, once=once)
    except KeyboardInterrupt:
        if not last:
            raise
    raise typer.Exit(0 if last[-1].well else Unhealthy.exit_status)


def _check(configuration: Configuration, environment: str, flag: str | None, pause: float) -> None:
    """See that there is something to watch.

    Raises:
        UsageError: there is not.
    """
    configuration.environment(environment)
    if flag is not None:
        configuration.flag(flag)
    if not pause:
        raise UsageError("--every says how often, so it can't be 0.", hint="Say --every 30s.")
    if not any(metric.measured_in(environment) for metric in configuration.metrics.values()):
        raise UsageError(
            f"Nothing is measured in {environment}.",
            subject=configuration.path,
            hint="Declare what is to be watched below metrics: see docs/monitoring.md.",
        )


def _shower(*, json: bool) -> Callable[[Round], None]:
    """How each round is shown: as JSON, as a table that stands for itself, or as one line where nobody looks on."""
    if json:
        from rolloutctl.cli import documents, documents_monitor  # noqa: PLC0415 - not for --help

        return lambda round_: documents.write(documents_monitor.of_round(round_))
    from rolloutctl.cli.render import answer_page  # noqa: PLC0415 - rich only where somebody reads
    from rolloutctl.cli.render_monitor import show_line, show_round  # noqa: PLC0415

    page = answer_page()
    return lambda round_: (show_round if page.terminal else show_line)(round_, page)
