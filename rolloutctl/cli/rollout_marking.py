"""rollout signoff, hold and resume: what somebody says of a rollout."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from rolloutctl.cli import options
from rolloutctl.cli.invocation import Invocation, invocation_of
from rolloutctl.cli.wiring import configuration_for, tools_for

if TYPE_CHECKING:
    from rolloutctl.workflows.rollout_marking import Said
    from rolloutctl.workflows.tools import Tools

Role = Annotated[str, typer.Argument(metavar="ROLE", help="A role that the plan asks for, such as qa or product.")]
As = Annotated[str, typer.Option("--as", metavar="NAME", help="Who signs, where it is not you; both are recorded.")]
Withdraw = Annotated[bool, typer.Option("--withdraw", help="Take the sign-off back.")]


def signoff(  # noqa: PLR0913 - each is a word of the command line
    context: typer.Context,
    *,
    flag: options.Flag,
    role: Role,
    signer: As = "",
    note: options.Note = "",
    withdraw: Withdraw = False,
    json: options.Json = False,
) -> None:
    """Sign off the current phase; before the start, the validation.

    It counts for that phase alone, and one person does not sign for two roles unless the plan allows it.
    """
    from rolloutctl.workflows.rollout_marking import Signature, sign  # noqa: PLC0415

    signature = Signature(flag, role, options.said(signer, "--as"), options.said(note, "--note"), withdraw)
    _record(invocation_of(context), flag, lambda tools: sign(signature, tools))


def hold(
    context: typer.Context, *, flag: options.Flag, reason: options.Reason = "", json: options.Json = False
) -> None:
    """Stop a rollout where it is, until somebody resumes it.

    The clock of the soak stands, and no phase begins. Who sees the feature stays.
    """
    from rolloutctl.workflows.rollout_marking import hold as stop  # noqa: PLC0415 - not for --help

    told = options.said(reason, "--reason")
    _record(invocation_of(context), flag, lambda tools: stop(flag, told, tools))


def resume(
    context: typer.Context, *, flag: options.Flag, reason: options.Reason = "", json: options.Json = False
) -> None:
    """Let a rollout that is held go on, and the clock of its soak."""
    from rolloutctl.workflows.rollout_marking import resume as go_on  # noqa: PLC0415 - not for --help

    told = options.said(reason, "--reason")
    _record(invocation_of(context), flag, lambda tools: go_on(flag, told, tools))


def _record(invocation: Invocation, flag: str, say: Callable[[Tools], Said]) -> None:
    configuration = configuration_for(invocation)
    configuration.rollout(flag)
    said = say(tools_for(configuration))
    if invocation.json:
        from rolloutctl.cli import documents, documents_rollout  # noqa: PLC0415 - not for --help

        documents.write(documents_rollout.of_said(said))
        return
    from rolloutctl.cli.render import answer_page  # noqa: PLC0415 - rich only where somebody reads
    from rolloutctl.cli.render_rollout import show_said  # noqa: PLC0415

    show_said(said, flag, answer_page())
