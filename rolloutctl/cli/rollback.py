"""rollback: undo the newest change that is not undone yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from msgspec.structs import replace

from rolloutctl.cli import options
from rolloutctl.cli.asking import Answer
from rolloutctl.cli.changing import change
from rolloutctl.cli.invocation import invocation_of
from rolloutctl.cli.wiring import configuration_for, tools_for
from rolloutctl.errors import UsageError

if TYPE_CHECKING:
    from rolloutctl.cli.invocation import Invocation
    from rolloutctl.workflows.rollback import Found, Request
    from rolloutctl.workflows.tools import Options

Where = Annotated[
    str | None,
    typer.Argument(
        metavar="[ENV]",
        help="An environment; without it, the newest change anywhere.",
    ),
]
To = Annotated[str | None, typer.Option("--to", metavar="ID", help="Undo all that came after this change of its flag.")]
Steps = Annotated[int, typer.Option("--steps", metavar="N", min=1, help="Undo the flag's newest N changes.")]
Commit = Annotated[str | None, typer.Argument(metavar="[COMMIT]", help="With --code: this, not what came last.")]
Code = Annotated[bool, typer.Option("--code", help="Prepare a revert of what was deployed last, on a new branch.")]
Database = Annotated[bool, typer.Option("--database", help="Take the last batch of migrations back.")]
Push = Annotated[bool, typer.Option("--push", help="With --code: push that branch.")]
Force = Annotated[bool, typer.Option("--force", help="Also where somebody changed the flag's keys since.")]


def rollback(  # noqa: PLR0913 - each is a word of the command line
    context: typer.Context,
    *,
    environment: Where = None,
    commit: Commit = None,
    flag: options.OnlyFlag = None,
    to: To = None,
    steps: Steps = 1,
    force: Force = False,
    code: Code = False,
    database: Database = False,
    push: Push = False,
    reason: options.Reason = "",
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
    confirm: options.Confirm = "",
    with_pending: options.WithPending = False,
    wait: options.Wait = "0",
    json: options.Json = False,
) -> None:
    """Undo the newest change that is not undone yet.

    Puts back that flag's own keys, and refuses where somebody changed them since. A rollback is a change like any
    other, and is recorded as undoing the other. --code and --database go back further than any flag; switching the
    flag off is safer, and they say first whether that has been done.
    """
    invocation = invocation_of(context)
    if code or database or push or commit is not None:
        from rolloutctl.cli.going_back import Words, go_back  # noqa: PLC0415 - not for --help

        others = flag is not None or to is not None or steps != 1 or force or with_pending
        go_back(
            invocation,
            Words(environment, commit, code, database, push, others, reason, dry_run, yes, confirm, wait),
        )
    from rolloutctl.workflows.rollback import Request  # noqa: PLC0415 - not for --help
    from rolloutctl.workflows.tools import Options  # noqa: PLC0415

    if to is not None and steps != 1:
        raise UsageError("--to and --steps both say how far to go back: give one of them.")
    how = Options(dry_run=dry_run, with_pending=with_pending, wait=options.seconds(wait, "--wait"))
    answer = Answer(invocation, yes, confirm, dry_run)
    _undo(invocation, answer, Request(environment, flag, to, steps, force, reason), how)


def _undo(invocation: Invocation, answer: Answer, request: Request, how: Options) -> None:
    from rolloutctl.workflows import rollback as undoing  # noqa: PLC0415 - not for --help

    configuration = configuration_for(invocation)
    if request.environment is not None:
        configuration.environment(request.environment)
    answer.check(request.environment)
    wanted = configuration.environments.values()
    bound_for = [each for each in wanted if request.environment in {None, each.name}]
    tools = tools_for(configuration, bound_for=bound_for, content=False, departure=invocation.departure)
    found = undoing.find(request, tools)
    try:
        reason = _agreed(invocation, answer, request, found)
    except BaseException:
        found.fleet.close()
        raise
    if reason and not request.reason.strip():  # a person was asked
        found = found.afresh(tools)
    request = replace(request, reason=reason)
    change(invocation, answer, lambda desk: undoing.rollback(request, found, how, tools, desk))


def _agreed(invocation: Invocation, answer: Answer, request: Request, found: Found) -> str:
    """The reason that goes into the record, once what was found has been shown."""
    where, undone = found.environment, found.changes
    answer.check(where.name)
    if not invocation.json:
        _show(found)
    widens = not undone[-1].before.within(undone[0].after)
    return answer.reason(request.reason, needed=where.protected and widens)


def _show(found: Found) -> None:
    from rolloutctl.cli.render import answer_page, side_page  # noqa: PLC0415 - rich only where somebody reads
    from rolloutctl.cli.render_audit import show_undone  # noqa: PLC0415

    show_undone(found.environment, found.changes, answer_page())
    for host in found.unasked:
        side_page().line(("! ", "bold yellow"), f"{host} A newer change there would not be seen.", indent=2, hang=2)
