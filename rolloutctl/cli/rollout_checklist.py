"""rollout checklist: what has to be seen before a rollout begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rolloutctl.cli import options
from rolloutctl.cli.invocation import Invocation, invocation_of
from rolloutctl.cli.wiring import configuration_for, tools_for
from rolloutctl.errors import Unhealthy, UsageError

if TYPE_CHECKING:
    from rolloutctl.workflows.rollout_checklist import Looked

Check = Annotated[list[str] | None, typer.Option("--check", metavar="ITEM", help="It has passed; may be repeated.")]
Fail = Annotated[list[str] | None, typer.Option("--fail", metavar="ITEM", help="It has failed; may be repeated.")]
Clear = Annotated[list[str] | None, typer.Option("--clear", metavar="ITEM", help="It is open again; may be repeated.")]
Run = Annotated[bool, typer.Option("--run", help="Look at every item that has a request or a command, and record it.")]
Note = Annotated[str, typer.Option("--note", metavar="TEXT", help="What was seen; it goes into the record.")]
Brief = Annotated[bool, typer.Option("--brief", help="The groups alone.")]


def checklist(  # noqa: PLR0913 - each is a word of the command line
    context: typer.Context,
    *,
    flag: options.Flag,
    check: Check = None,
    fail: Fail = None,
    clear: Clear = None,
    run: Run = False,
    note: Note = "",
    brief: Brief = False,
    json: options.Json = False,
) -> None:
    """Show the checklist of the validation, or tick its items.

    With --run, those look for themselves that can. Who ticked what, when, is recorded on every host of the rollout.
    Exit 6 when an item that was looked at failed.
    """
    from rolloutctl.workflows import rollout_checklist as story  # noqa: PLC0415 - not for --help

    invocation = invocation_of(context)
    told = options.said(note, "--note")
    ticked = {
        **dict.fromkeys(check or (), "passed"),
        **dict.fromkeys(fail or (), "failed"),
        **dict.fromkeys(clear or (), "cleared"),
    }
    if len(ticked) < len(check or ()) + len(fail or ()) + len(clear or ()):
        raise UsageError("An item is named twice: it can't have passed and failed at once.")
    if run and ticked:
        raise UsageError("--run looks by itself: it can't stand together with --check, --fail or --clear.")
    if fail and not told:
        raise UsageError("--fail needs to say what was seen.", hint='Say it: --note "..."')
    configuration = configuration_for(invocation)
    configuration.rollout(flag)
    tools = tools_for(configuration)
    if ticked:
        looked = story.tick(flag, ticked, told, tools)
    elif run:
        looked = story.run(flag, tools)
    else:
        looked = story.look(flag, tools)
    _tell(looked, invocation, brief=brief)
    failed = any(ran.outcome == "failed" for ran in looked.ran)
    raise typer.Exit(Unhealthy.exit_status if failed else 0)


def _tell(looked: Looked, invocation: Invocation, *, brief: bool) -> None:
    if invocation.json:
        from rolloutctl.cli import documents, documents_rollout  # noqa: PLC0415 - not for --help

        documents.write(documents_rollout.of_checklist(looked))
        return
    from rolloutctl.cli.render import answer_page  # noqa: PLC0415 - rich only where somebody reads
    from rolloutctl.cli.render_checklist import show_checklist, show_runs  # noqa: PLC0415

    page = answer_page()
    show_checklist(looked.checklist, looked.ticks, page, brief=brief)
    show_runs(looked.ran, page)
    for note in looked.notes:
        page.line(("! ", "bold yellow"), note, indent=2, hang=2)
