"""run: a named command of environments.yaml, in an environment where that says it may run."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Self

import typer

from rolloutctl.cli import options
from rolloutctl.cli.asking import Answer
from rolloutctl.cli.invocation import Invocation, invocation_of
from rolloutctl.cli.wiring import configuration_for, tools_for

if TYPE_CHECKING:
    from rolloutctl.cli.render_following import Following
    from rolloutctl.rules.config import Configuration, Environment
    from rolloutctl.rules.host import Event
    from rolloutctl.rules.tasks import Task
    from rolloutctl.workflows.run_task import TaskRun

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

    from rolloutctl.rules.tasks import task_for  # noqa: PLC0415

    invocation = invocation_of(context)
    configuration = configuration_for(invocation)
    where = configuration.environment(environment)
    if task is None:
        _list(configuration, where, json=json)
        return
    task_for(configuration.tasks, task, where, configuration.path)
    from rolloutctl.outside.task_runner import TaskRunner  # noqa: PLC0415
    from rolloutctl.workflows.run_task import Request, run_task  # noqa: PLC0415

    answer = Answer(invocation, yes, confirm, looks="")
    answer.check(environment)
    seconds = options.seconds(wait, "--wait")
    said = answer.reason(reason, needed=where.protected)
    tools = tools_for(configuration)
    with TaskFrontDesk(invocation, answer, said) as desk:
        done = run_task(
            Request(environment, task, said, seconds), tools, desk, TaskRunner(Path(configuration.path).parent)
        )
    _tell(done, invocation)
    raise typer.Exit(done.error.exit_status if done.error else 0)


class TaskFrontDesk:
    """`workflows.run_task.TaskDesk` for the command line; a context manager, which ends the live lines."""

    def __init__(self, invocation: Invocation, answer: Answer, reason: str) -> None:
        self._invocation = invocation
        self._answer = answer
        self._reason = reason
        self._following: Following | None = None

    def __enter__(self) -> Self:
        if not self._invocation.json or sys.stderr.isatty():
            from rolloutctl.cli.render_following import Following  # noqa: PLC0415 - rich only where somebody looks

            self._following = Following(every_line=True)
            self._following.look()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._following is not None:
            self._following.end()

    def show(self, task: Task, environment: Environment, where: str) -> None:
        """Show what will be run, before anything is."""
        if self._following is not None:
            self._following.end()
        if self._invocation.json and self._answer.given:
            return
        from rolloutctl.cli.render import answer_page, side_page  # noqa: PLC0415 - rich only where somebody looks
        from rolloutctl.cli.render_run import show_task  # noqa: PLC0415

        show_task(task, environment, where, side_page() if self._invocation.json else answer_page())

    def agrees(self, task: Task, environment: Environment) -> bool:
        """Ask; for the environment's name where the task, or the environment, wants that."""
        from rolloutctl.cli.deploy_desk import agrees_to_work  # noqa: PLC0415 - not for --help
        from rolloutctl.rules.tasks import asks_for_name  # noqa: PLC0415

        reason = self._reason if environment.protected else None
        guarded = asks_for_name(task, environment)
        agreed = agrees_to_work(self._answer, environment, guarded=guarded, reason=reason, what=f"run {task.name}")
        if agreed and self._following is not None:
            self._following.begin([*(host.name for host in environment.hosts), "here"], environment)
        return agreed

    def notice(self, host: str, event: Event) -> None:
        """What it says; called from the thread that talks with the host."""
        if self._following is not None:
            self._following.notice(host, event)


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


def _tell(done: TaskRun, invocation: Invocation) -> None:
    if invocation.json:
        from rolloutctl.cli import documents, documents_deploy  # noqa: PLC0415 - not for --help

        documents.write(documents_deploy.of_task(done))
        return
    from rolloutctl.cli.render import answer_page, side_page  # noqa: PLC0415 - rich only where somebody reads
    from rolloutctl.cli.render_error import show_error  # noqa: PLC0415
    from rolloutctl.cli.render_run import show_ended  # noqa: PLC0415

    show_ended(done, answer_page())
    if done.error is not None:
        show_error(done.error, side_page())
