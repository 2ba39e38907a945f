"""audit: who changed what, when and why; and whether the logs are whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rolloutctl.cli import options
from rolloutctl.cli.invocation import invocation_of
from rolloutctl.cli.wiring import configuration_for, tools_for
from rolloutctl.errors import Unhealthy, Unreachable, UsageError

if TYPE_CHECKING:
    from rolloutctl.rules.config import Environment
    from rolloutctl.rules.history import Change
    from rolloutctl.rules.rollout_standing import Mark
    from rolloutctl.workflows.audit import Audited
    from rolloutctl.workflows.tools import Tools

One = Annotated[str | None, typer.Option("--change", metavar="ID", help="One change, host by host.")]
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, help="The newest N changes.")]
Verify = Annotated[bool, typer.Option("--verify", help="Check that no record was changed or lost; exit 6 if so.")]


def audit(  # noqa: PLR0913 - each is a word of the command line
    context: typer.Context,
    *,
    environment: options.AnyEnvironment = None,
    flag: options.OnlyFlag = None,
    change: One = None,
    limit: Limit = 20,
    verify: Verify = False,
    json: options.Json = False,
) -> None:
    """Show who changed what, when and why.

    The newest change stands first; with --json, the hosts' own records, the oldest first.
    """
    configuration = configuration_for(invocation_of(context))
    chosen = (configuration.environment(environment),) if environment else tuple(configuration.environments.values())
    if flag is not None:
        configuration.flag(flag)
    if verify and (flag or change):
        raise UsageError("--verify reads whole logs: it can't stand together with --flag or --change.")
    tools = tools_for(configuration)
    if verify:
        _verify(chosen, tools, json=json)
    audits = _audited(chosen, flag, tools, json=json)
    changes = _chosen(audits, change, limit, environment)
    if json:
        from rolloutctl.cli import documents  # noqa: PLC0415

        marks = () if change else (mark.entry for mark in _marks(audits, limit))
        documents.write(documents.of_audit(audits, frozenset((*(each.id for each in changes), *marks))))
    else:
        from rolloutctl.cli import render_audit  # noqa: PLC0415 - rich only where somebody reads
        from rolloutctl.cli.render import answer_page  # noqa: PLC0415

        if change is not None:
            render_audit.show_change(changes[0], audits, answer_page())
        else:
            render_audit.show_changes(changes, audits, answer_page())
            render_audit.show_marks(_marks(audits, limit), answer_page(), several=len(audits) > 1)


def _audited(chosen: tuple[Environment, ...], flag: str | None, tools: Tools, *, json: bool) -> tuple[Audited, ...]:
    from rolloutctl.workflows.audit import audit as read  # noqa: PLC0415

    if json:
        audits = read(chosen, flag, tools)
    else:
        from rolloutctl.cli.render_progress import looking  # noqa: PLC0415 - rich only where somebody reads

        with looking():
            audits = read(chosen, flag, tools)
    lost = [f"{each.environment} · {name}: {error}" for each in audits for name, error in each.unreachable]
    if lost and not any(each.reached for each in audits):
        raise Unreachable("No host could be asked for its records.", details=tuple(lost))
    return audits


def _chosen(audits: tuple[Audited, ...], one: str | None, limit: int, environment: str | None) -> tuple[Change, ...]:
    """The changes to show, newest first; in one environment the arbiter's order counts, across several the time."""
    changes = [change for each in audits for change in reversed(each.changes)]
    if len(audits) > 1:
        changes.sort(key=lambda change: change.time, reverse=True)
    if one is None:
        return tuple(changes[:limit])
    found = tuple(change for change in changes if change.id == one)
    if not found:
        where = environment or "any environment"
        hint = f"rolloutctl audit {environment or ''}".strip()
        raise UsageError(f"There is no change {one} in {where}.", hint=hint)
    return found


def _marks(audits: tuple[Audited, ...], limit: int) -> tuple[Mark, ...]:
    """What was recorded beside changes, newest first."""
    found = [mark for each in audits for mark in each.marks]
    return tuple(sorted(reversed(found), key=lambda mark: mark.at, reverse=True)[:limit])


def _verify(chosen: tuple[Environment, ...], tools: Tools, *, json: bool) -> None:
    from rolloutctl.workflows.audit import verify_logs  # noqa: PLC0415

    verdicts = verify_logs(chosen, tools)
    if json:
        from rolloutctl.cli import documents  # noqa: PLC0415

        documents.write(documents.of_verification(verdicts))
    else:
        from rolloutctl.cli.render import answer_page  # noqa: PLC0415 - rich only where somebody reads
        from rolloutctl.cli.render_audit import show_verdicts  # noqa: PLC0415

        show_verdicts(verdicts, answer_page())
    raise typer.Exit(0 if all(verdict.ok for verdict in verdicts) else Unhealthy.exit_status)
