"""rollout start, advance and abort: from one phase to another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rolloutctl.cli import options
from rolloutctl.cli.asking import Answer
from rolloutctl.cli.changing import change
from rolloutctl.cli.invocation import Invocation, invocation_of
from rolloutctl.cli.wiring import configuration_for, tools_for

if TYPE_CHECKING:
    from rolloutctl.workflows.rollout_moving import Move, Step

To = Annotated[str | None, typer.Option("--to", metavar="PHASE", help="Another phase than the next; needs a reason.")]
Override = Annotated[
    list[str] | None,
    typer.Option("--override", metavar="GATE", help="Pass a gate by; may be repeated, needs a reason, is recorded."),
]


def start(  # noqa: PLR0913 - each is a word of the command line
    context: typer.Context,
    *,
    flag: options.Flag,
    to: To = None,
    override: Override = None,
    reason: options.Reason = "",
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
    confirm: options.Confirm = "",
    with_pending: options.WithPending = False,
    wait: options.Wait = "0",
    json: options.Json = False,
) -> None:
    """Begin a rollout with its first phase.

    That takes a complete validation. After an abort it goes on from the last good phase, with the same companies.
    """
    from rolloutctl.workflows.rollout_moving import Step  # noqa: PLC0415 - not for --help

    step = Step(flag, begin=True, to=to, overrides=tuple(override or ()), reason=reason)
    _move(invocation_of(context), step, Answer(invocation_of(context), yes, confirm, dry_run), with_pending, wait)


def advance(  # noqa: PLR0913 - each is a word of the command line
    context: typer.Context,
    *,
    flag: options.Flag,
    to: To = None,
    override: Override = None,
    reason: options.Reason = "",
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
    confirm: options.Confirm = "",
    with_pending: options.WithPending = False,
    wait: options.Wait = "0",
    json: options.Json = False,
) -> None:
    """Go on to the next phase, if every gate lets it through.

    Shows the gates and the plan, asks, and changes every host or none. `--to` an earlier phase meets no gate.
    """
    from rolloutctl.workflows.rollout_moving import Step  # noqa: PLC0415 - not for --help

    step = Step(flag, to=to, overrides=tuple(override or ()), reason=reason)
    _move(invocation_of(context), step, Answer(invocation_of(context), yes, confirm, dry_run), with_pending, wait)


def abort(  # noqa: PLR0913 - each is a word of the command line
    context: typer.Context,
    *,
    flag: options.Flag,
    reason: options.Reason = "",
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
    confirm: options.Confirm = "",
    wait: options.Wait = "0",
    json: options.Json = False,
) -> None:
    """Switch the feature off, and end the rollout.

    On every host that can be reached. Meets no gate. A later `rollout start` goes on from the last good phase.
    """
    from rolloutctl.workflows.rollout_moving import abort as end  # noqa: PLC0415 - not for --help
    from rolloutctl.workflows.tools import Options  # noqa: PLC0415

    invocation = invocation_of(context)
    invocation.changing = True
    how = Options(dry_run=dry_run, wait=options.seconds(wait, "--wait"))
    configuration = configuration_for(invocation)
    where = configuration.rollout(flag).environment
    answer = Answer(invocation, yes, confirm, dry_run)
    answer.check(where)
    told = answer.reason(reason, needed=False, hurry=True)
    tools = tools_for(configuration)
    change(invocation, answer, lambda desk: end(flag, told, how, tools, desk))


def _move(invocation: Invocation, step: Step, answer: Answer, with_pending: bool, wait: str) -> None:
    from msgspec.structs import replace  # noqa: PLC0415 - not for --help

    from rolloutctl.workflows.rollout_moving import find_move, make_move  # noqa: PLC0415
    from rolloutctl.workflows.tools import Options  # noqa: PLC0415

    invocation.changing = True
    how = Options(dry_run=answer.dry_run, with_pending=with_pending, wait=options.seconds(wait, "--wait"))
    configuration = configuration_for(invocation)
    where = configuration.rollout(step.flag).environment
    answer.check_name(where)
    step = replace(step, reason=answer.reason(step.reason, needed=False))
    tools = tools_for(configuration)
    move = find_move(step, tools)
    if not move.audience.nobody:  # else nothing may have to be written, and nobody is asked
        answer.check(where)
    if not invocation.json:
        _show(move)
    change(invocation, answer, lambda desk: make_move(move, step, how, tools, desk))


def _show(move: Move) -> None:
    from rolloutctl.cli.render import answer_page  # noqa: PLC0415 - rich only where somebody reads
    from rolloutctl.cli.render_rollout import show_move  # noqa: PLC0415

    show_move(move, answer_page())
