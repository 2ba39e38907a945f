"""run: a named command of environments.yaml, in an environment where that says it may run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rolloutctl.cli import options
from rolloutctl.cli.asking import Answer
from rolloutctl.cli.ending import Ending
from rolloutctl.cli.following_desk import FollowingDesk
from rolloutctl.cli.invocation import Invocation, invocation_of
from rolloutctl.cli.wiring import configuration_for, tools_for

if TYPE_CHECKING:
    from rolloutctl.rules.config import Configuration, Environment
    from rolloutctl.rules.tasks import Task

TaskName = Annotated[str | None, typer.Argument(metavar="[TASK]", help="A task; without it, those that may run there.")]


def run(  # noqa: PLR0913 - each is a word of the command line
    context: typer.Context,
    *,
    environment: options.Environment,
    task: TaskName = None,
    reason: options.Reason = "",
    yes: options.Yes = False,
    confirm: options.Confirm = "",
    wait: options.Wait = "0",
    json: options.Json = False,
) -> None:
    """Run a task of environments.yaml, where that says it may run.

    No option lets it run anywhere else. It is recorded before and behind, and what it says is shown without secrets.
    """
    from pathlib import Path  # noqa: PLC0415 - not for --help

    from rolloutctl.rules.tasks import asks_for_name, task_for  # noqa: PLC0415

    invocation = invocation_of(context)
    configuration = configuration_for(invocation)
    where = configuration.environment(environment)
    if task is None:
        _list(configuration, where, json=json)
        return
    wanted = task_for(configuration.tasks, task, where, configuration.path)
    from rolloutctl.outside.task_runner import TaskRunner  # noqa: PLC0415
    from rolloutctl.workflows.run_task import Request, run_task  # noqa: PLC0415

    answer = Answer(invocation, yes, confirm, looks="", needs=environment if asks_for_name(wanted, where) else "")
    answer.check(environment)
    seconds = options.seconds(wait, "--wait")
    said = answer.reason(reason, needed=where.protected)
    tools = tools_for(configuration)
    with TaskFrontDesk(invocation, answer, said) as desk:
        done = run_task(
            Request(environment, task, said, seconds), tools, desk, TaskRunner(Path(configuration.path).parent)
        )
    from rolloutctl.cli import documents_deploy, github_summaries_deploy, render_run  # noqa: PLC0415

    Ending(invocation, done.error).tell(
        lambda: documents_deploy.of_task(done),
        lambda page: render_run.show_ended(done, page),
        lambda: github_summaries_deploy.of_task(done),
    )


class TaskFrontDesk(FollowingDesk):
    """`workflows.run_task.TaskDesk` for the command line."""

    every_line = True

    def __init__(self, invocation: Invocation, answer: Answer, reason: str) -> None:
        super().__init__(invocation, answer)
        self._reason = reason
        self._where = ""

    def show(self, task: Task, environment: Environment, where: str) -> None:
        """Show what will be run, before anything is."""
        self._where = where
        page = self._page()
        if page is not None:
            from rolloutctl.cli.render_run import show_task  # noqa: PLC0415 - rich only where somebody looks

            show_task(task, environment, where, page)

    def agrees(self, task: Task, environment: Environment) -> bool:
        """Ask; for the environment's name where the task, or the environment, wants that."""
        from rolloutctl.rules.tasks import asks_for_name  # noqa: PLC0415 - not for --help

        reason = self._reason if environment.protected else None
        guarded = asks_for_name(task, environment)
        agreed = self._agrees(environment, guarded=guarded, reason=reason, what=f"run {task.name}")
        if agreed:
            self._begin([self._where], environment)
        return agreed


def _list(configuration: Configuration, environment: Environment, *, json: bool) -> None:
    from rolloutctl.rules.tasks import tasks_in  # noqa: PLC0415 - not for --help

    found = tasks_in(configuration.tasks, environment.name)
    if json:
        from rolloutctl.cli import documents, documents_deploy  # noqa: PLC0415

        documents.write(documents_deploy.of_tasks(found))
    else:
        from rolloutctl.cli.render import answer_page  # noqa: PLC0415 - rich only where somebody reads
        from rolloutctl.cli.render_run import show_tasks  # noqa: PLC0415

        show_tasks(found, environment, answer_page())
