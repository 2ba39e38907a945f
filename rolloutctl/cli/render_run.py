"""How a task looks: what will be run and where, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence

from rolloutctl.cli.render import Cell, Page, text
from rolloutctl.rules.config import Environment
from rolloutctl.rules.durations import in_words
from rolloutctl.rules.tasks import Task
from rolloutctl.workflows.run_task import HERE, TaskRun


def show_tasks(tasks: Sequence[Task], environment: Environment, page: Page) -> None:
    """What may run in an environment."""
    if not tasks:
        page.line(f"No task may run in {environment.name}. They stand below tasks: in environments.yaml.")
        return
    rows: list[list[Cell]] = [
        [text((task.name, "bold")), f"on {task.on}" if task.on != HERE else "here", task.description] for task in tasks
    ]
    page.columns(rows)


def show_task(task: Task, environment: Environment, where: str, page: Page) -> None:
    """What will be run, before it is."""
    page.gap()
    page.line(
        (f"{environment.name} · {task.name}", "bold"), f"   {task.description}" if task.description else "", hang=2
    )
    page.gap()
    page.line(("on    ", "dim"), "this machine" if where == HERE else where, indent=2)
    page.line(("run   ", "dim"), task.run, indent=2, hang=6)
    page.line(("for   ", "dim"), f"{in_words(round(task.timeout))} at most", indent=2)
    page.gap()


def show_ended(done: TaskRun, page: Page) -> None:
    """How it ended, where it ended well."""
    for note in done.notes:
        page.line(("! ", "bold yellow"), note, indent=2, hang=2)
    if done.error is None:
        where = "here" if done.where == HERE else f"on {done.where}"
        took = done.step.ms / 1000
        page.line(("✓ ", "bold green"), (f"{done.task.name} ran {where}", "bold"), f", in {took:.1f} s", hang=2)
