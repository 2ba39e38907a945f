"""due: carries out what was scheduled and has come due; for cron and CI."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from rolloutctl.cli import options
from rolloutctl.cli.invocation import Invocation, invocation_of
from rolloutctl.cli.wiring import configuration_for, tools_for

if TYPE_CHECKING:
    from rolloutctl.contracts import Desk
    from rolloutctl.rules.schedules import Schedule
    from rolloutctl.workflows.due import Report

    Shown = Mapping[str, tuple[str, ...]]

Grace = Annotated[
    str, typer.Option("--grace", metavar="TIME", help="How late more people may still be let in: 10m, 1h.")
]
Dry = Annotated[bool, typer.Option("--dry-run", help="Say what would be carried out, and change nothing.")]


def due(  # noqa: PLR0913 - each is a word of the command line
    context: typer.Context,
    *,
    environment: options.AnyEnvironment = None,
    grace: Grace = "1h",
    wait: options.Wait = "60s",
    dry_run: Dry = False,
    json: options.Json = False,
) -> None:
    """Carry out what `toggle --at` has scheduled and what has come due.

    Each once, through every gate, whoever runs this and however often: from cron or CI. It asks nothing, as that was
    asked when it was scheduled. What has become untrue meanwhile, or is too late, is refused; a switch-off never is.
    """
    from rolloutctl.workflows.due import How  # noqa: PLC0415 - not for --help
    from rolloutctl.workflows.due import due as carry_out  # noqa: PLC0415

    invocation = invocation_of(context)
    how = How(options.seconds(grace, "--grace"), options.seconds(wait, "--wait"), dry_run)
    configuration = configuration_for(invocation)
    names = [configuration.environment(environment).name] if environment else list(configuration.environments)
    tools = tools_for(configuration)
    shown: dict[str, tuple[str, ...]] = {}
    report = carry_out(names, how, tools, lambda schedule: _desk(invocation, schedule, shown))
    _tell(report, shown, invocation)
    raise typer.Exit(report.exit_status)


@contextmanager
def _desk(invocation: Invocation, schedule: Schedule, shown: dict[str, tuple[str, ...]]) -> Iterator[Desk]:
    """A desk at which all was agreed to when it was scheduled, the name of a protected environment typed.

    `shown` gets, by schedule, the notes that were seen with the plan.
    """
    from rolloutctl.cli.asking import Answer  # noqa: PLC0415 - not for --help
    from rolloutctl.cli.desk import FrontDesk  # noqa: PLC0415

    if not invocation.json:
        from rolloutctl.cli.render import answer_page  # noqa: PLC0415 - rich only where somebody reads
        from rolloutctl.cli.render_schedules import show_due  # noqa: PLC0415

        show_due(schedule, answer_page())
    with FrontDesk(invocation, Answer(invocation, yes=True, confirm=schedule.environment)) as desk:
        yield desk
        shown[schedule.id] = desk.shown
    invocation.plan, invocation.begun = None, False  # an interruption from here on is none of this change


def _tell(report: Report, shown: Shown, invocation: Invocation) -> None:
    _show(report, shown, invocation)
    if invocation.on_github:
        from rolloutctl.cli import github, github_summaries  # noqa: PLC0415 - not for --help

        for summary in github_summaries.of_report(report):
            github.tell(summary)


def _show(report: Report, shown: Shown, invocation: Invocation) -> None:
    if invocation.json:
        from rolloutctl.cli import documents, documents_schedules  # noqa: PLC0415 - not for --help

        documents.write(documents_schedules.of_report(report))
        return
    from rolloutctl.cli.render import answer_page, side_page  # noqa: PLC0415 - rich only where somebody reads
    from rolloutctl.cli.render_schedules import show_report  # noqa: PLC0415

    show_report(report, shown, answer_page(), side_page())
