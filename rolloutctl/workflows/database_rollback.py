"""rollback --database: the last batch of migrations goes back, once, on the first host, where each of them can."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from shlex import quote
from typing import Any, Protocol

from msgspec import Struct, field
from msgspec.structs import replace

from rolloutctl.contracts import Session
from rolloutctl.errors import PersonNeeded, Refused, RolloutctlError, Unreachable
from rolloutctl.fleet import Fleet
from rolloutctl.rules.config import Environment
from rolloutctl.rules.deploy_plans import audiences_of
from rolloutctl.rules.host import Event, HostState
from rolloutctl.rules.migrations import Down, Migrated, batches_in, down_of, last_batch, migrated_in
from rolloutctl.rules.outcomes import asked_in, steps_in
from rolloutctl.rules.requests import describe, requests_for
from rolloutctl.rules.rollout_standing import DEPLOY
from rolloutctl.rules.work import StepRun, failures
from rolloutctl.workflows.at_work import enter, leave, marks_for, record, record_or_owe
from rolloutctl.workflows.closing import names_of
from rolloutctl.workflows.deploy_endings import step_in_words
from rolloutctl.workflows.deploy_looking import lost
from rolloutctl.workflows.looking import look_at
from rolloutctl.workflows.safer_step import SaferStep, naming, safer_step
from rolloutctl.workflows.tools import Tools

_STATUS = 60.0  # seconds for migrate:status
_LIMIT = 600.0  # seconds for the way back
_STEP = "migrate:rollback"
_UNTOUCHED = "Nothing was changed on any host, nor in the database."
_LINES = 12  # of what artisan said


class Request(Struct, frozen=True):
    """What somebody asked for; `wait` in seconds, for somebody who is at work there."""

    environment: str
    reason: str = ""
    dry_run: bool = False
    wait: float = 0.0


class DatabasePlan(Struct, frozen=True):
    """What goes back, in the order in which it does: each migration of the last batch, and what its `down` does."""

    environment: Environment
    host: str
    batch: int
    migrations: tuple[tuple[str, Down], ...]
    safer: SaferStep
    notes: tuple[str, ...] = ()
    reason: str = ""

    @property
    def stuck(self) -> tuple[tuple[str, Down], ...]:
        """The migrations that can't go back."""
        return tuple((name, down) for name, down in self.migrations if down.way != "yes")


class DatabaseRolledBack(Struct, frozen=True):
    """How it ended; `error` tells the exit status."""

    plan: DatabasePlan
    step: StepRun | None = None  # None: a dry run
    migrated: Migrated = field(default_factory=Migrated)
    notes: tuple[str, ...] = ()
    error: RolloutctlError | None = None


class DatabaseDesk(Protocol):
    """The person in front of it."""

    def show(self, plan: DatabasePlan) -> None:
        """Show what goes back, and what is lost."""

    def agrees(self, plan: DatabasePlan) -> bool:
        """Whether to go on: the environment's name, typed."""

    def notice(self, host: str, event: Event) -> None:
        """A host said something."""


def roll_back_database(request: Request, tools: Tools, desk: DatabaseDesk) -> DatabaseRolledBack:
    """Take the last batch back, all of it, and see whether the application is well.

    Raises:
        Refused: a migration can't go back, there is none, somebody is at work, or the person said no.
    """
    environment = tools.environment(request.environment)
    first = environment.hosts[0].name
    with Fleet(environment, tools.sessions, tools.clock, desk.notice) as fleet:
        away = fleet.open(tools.configuration.flags.values())
        states = look_at(fleet, None, away, tools)
        safer = safer_step(environment.name, tools.configuration.flags.values(), states)
        with naming(safer):
            if first in away:
                raise lost(first, away[first], environment.name)
            plan = replace(_planned(fleet, safer), reason=request.reason)
        notes = tuple(f"{name} cannot be reached: {error.message}" for name, error in away.items())
        plan = replace(plan, notes=notes)
        desk.show(plan)
        if plan.stuck:
            with naming(safer):
                raise _stuck(plan)
        if request.dry_run:
            return DatabaseRolledBack(plan)
        if not desk.agrees(plan):
            raise Refused("You did not agree.", subject=environment.name, state=_UNTOUCHED)
        return _Story(fleet, plan, states, tools).carried_out(request.wait)


class _Story:
    def __init__(self, fleet: Fleet, plan: DatabasePlan, states: Mapping[str, HostState], tools: Tools) -> None:
        self.fleet, self.plan, self.states, self.tools = fleet, plan, states, tools
        self.id = tools.new_id()

    def carried_out(self, wait: float) -> DatabaseRolledBack:
        plan, tools, origin = self.plan, self.tools, self.tools.origin_now()
        who = {
            "actor": origin.actor,
            "what": "migrations going back",
            "environment": plan.environment.name,
            "since": origin.since,
        }
        enter(self.fleet, [plan.host], who, tools, wait=wait)
        try:
            self._begin()
            self.fleet.transacting = self.fleet.long_work = True
            line = f"{_artisan(plan.environment)} migrate:rollback --force --no-interaction --no-ansi"
            answer = self.fleet.each(lambda session: session.long_work.step(_STEP, line, _LIMIT), [plan.host])
        finally:
            leave(self.fleet, [plan.host])
        said = answer[plan.host]
        if isinstance(said, Unreachable):
            step = StepRun(_STEP, -1, 0)
        else:
            ran = steps_in(said)
            step = ran[-1] if ran else StepRun(_STEP, 1, 0, "the host does not say how it ended")
        migrated = migrated_in(step.output)
        ill = self._ill() if step.ok else {}
        error = _error(plan, step, migrated, ill, cut=self._cut(said))
        fields = {"ms": step.ms, "rolled_back": list(migrated.done), "unfinished": list(migrated.unfinished)}
        notes = record_or_owe(self.fleet, self._marks("failed" if error else "finished", **fields), tools)
        return DatabaseRolledBack(plan, step, migrated, notes, error)

    def _cut(self, said: tuple[Event, ...] | Unreachable) -> str:
        if not isinstance(said, Unreachable):
            return ""
        return (
            f"You left while migrations went back on {self.plan.host}."
            if self.fleet.interrupted
            else (f"{self.plan.host} was lost while migrations went back: {said}.")
        )

    def _begin(self) -> None:
        problems = record(
            self.fleet, self._marks("started", meant=[name for name, _ in self.plan.migrations]), self.tools
        )
        if self.plan.host in problems:
            raise Refused(
                f"{self.plan.host} can't record it: {problems[self.plan.host]}.",
                subject=self.plan.environment.name,
                state=_UNTOUCHED,
                hint=f"rolloutctl doctor {self.plan.environment.name}",
            )

    def _ill(self) -> dict[str, str]:
        """What hosts answer otherwise than they should behind it."""
        environment, flags = self.plan.environment, tuple(self.tools.configuration.flags.values())
        names = {flag.name: flag for flag in flags}

        def ask(session: Session) -> str:
            seen = audiences_of(self.states[session.host.name], flags)
            wanted = requests_for(environment, session.host, [(f, seen.get(f.name)) for f in flags], session.server)
            answers = asked_in(session.ask(wanted)) if wanted else ()
            if wanted and not answers:
                return "the application's php does not answer"
            told = [f"{describe(asked.id, names, environment)} answers {asked}" for asked in failures(answers)]
            return "; ".join(told)

        answers = self.fleet.each(ask, self.states)
        told = {
            name: f"it can't be asked: {answer.message}" if isinstance(answer, Unreachable) else answer
            for name, answer in answers.items()
        }
        return {name: wrong for name, wrong in told.items() if wrong}

    def _marks(self, action: str, **said: object) -> dict[str, dict[str, Any]]:
        fields = {
            "event": DEPLOY,
            "of": "database",
            "action": action,
            "deployment": self.id,
            "reason": self.plan.reason,
            **said,
        }
        return marks_for(self.plan.environment, self.states, lambda _name: fields, self.tools)


def _planned(fleet: Fleet, safer: SaferStep) -> DatabasePlan:
    environment = fleet.environment
    first = environment.hosts[0].name
    line = f"{_artisan(environment)} migrate:status --no-interaction --no-ansi"
    told = fleet.each(lambda session: session.run(line, _STATUS), [first])[first]
    if isinstance(told, Unreachable):
        raise lost(first, told, environment.name)
    batches = batches_in(told.output) if told.ok else None
    if batches is None:
        raise Refused(
            f"{first} does not tell which migrations ran: `migrate:status` {told.problem or 'says other things'}.",
            subject=f"{environment.name} · {first}",
            state=_UNTOUCHED,
            hint=f"Look there: {line}",
            details=tuple((told.trouble or told.shown).splitlines()[-_LINES:]),
        )
    names = last_batch(batches)
    if not names:
        raise Refused(
            f"No migration has run in {environment.name}: there is nothing to go back.",
            subject=environment.name,
            state=_UNTOUCHED,
            hint=f"rolloutctl status {environment.name}",
        )
    sources = fleet.each(lambda session: _sources(session, names), [first])[first]
    if isinstance(sources, Unreachable):
        raise lost(first, sources, environment.name)
    migrations = tuple((name, down_of(sources.get(name))) for name in names)
    return DatabasePlan(environment, first, max(batches.values()), migrations, safer)


def _sources(session: Session, names: Sequence[str]) -> dict[str, str]:
    """The text of each migration, where its file is; read, and never shown."""
    one = (
        'f=database/migrations/$n.php; [ -f "$f" ] || f=$(find . -path "*/migrations/$n.php" 2>/dev/null | head -n 1); '
        'if [ -f "$f" ]; then printf "%s " "$n"; base64 <"$f" | tr -d "\\n"; echo; fi'
    )
    ran = session.run(f"for n in {' '.join(map(quote, names))}; do {one}; done", _STATUS)
    found = {}
    for line in ran.output.splitlines():
        name, _, encoded = line.partition(" ")
        try:
            found[name] = base64.b64decode(encoded, validate=True).decode(errors="replace")
        except (ValueError, binascii.Error):
            continue
    return found


def _artisan(environment: Environment) -> str:
    return f"{quote(environment.hosts[0].php)} artisan"


def _stuck(plan: DatabasePlan) -> Refused:
    name = plan.environment.name
    return Refused(
        f"{names_of([each for each, _ in plan.stuck])} can't go back, and a batch goes back as a whole.",
        subject=f"{name} · {plan.host}",
        state=f"{_UNTOUCHED} Every migration of the batch {plan.batch} still stands.",
        hint="The way on is forward: a new migration that mends it, by the next deployment."
        + ("\nA missing file: deploy the commit that has it first." if _missing(plan) else ""),
        details=tuple(f"{each}: {down.why}" for each, down in plan.stuck),
    )


def _missing(plan: DatabasePlan) -> bool:
    return any(down.way == "unknown" for _, down in plan.stuck)


def _error(
    plan: DatabasePlan, step: StepRun, migrated: Migrated, ill: Mapping[str, str], *, cut: str
) -> RolloutctlError | None:
    name = plan.environment.name
    meant = [each for each, _ in plan.migrations]
    left = [each for each in meant if each not in migrated.done]
    went = f"Went back: {names_of(migrated.done)}. " if migrated.done else "None is known to have gone back. "
    status = f"rolloutctl rollback {name} --database --dry-run"
    if cut:
        return PersonNeeded(
            cut,
            subject=f"{name} · {plan.host}",
            state="It goes on there, to its end.",
            hint=f"See what still stands: {status}",
        )
    if not step.ok:
        return PersonNeeded(
            f"Going back failed on {plan.host}: `migrate:rollback` {step_in_words(str(step.status))}.",
            subject=f"{name} · {plan.host}",
            state=f"{went}Still there, or half done: {names_of(left)}.",
            hint=f"Mend what artisan says, then see what still stands: {status}",
            details=tuple(line for line in step.output.splitlines()[-_LINES:] if line.strip()),
        )
    if ill:
        where = next(iter(ill))
        return PersonNeeded(
            f"The migrations went back, and the application is not well on {where}: {ill[where]}.",
            subject=f"{name} · {where}",
            state=f"{went}The code that is live expects the newer database.",
            hint=f"Bring the older code back: rolloutctl rollback {name} --code\n"
            f"Or the migrations again: rolloutctl deploy {name}",
            details=tuple(f"{each}: {told}" for each, told in list(ill.items())[1:]),
        )
    return None
