"""deploy: code comes to every host of an environment, or is verified there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from rolloutctl.cli import options
from rolloutctl.cli.asking import Answer
from rolloutctl.cli.ending import Ending
from rolloutctl.cli.invocation import Invocation, invocation_of
from rolloutctl.cli.wiring import configuration_for, tools_for

if TYPE_CHECKING:
    from rolloutctl.workflows.deploy import Request
    from rolloutctl.workflows.deploy_verifying import Request as ToVerify
    from rolloutctl.workflows.tools import Tools

Ref = Annotated[str | None, typer.Argument(metavar="[REF]", help="A branch, a tag or a commit; else deploy.ref.")]
PlanOnly = Annotated[bool, typer.Option("--plan", help="Show every step, and do none of them.")]
KeepOn = Annotated[
    list[str] | None,
    typer.Option("--keep-on", metavar="FLAG", help="It may be on, though no record says who opened it."),
]


def deploy(  # noqa: PLR0913 - each is a word of the command line
    context: typer.Context,
    *,
    environment: options.Environment,
    ref: Ref = None,
    plan: PlanOnly = False,
    keep_on: KeepOn = None,
    reason: options.Reason = "",
    yes: options.Yes = False,
    confirm: options.Confirm = "",
    wait: options.Wait = "0",
    json: options.Json = False,
) -> None:
    """Deploy by the environment's own steps, or look what a pipeline deployed.

    The first host goes through every step, then the others. A flag that .env does not have yet is added as false, and
    none is on unasked. Where environments.yaml says verify_only: which commit is live, and is all as it should be.
    """
    invocation = invocation_of(context)
    configuration = configuration_for(invocation)
    where = configuration.environment(environment)
    tools = tools_for(configuration)
    kept = tuple(keep_on or ())
    if where.deploy is not None and where.deploy.verify_only:
        from rolloutctl.workflows.deploy_verifying import Request as ToVerify  # noqa: PLC0415 - not for --help

        _verify(invocation, ToVerify(environment, ref, kept, look_only=plan), tools)
    from rolloutctl.rules.deploys import check_ref  # noqa: PLC0415 - not for --help
    from rolloutctl.workflows.deploy import Request  # noqa: PLC0415

    if ref is not None:
        check_ref(ref)
    answer = Answer(invocation, yes, confirm, plan, looks="--plan")
    answer.check(environment)
    seconds = options.seconds(wait, "--wait")
    reason = answer.reason(reason, needed=where.protected and not plan)
    _deploy(invocation, answer, Request(environment, ref, kept, reason, plan_only=plan, wait=seconds), tools)


def _deploy(invocation: Invocation, answer: Answer, request: Request, tools: Tools) -> NoReturn:
    from rolloutctl.cli.deploy_desk import DeployFrontDesk  # noqa: PLC0415 - not for --help
    from rolloutctl.workflows.deploy import deploy as carry_out  # noqa: PLC0415

    with DeployFrontDesk(invocation, answer) as desk:
        done = carry_out(request, tools, desk)
    from rolloutctl.cli import documents_deploy, github_summaries_deploy, render_deploy  # noqa: PLC0415

    Ending(invocation, done.error).tell(
        lambda: documents_deploy.of_deployment(done),
        lambda page: render_deploy.show_deployed(done, desk.shown, invocation.argv, page),
        lambda: github_summaries_deploy.of_deployment(done),
    )


def _verify(invocation: Invocation, request: ToVerify, tools: Tools) -> NoReturn:
    from pathlib import Path  # noqa: PLC0415 - not for --help

    from rolloutctl.cli import documents_deploy, github_summaries_deploy, render_deploy  # noqa: PLC0415
    from rolloutctl.cli.render_progress import looking  # noqa: PLC0415
    from rolloutctl.outside.git import Clone  # noqa: PLC0415
    from rolloutctl.workflows.deploy_verifying import verify  # noqa: PLC0415

    with looking():
        found = verify(request, tools, Clone(Path(tools.configuration.path).parent))
    Ending(invocation, found.error, known=request.environment).tell(
        lambda: documents_deploy.of_verified(found),
        lambda page: render_deploy.show_verified(found, page),
        lambda: github_summaries_deploy.of_verified(found),
    )
