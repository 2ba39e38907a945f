"""incident: what went wrong, when it was off, when it was over. The group of commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rolloutctl.cli import options
from rolloutctl.cli.invocation import Invocation, invocation_of
from rolloutctl.cli.wiring import configuration_for, tools_for
from rolloutctl.errors import Unreachable, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rolloutctl.workflows.incident_marks import Listed, Said, Which
    from rolloutctl.workflows.tools import Tools

Id = Annotated[str | None, typer.Argument(metavar="[INCIDENT]", help="Its id; without it, the newest.")]
ById = Annotated[str | None, typer.Option("--id", metavar="INCIDENT", help="This incident.")]
OfFlag = Annotated[str | None, typer.Option("--flag", metavar="FLAG", help="The open one of this flag.")]
Text = Annotated[str, typer.Argument(metavar="TEXT", help="What to know of it; it goes into the record.")]


def list_(context: typer.Context, *, environment: options.AnyEnvironment = None, json: options.Json = False) -> None:
    """List incidents, the newest first."""
    configuration = configuration_for(invocation_of(context))
    names = [environment] if environment else list(configuration.environments)
    tools = tools_for(configuration)
    listed = _listed(names, tools)
    if json:
        from rolloutctl.cli import documents, documents_incident  # noqa: PLC0415 - not for --help

        documents.write(documents_incident.of_incidents(listed))
        return
    from rolloutctl.cli.render import answer_page  # noqa: PLC0415 - rich only where somebody reads
    from rolloutctl.cli.render_incident import show_incidents  # noqa: PLC0415

    show_incidents(listed, tools.clock.now(), answer_page())


def show(
    context: typer.Context, *, environment: options.Environment, incident: Id = None, json: options.Json = False
) -> None:
    """Show one incident: how fast it was off and over, and its timeline."""
    from rolloutctl.workflows.incident_marks import Which, find_incident  # noqa: PLC0415 - not for --help

    configuration = configuration_for(invocation_of(context))
    tools = tools_for(configuration)
    (listed,) = _listed([environment], tools)
    found = find_incident(listed, Which(environment, id=incident))
    if json:
        from rolloutctl.cli import documents, documents_incident  # noqa: PLC0415

        documents.write({"incident": documents_incident.incident_fields(found)})
        return
    from rolloutctl.cli.render import answer_page  # noqa: PLC0415 - rich only where somebody reads
    from rolloutctl.cli.render_incident import show_incident  # noqa: PLC0415

    show_incident(found, tools.clock.now(), answer_page())


def note(  # noqa: PLR0913 - each is a word of the command line
    context: typer.Context,
    *,
    environment: options.Environment,
    text: Text,
    flag: OfFlag = None,
    incident: ById = None,
    json: options.Json = False,
) -> None:
    """Say something of an open incident; with --id also of one that is over."""
    from rolloutctl.workflows.incident_marks import Which  # noqa: PLC0415 - not for --help
    from rolloutctl.workflows.incident_marks import note as say  # noqa: PLC0415

    told = options.said(text, "TEXT")
    if not told:
        raise UsageError("There is nothing to note.", hint="Say what is to be known of it.")
    _record(invocation_of(context), Which(environment, flag, incident), lambda which, tools: say(which, told, tools))


def recovered(  # noqa: PLR0913 - each is a word of the command line
    context: typer.Context,
    *,
    environment: options.Environment,
    flag: OfFlag = None,
    incident: ById = None,
    note: options.Note = "",
    json: options.Json = False,
) -> None:
    """Say that an incident is over."""
    from rolloutctl.workflows.incident_marks import Which  # noqa: PLC0415 - not for --help
    from rolloutctl.workflows.incident_marks import recovered as end  # noqa: PLC0415

    told = options.said(note, "--note")
    _record(invocation_of(context), Which(environment, flag, incident), lambda which, tools: end(which, told, tools))


def _listed(names: list[str], tools: Tools) -> tuple[Listed, ...]:
    """What the hosts have recorded.

    Raises:
        Unreachable: no host could be asked.
    """
    from rolloutctl.workflows.incident_marks import list_incidents  # noqa: PLC0415 - not for --help

    listed = list_incidents([tools.configuration.environment(name) for name in names], tools)
    lost = tuple(f"{each.environment} · {name}: {why}" for each in listed for name, why in each.lost)
    if lost and not any(each.reached for each in listed):
        raise Unreachable("No host could be asked for its records.", details=lost)
    return listed


def _record(invocation: Invocation, which: Which, say: Callable[[Which, Tools], Said]) -> None:
    configuration = configuration_for(invocation)
    configuration.environment(which.environment)
    if which.flag is not None and which.flag not in configuration.flags and which.id is None:
        configuration.flag(which.flag)
    said = say(which, tools_for(configuration))
    if invocation.json:
        from rolloutctl.cli import documents, documents_incident  # noqa: PLC0415 - not for --help

        documents.write(documents_incident.of_said(said))
        return
    from rolloutctl.cli.render import answer_page  # noqa: PLC0415 - rich only where somebody reads
    from rolloutctl.cli.render_incident import show_said  # noqa: PLC0415

    show_said(said, answer_page())


def _begin(context: typer.Context) -> None:
    """What went wrong with a feature, when it was off, and when it was over.

    Read from the audit logs of the hosts: everybody sees the same, from any machine. `triage` opens one.
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def incident_commands() -> typer.Typer:
    """The group `incident`."""
    group = typer.Typer(name="incident", rich_markup_mode=None)
    group.callback(invoke_without_command=True)(_begin)
    group.command("list")(list_)
    for command in (show, note, recovered):
        group.command()(command)
    return group
