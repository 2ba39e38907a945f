"""run: a named command of environments.yaml, where that says it may run, recorded before and behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

from rolloutctl.errors import PersonNeeded, Refused, RolloutctlError
from rolloutctl.fleet import Fleet
from rolloutctl.rules.config import Environment
from rolloutctl.rules.env_lines import EnvText
from rolloutctl.rules.host import Event, HostState
from rolloutctl.rules.outcomes import steps_in
from rolloutctl.rules.redact import Redactor
from rolloutctl.rules.rollout_standing import TASK
from rolloutctl.rules.tasks import Task, task_for
from rolloutctl.rules.work import StepRun
from rolloutctl.workflows.at_work import enter, leave, marks_for, record, record_or_owe
from rolloutctl.workflows.deploy_endings import step_in_words
from rolloutctl.workflows.deploy_looking import lost
from rolloutctl.workflows.looking import look_at
from rolloutctl.workflows.tools import Tools

HERE = "here"
_NOT_RUN = "Nothing was run."
_LINES = 12  # of what it said


class Here(Protocol):
    """Runs a task on the operator's machine."""

    @property
    def env(self) -> EnvText:
        """The `.env` beside environments.yaml."""

    def __call__(self, task: Task, variables: Mapping[str, str], told: Callable[[str], None], of: Redactor) -> StepRun:
        """Run to the end, or until its time is over; `told` gets what it says, `of` knows the secrets."""


class TaskDesk(Protocol):
    """The person in front of a task."""

    def show(self, task: Task, environment: Environment, where: str) -> None:
        """Show what will be run, before anything is."""

    def agrees(self, task: Task, environment: Environment) -> bool:
        """Whether to go on."""

    def notice(self, host: str, event: Event) -> None:
        """Where it runs, something was said."""


class Request(Struct, frozen=True):
    """What somebody asked for; `wait` in seconds, for somebody who is at work there."""

    environment: str
    task: str
    reason: str = ""
    wait: float = 0.0


class TaskRun(Struct, frozen=True):
    """How a task ended; `error` tells the exit status."""

    task: Task
    environment: Environment
    where: str  # the host, or here
    step: StepRun
    notes: tuple[str, ...] = ()
    error: RolloutctlError | None = None


def run_task(request: Request, tools: Tools, desk: TaskDesk, here: Here) -> TaskRun:
    """Run a task once, on the first host or here.

    Raises:
        UsageError: there is no such task.
        Refused: it may not run there, somebody is at work, or the person said no; nothing was run.
    """
    configuration = tools.configuration
    written = configuration.environment(request.environment)
    task = task_for(configuration.tasks, request.task, written, configuration.path)  # before anybody is asked for hosts
    environment = tools.environment(request.environment)
    first = environment.hosts[0].name
    where = HERE if task.on == HERE else first
    with Fleet(environment, tools.sessions, tools.clock, desk.notice) as fleet:
        states = _looked(fleet, first, tools)
        desk.show(task, environment, where)
        if not desk.agrees(task, environment):
            raise Refused("You did not agree.", subject=environment.name, state=_NOT_RUN)
        story = _Story(fleet, task, request, states, tools)
        return story.on_host(first) if task.on == "host" else story.here(here, desk)


def _looked(fleet: Fleet, first: str, tools: Tools) -> Mapping[str, HostState]:
    """The hosts' states; only the first host has to be there."""
    away = fleet.open(tools.configuration.flags.values())
    states = look_at(fleet, None, away, tools)
    if first in away:
        raise lost(first, away[first], fleet.environment.name)
    return states


class _Story:
    def __init__(
        self, fleet: Fleet, task: Task, request: Request, states: Mapping[str, HostState], tools: Tools
    ) -> None:
        self.fleet, self.task, self.request, self.states, self.tools = fleet, task, request, states, tools
        self.environment = fleet.environment
        self.id = tools.new_id()

    def on_host(self, name: str) -> TaskRun:
        """With the sign that somebody is at work there, so that nobody deploys or widens meanwhile."""
        origin, task, tools = self.tools.origin_now(), self.task, self.tools
        who = {
            "actor": origin.actor,
            "what": f"task {task.name}",
            "environment": self.environment.name,
            "since": origin.since,
            "task": self.id,
        }
        enter(self.fleet, [name], who, tools, wait=self.request.wait)
        try:
            self._begin(name)
            self.fleet.transacting = self.fleet.long_work = True
            answer = self.fleet.each(lambda session: session.long_work.step(task.name, task.run, task.timeout), [name])
        finally:
            leave(self.fleet, [name])
        said = answer[name]
        if isinstance(said, Exception):
            cut = "was left to itself by you" if self.fleet.interrupted else f"was cut off ({said})"
            return self._ended(name, StepRun(task.name, -1, 0), cut)
        ran = steps_in(said)
        return self._ended(name, ran[-1] if ran else StepRun(task.name, 1, 0, "the host does not say how it ended"))

    def here(self, runner: Here, desk: TaskDesk) -> TaskRun:
        """On the operator's machine; the hosts have the record."""
        self._begin(HERE)
        texts = [state.content for state in self.states.values() if state.content is not None]
        keys = [key for flag in self.tools.configuration.flags.values() for key in flag.keys]
        secrets = Redactor.of(runner.env, *texts, except_keys=keys)
        variables = {"ROLLOUTCTL_ENVIRONMENT": self.environment.name, "ROLLOUTCTL_TASK": self.task.name}

        def told(lines: str) -> None:
            desk.notice(HERE, Event("said", (lines,)))

        return self._ended(HERE, runner(self.task, variables, told, secrets))

    def _begin(self, where: str) -> None:
        """Without a record nothing is run."""
        problems = record(self.fleet, self._marks("started", where), self.tools)
        first = self.environment.hosts[0].name
        if first in problems:
            raise Refused(
                f"{first} can't record the task: {problems[first]}.",
                subject=f"{self.environment.name} · {first}",
                state="Nothing was run: without a record nothing is.",
                hint=f"rolloutctl doctor {self.environment.name}",
            )

    def _ended(self, where: str, step: StepRun, cut: str = "") -> TaskRun:
        task, name = self.task, self.environment.name
        failed = bool(cut) or not step.ok
        cause = cut or step_in_words(str(step.status))
        said = {"ms": step.ms, **({"cause": cause[:200]} if failed else {})}
        notes = record_or_owe(self.fleet, self._marks("failed" if failed else "finished", where, **said), self.tools)
        error = None
        if failed:
            goes_on = "It goes on there, to its end or its time limit." if cut else "What it did until then stands."
            error = PersonNeeded(
                f"The task {task.name} failed{'' if where == HERE else f' on {where}'}: it {cause}.",
                subject=f"{name} · {where}",
                state=goes_on,
                hint=f"Mend it, then the same again: rolloutctl run {name} {task.name}",
                details=_last(step.output.splitlines()),
            )
        return TaskRun(task, self.environment, where, step, notes, error)

    def _marks(self, action: str, where: str, **said: object) -> dict[str, dict[str, Any]]:
        fields = {
            "event": TASK,
            "action": action,
            "run": self.id,
            "task": self.task.name,
            "on": where,
            "reason": self.request.reason,
            **said,
        }
        return marks_for(self.environment, self.states, lambda _name: fields, self.tools)


def _last(lines: Sequence[str]) -> tuple[str, ...]:
    return tuple(line for line in lines[-_LINES:] if line.strip())
