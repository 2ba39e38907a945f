"""rollout: a flag's way from pilot companies to everyone. The group of commands, and what only looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from rolloutctl.cli import options
from rolloutctl.cli.invocation import invocation_of
from rolloutctl.cli.rollout_checklist import checklist
from rolloutctl.cli.rollout_marking import hold, resume, signoff
from rolloutctl.cli.rollout_moving import abort, advance, start
from rolloutctl.cli.wiring import configuration_for, tools_for

if TYPE_CHECKING:
    from rolloutctl.workflows.rollout import Report


def plan(context: typer.Context, *, flag: options.Flag, json: options.Json = False) -> None:
    """Show the phases of a rollout, with their gates and days.

    Asks the first host which companies there are, where the plan has a command for it. Changes nothing.
    """
    report = _report(context, flag)
    if json:
        _write(report)
        return
    from rolloutctl.cli.render import answer_page  # noqa: PLC0415 - rich only where somebody reads
    from rolloutctl.cli.render_rollout import show_plan  # noqa: PLC0415

    show_plan(report, answer_page())


def status(context: typer.Context, *, flag: options.Flag, json: options.Json = False) -> None:
    """Show where a rollout stands, and the command to run next.

    Each gate has its evidence. Read from the audit logs of the hosts: everybody sees the same, from any machine.
    """
    report = _report(context, flag)
    if json:
        _write(report)
        return
    from rolloutctl.cli.render import answer_page  # noqa: PLC0415 - rich only where somebody reads
    from rolloutctl.cli.render_rollout import show_report  # noqa: PLC0415

    show_report(report, answer_page())


def _report(context: typer.Context, flag: str) -> Report:
    from rolloutctl.workflows.rollout import report  # noqa: PLC0415 - not for --help

    configuration = configuration_for(invocation_of(context))
    configuration.rollout(flag)
    return report(flag, tools_for(configuration))


def _write(report: Report) -> None:
    from rolloutctl.cli import documents, documents_rollout  # noqa: PLC0415 - not for --help

    documents.write(documents_rollout.of_report(report))


def _begin(context: typer.Context) -> None:
    """Open a feature phase by phase, from pilots to everyone.

    Each phase has an audience, a time to soak, and gates. Everything is recorded in the audit logs of the hosts.
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def rollout_commands() -> typer.Typer:
    """The group `rollout`."""
    group = typer.Typer(name="rollout", rich_markup_mode=None)
    group.callback(invoke_without_command=True)(_begin)
    for command in (plan, status, start, advance, hold, resume, abort, signoff, checklist):
        group.command()(command)
    return group
