"""Named commands, as the configuration has them, and where each may run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from rolloutctl.errors import Refused, UsageError
from rolloutctl.rules.config import Environment, closest


class Task(Struct, frozen=True, kw_only=True):
    """A named command. `environments` are all that it may run in; `timeout` is in seconds."""

    name: str
    run: str
    environments: tuple[str, ...]
    on: Literal["host", "here"] = "host"
    confirm: bool = False
    timeout: float = 600.0
    description: str = ""


def task_for(tasks: Mapping[str, Task], name: str, environment: Environment, path: str) -> Task:
    """The task of that name, which may run in the environment.

    Raises:
        UsageError: there is no such task.
        Refused: it may not run there. Only environments.yaml changes that: no option does.
    """
    task = tasks.get(name)
    if task is None:
        meant = closest(name, tasks)
        raise UsageError(
            f"There is no task '{name}'." + (f" Did you mean '{meant}'?" if meant else ""),
            subject=path,
            hint=f"Known: {', '.join(tasks)}." if tasks else f"{path} declares none; add it there below tasks:.",
        )
    if environment.name not in task.environments:
        raise Refused(
            f"The task {name} may not run in {environment.name}.",
            subject=environment.name,
            state="Nothing was run.",
            hint=f"It runs where tasks.{name}.environments of environments.yaml says: {', '.join(task.environments)}.",
        )
    return task


def tasks_in(tasks: Mapping[str, Task], environment: str) -> tuple[Task, ...]:
    """The tasks that may run in an environment."""
    return tuple(task for task in tasks.values() if environment in task.environments)


def asks_for_name(task: Task, environment: Environment) -> bool:
    """Whether the environment's name has to be typed before it runs."""
    return task.confirm or environment.protected
