"""timeline: the whole way of a rollout, from development to everyone, with its days."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rolloutctl.cli import options
from rolloutctl.cli.invocation import invocation_of
from rolloutctl.cli.wiring import configuration_for, tools_for
from rolloutctl.errors import Refused, UsageError

if TYPE_CHECKING:
    from rolloutctl.cli.invocation import Invocation
    from rolloutctl.workflows.timeline import Drawn
    from rolloutctl.workflows.tools import Tools

Markdown = Annotated[bool, typer.Option("--md", help="A Markdown table on stdout.")]
Ics = Annotated[
    Path | None,
    typer.Option("--ics", metavar="FILE", help="Write a calendar file, or bring the one that is there up to date."),
]


def timeline(
    context: typer.Context, *, flag: options.Flag, md: Markdown = False, ics: Ics = None, json: options.Json = False
) -> None:
    """Show the days of a rollout: planned, real, slipped.

    From the work before the first phase, which the plan's timeline lists, to everyone. Changes nothing on any host.
    """
    from rolloutctl.workflows.timeline import draw  # noqa: PLC0415 - not for --help

    invocation = invocation_of(context)
    if invocation.json + md + (ics is not None) > 1:
        raise UsageError("--md, --ics and --json are three answers; each is given by itself.")
    configuration = configuration_for(invocation)
    configuration.rollout(flag)
    tools = tools_for(configuration)
    drawn = draw(flag, tools)
    if ics is not None:
        _export(drawn, ics, tools)
        return
    _tell(drawn, invocation, md=md)


def _tell(drawn: Drawn, invocation: Invocation, *, md: bool) -> None:
    if md or invocation.json:
        from rolloutctl.cli import documents, documents_timeline  # noqa: PLC0415 - not for --help

        if md:
            sys.stdout.write(documents_timeline.markdown(drawn))
        else:
            documents.write(documents_timeline.of_timeline(drawn))
        return
    from rolloutctl.cli.render import answer_page  # noqa: PLC0415 - rich only where somebody reads
    from rolloutctl.cli.render_timeline import show_timeline  # noqa: PLC0415

    show_timeline(drawn, answer_page())


def _export(drawn: Drawn, path: Path, tools: Tools) -> None:
    """Write the calendar file, and say what is new in it.

    Raises:
        Refused: no step has a day, or the file can't be written.
    """
    from rolloutctl.cli import words  # noqa: PLC0415 - not for --help
    from rolloutctl.cli.render import answer_page  # noqa: PLC0415
    from rolloutctl.outside.calendar_file import write_calendar  # noqa: PLC0415
    from rolloutctl.rules.timeline_events import calendar_of  # noqa: PLC0415

    rollout = drawn.timeline.rollout
    calendar = calendar_of(drawn.timeline, tools.configuration.environment(rollout.environment))
    if not calendar.events:
        raise Refused(
            f"No step of {rollout.flag} has a day, so there is nothing for a calendar.",
            subject=rollout.environment,
            state="Nothing was written.",
            hint=f"Add start: YYYY-MM-DD below rollouts.{rollout.flag} in environments.yaml.",
        )
    if drawn.timeline.standing is None:
        name, why = drawn.lost[0]
        raise Refused(
            f"No host could be asked, so nobody knows what has become of the plan: {why}",
            subject=name,
            state="Nothing was written.",
            hint=f"rolloutctl doctor {rollout.environment}",
        )
    changed = write_calendar(path, calendar, tools.clock.now())
    page, events = answer_page(), words.counted(len(calendar.events), "event")
    page.line(("✓ ", "bold green"), f"{events} in {path}, {changed} new or changed")
    for name, why in drawn.lost:
        page.line(("! ", "bold yellow"), f"{name} cannot be reached: {why}", indent=2, hang=2)
