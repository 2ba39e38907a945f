"""triage: something went wrong with a feature. What is measured, what to do, and the switch-off."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from rolloutctl.cli import options, words
from rolloutctl.cli.asking import Answer
from rolloutctl.cli.desk import FrontDesk
from rolloutctl.cli.invocation import Invocation, invocation_of
from rolloutctl.cli.triage_asking import FrontWitness, environment_for, percent, severity_in
from rolloutctl.cli.wiring import configuration_for, tools_for

if TYPE_CHECKING:
    from rolloutctl.workflows.tools import Tools
    from rolloutctl.workflows.triage import Triaged

Where = Annotated[
    str | None, typer.Argument(metavar="[ENV]", help="An environment; without it, the one that is protected.")
]
What = Annotated[
    str | None, typer.Argument(metavar="[FLAG]", help="A flag; without it, the one that somebody sees there.")
]
HowBad = Annotated[
    str,
    typer.Option(
        "--severity",
        metavar="critical|high|medium|low",
        show_default=False,
        help="critical: nobody can use it; high: part of it is broken. Else as measured.",
    ),
]
Affected = Annotated[
    str, typer.Option("--affected", metavar="PERCENT", show_default=False, help="How many of its users, if known: 12%.")
]
Symptom = Annotated[str, typer.Option("--symptom", metavar="TEXT", help="What people see; it goes into the record.")]
Since = Annotated[
    str, typer.Option("--since", metavar="TIME", show_default=False, help="So long ago it was seen first; else now.")
]


def triage(  # noqa: PLR0913 - each is a word of the command line
    context: typer.Context,
    *,
    environment: Where = None,
    flag: What = None,
    severity: HowBad = "",
    affected: Affected = "",
    symptom: Symptom = "",
    since: Since = "0",
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
    json: options.Json = False,
) -> None:
    """Decide what to do when something is wrong: measure, switch off if need be, record the incident.

    With --severity critical --yes it switches off first, and measures then. Git and the database are never touched:
    what belongs to them is told.
    """
    from rolloutctl.rules.incidents import severity_of  # noqa: PLC0415 - not for --help
    from rolloutctl.workflows.triage import Report  # noqa: PLC0415
    from rolloutctl.workflows.triage import triage as carry_out  # noqa: PLC0415

    invocation = invocation_of(context)
    invocation.changing = True
    graded, share, told = severity_in(severity), percent(affected), options.said(symptom, "--symptom")
    ago = options.seconds(since, "--since")
    configuration = configuration_for(invocation)
    answer = Answer(invocation, yes, dry_run=dry_run)
    where = environment_for(configuration, environment, yes=yes)
    if flag is not None:
        configuration.flag(flag)
    answer.check(where)
    tools = tools_for(configuration)
    report = Report(
        environment=where,
        flag=flag,
        severity=severity_of(graded),
        affected=share,
        symptom=told,
        detected=tools.clock.now() - timedelta(seconds=ago),
        at_once=yes,
        dry_run=dry_run,
    )
    invocation.hasty = True  # what is measured too slowly is left behind
    with FrontDesk(invocation, answer) as desk:
        witness = FrontWitness(desk, yes=yes, silent=json)
        triaged = carry_out(report, tools, desk, witness)
    _tell(triaged, desk.shown, invocation, tools)


def _tell(triaged: Triaged, shown: tuple[str, ...], invocation: Invocation, tools: Tools) -> None:
    """Tell how it ended, announce the incident, and exit as the switch-off did."""
    from rolloutctl.workflows.triage import tell_channels  # noqa: PLC0415 - not for --help

    done = triaged.done
    if done is not None:
        invocation.plan = done.plan
    if invocation.json:
        from rolloutctl.cli import documents, documents_triage  # noqa: PLC0415 - not for --help

        documents.write(documents_triage.of_triage(triaged, tell_channels(triaged, tools)))
    else:
        from rolloutctl.cli.render import answer_page, side_page  # noqa: PLC0415 - rich only where somebody reads
        from rolloutctl.cli.render_change import show_end  # noqa: PLC0415
        from rolloutctl.cli.render_error import show_error  # noqa: PLC0415
        from rolloutctl.cli.render_triage import show_notes, show_triaged  # noqa: PLC0415

        if done is not None:
            without_dry_run = words.command(*words.without(invocation.argv, "--dry-run"))
            # Taken back it would open again what is broken.
            show_end(done, shown, without_dry_run, answer_page(), undo=False)
            if done.error is not None:
                show_error(done.error, side_page(), known=triaged.environment)
        show_triaged(triaged, answer_page())
        show_notes(tell_channels(triaged, tools), answer_page())
    raise typer.Exit(done.error.exit_status if done and done.error else 0)
