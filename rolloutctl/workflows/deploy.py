"""deploy: code comes to every host of an environment by the environment's own steps, and no flag is on unasked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from rolloutctl.errors import ConfigurationError, Refused, RolloutctlError, Unreachable, UsageError
from rolloutctl.fleet import Fleet
from rolloutctl.rules.config import Environment, Flag
from rolloutctl.rules.deploy_plans import (
    DeployPlan,
    HostDeploy,
    HostRun,
    audiences_of,
    files_of,
    judge_added,
    shell_steps,
    staging_work,
    turned_on_by_a_build,
    with_flags_off,
)
from rolloutctl.rules.deploys import Deploy, chosen_ref, keeps_old_code, steps_of
from rolloutctl.rules.env_text import EnvText, UnsafeEdit
from rolloutctl.rules.flags import NOBODY
from rolloutctl.rules.freeze import standing
from rolloutctl.rules.host import Event, HostState
from rolloutctl.rules.outcomes import object_from
from rolloutctl.rules.plans import HostPlan, Plan
from rolloutctl.rules.provisional import provisional_in
from rolloutctl.rules.refusals import refusal_in_words
from rolloutctl.workflows.at_work import enter, leave, marks_for, record, record_or_owe
from rolloutctl.workflows.deploy_endings import error_of, fields_of
from rolloutctl.workflows.deploy_looking import facts_of, lost, opened_by_record, seen_by_somebody
from rolloutctl.workflows.deploy_running import Running, Watcher
from rolloutctl.workflows.looking import look_at
from rolloutctl.workflows.meanwhile import until_confirmed
from rolloutctl.workflows.settling import refuse_to_foresee, settle_leftovers
from rolloutctl.workflows.tools import Tools

_UNBEGUN = "Nothing was begun on any host."


class Request(Struct, frozen=True):
    """What somebody asked for; `keep_on` are flags that may be on though no record says who opened them."""

    environment: str
    ref: str | None = None
    keep_on: tuple[str, ...] = ()
    reason: str = ""
    plan_only: bool = False
    wait: float = 0.0  # seconds for somebody who is at work


class DeployDesk(Watcher, Protocol):
    """The person in front of a deployment."""

    def show(self, plan: DeployPlan, notes: Sequence[str]) -> None:
        """Show what will be done, before anything is."""

    def agrees(self, plan: DeployPlan) -> bool:
        """Whether to go on."""


class Deployed(Struct, frozen=True):
    """How a deployment ended; `error` tells the exit status."""

    plan: DeployPlan
    result: str  # planned | finished | failed
    runs: tuple[HostRun, ...] = ()
    notes: tuple[str, ...] = ()
    error: RolloutctlError | None = None
    seconds: float = 0.0


def deploy(request: Request, tools: Tools, desk: DeployDesk) -> Deployed:
    """Deploy to every host, the first one first; what fails stops it where it is, and is told.

    Raises:
        UsageError: the environment says nothing of deployments, or not of this one.
        Refused: something speaks against it; nothing was begun.
    """
    environment = tools.environment(request.environment)
    how = way_of(environment)
    ref = chosen_ref(how, request.ref, environment=environment.name)
    for name in request.keep_on:
        tools.configuration.flag(name)
    with Fleet(environment, tools.sessions, tools.clock, desk.notice) as fleet:
        story = _Story(fleet, request, tools, desk)
        plan, notes = story.planned(how, ref)
        desk.show(plan, notes)
        if request.plan_only:
            return Deployed(plan, "planned", notes=notes)
        if not desk.agrees(plan):
            raise Refused("You did not agree.", subject=environment.name, state=_UNBEGUN)
        return story.carried_out(plan, notes)


def way_of(environment: Environment) -> Deploy:
    """How code comes to an environment.

    Raises:
        UsageError: environments.yaml does not say.
    """
    if environment.deploy is None:
        raise UsageError(
            f"environments.yaml does not say how code comes to {environment.name}.",
            subject=environment.name,
            state=_UNBEGUN,
            hint="Add deploy: with its steps there, or deploy: {verify_only: true}; see docs/deploying.md.",
        )
    return environment.deploy


class _Story:
    """One deployment: look, plan, prove, and carry out."""

    def __init__(self, fleet: Fleet, request: Request, tools: Tools, desk: DeployDesk) -> None:
        self.fleet = fleet
        self.request = request
        self.tools = tools
        self.desk = desk
        self.environment = fleet.environment
        self.flags = tuple(tools.configuration.flags.values())

    def planned(self, how: Deploy, ref: str) -> tuple[DeployPlan, tuple[str, ...]]:
        """The plan, proved on every host, and what to know of it.

        Raises:
            Refused: something speaks against it.
        """
        states, settled = self._looked()
        now = self.tools.clock.now()
        release = f"{now:%Y%m%d%H%M%S}"
        steps = steps_of(how, self.environment.steps, ref=ref, release=release)
        facts = self.fleet.each(lambda session: facts_of(session, self.environment, files_of(steps)))
        hosts = []
        for name, state in states.items():
            known = facts[name]
            if isinstance(known, Unreachable):
                raise lost(name, known, self.environment.name)
            new_env, added = self._with_flags(state) if how.add_flags else (state.content or EnvText(b""), ())
            audiences = audiences_of(state, self.flags)
            hosts.append(HostDeploy(state=state, facts=known, added=added, new_env=new_env, audiences=audiences))
        plan = DeployPlan(
            id=self.tools.new_id(),
            environment=self.environment,
            ref=ref,
            release=release,
            steps=steps,
            hosts=tuple(hosts),
            flags=self.flags,
            keep_on=self.request.keep_on,
            reason=self.request.reason,
        )
        self._refuse_flags(plan)
        self._prove(plan)
        return plan, (*settled, *self._notes(plan))

    def carried_out(self, plan: DeployPlan, notes: tuple[str, ...]) -> Deployed:
        """All of it; each host has the record that it began before anything is done there, and one how it ended."""
        tools, names = self.tools, [host.name for host in plan.hosts]
        origin = tools.origin_now()
        who = {
            "actor": origin.actor,
            "what": plan.title,
            "environment": self.environment.name,
            "since": origin.since,
            "deployment": plan.id,
        }
        enter(self.fleet, names, who, tools, wait=self.request.wait)
        begun = tools.clock.monotonic()
        running = Running(self.fleet, plan, tools, self.desk)
        try:
            self._begin(plan)
            self.fleet.transacting = self.fleet.long_work = True
            running.go()
        finally:
            leave(self.fleet, names)
        runs = tuple(running.runs.values())
        left_on = self._left_on(plan, runs)
        error = error_of(plan, runs, left_on, interrupted=self.fleet.interrupted)
        states = {host.name: host.state for host in plan.hosts}
        marks = marks_for(
            self.environment, states, lambda name: fields_of(plan, running.runs[name], runs, left_on, error), tools
        )
        owed = record_or_owe(self.fleet, marks, tools)
        result = "failed" if error else "finished"
        seconds = tools.clock.monotonic() - begun
        return Deployed(plan, result, runs, (*notes, *owed), error, seconds)

    # -------------------------------------------------------------------------------------------------------- helpers

    def _looked(self) -> tuple[Mapping[str, HostState], tuple[str, ...]]:
        for missing in self.environment.unmet:
            raise ConfigurationError(
                f"What needs a secret can't be asked: {missing}.",
                subject=self.environment.name,
                state=_UNBEGUN,
                hint="Set it in the environment, or in .env beside environments.yaml.",
            )
        away = self.fleet.open(self.flags, content=True)
        states = look_at(self.fleet, None, away, self.tools)
        for name, error in away.items():
            raise lost(name, error, self.environment.name)
        if self.request.plan_only:
            refuse_to_foresee(states, "--plan")
            return states, ()
        settled, unsettled = settle_leftovers(self.fleet, states, self.tools)
        for problem in unsettled:
            raise problem
        return (look_at(self.fleet, None, away, self.tools) if settled else states), settled

    def _with_flags(self, state: HostState) -> tuple[EnvText, tuple[str, ...]]:
        try:
            return with_flags_off(state, self.flags)
        except UnsafeEdit as error:
            raise Refused(
                f"A flag can't be added to .env of {state.name}: {error.message}",
                subject=f"{self.environment.name} · {state.name}",
                state=_UNBEGUN,
                hint=error.hint,
            ) from None

    def _refuse_flags(self, plan: DeployPlan) -> None:
        """A flag that is on, or would come on, though nobody opened it by the records."""
        where = plan.environment.name
        asked = [flag for flag in plan.flags if flag.name not in plan.keep_on]
        frozen = self._frozen()
        for host in plan.hosts:
            for name in turned_on_by_a_build(host.state, plan.flags if frozen else asked):
                meant = f"{where} is frozen" if frozen else f"If it is meant to be on: --keep-on {name}"
                raise Refused(
                    f"{name} is off on {host.name}, and its .env has it on: a new config cache would switch it on.",
                    subject=f"{where} · {host.name}",
                    state=_UNBEGUN,
                    hint=f"rolloutctl toggle {where} {name} false\n{meant}",
                )
        on = seen_by_somebody(asked, (host.audiences for host in plan.hosts))
        on = tuple(flag for flag in on if not all(flag.key in host.added for host in plan.hosts))
        for name, by_record in opened_by_record(self.fleet, on, where, self.tools).items():
            if not by_record:
                held = provisional_in({host.name: host.state for host in plan.hosts})
                if held is not None and held.flag == name:
                    raise until_confirmed(held)
                raise Refused(
                    f"{name} is on, and no record says that anybody opened it.",
                    subject=where,
                    state=f"{_UNBEGUN} A deployment leaves no flag on unasked.",
                    hint=f"rolloutctl toggle {where} {name} false\nIf it is meant to be on: --keep-on {name}",
                )

    def _prove(self, plan: DeployPlan) -> None:
        """Every host proves the new `.env`, and that its steps may run there."""
        hosts = {host.name: host for host in plan.hosts}
        said = self.fleet.each(lambda session: session.prepare(staging_work(plan, hosts[session.host.name])))
        for name, answer in said.items():
            if isinstance(answer, Unreachable):
                raise lost(name, answer, plan.environment.name)
            trouble = self._trouble(plan, hosts[name], answer)
            if trouble is not None:
                message, hint, details = trouble
                raise Refused(
                    f"{name}: {message}",
                    subject=f"{plan.environment.name} · {name}",
                    state=_UNBEGUN,
                    hint=hint or f"rolloutctl doctor {plan.environment.name}",
                    details=details,
                )

    def _trouble(
        self, plan: DeployPlan, host: HostDeploy, answer: Sequence[Event]
    ) -> tuple[str, str, tuple[str, ...]] | None:
        for event in answer:
            if event.kind == "refused" and not (event.text(0) == "in-place" and not host.added):
                objection = refusal_in_words(event, *self._as_a_change(plan, host))
                return objection.message, objection.hint, objection.details
            if event.kind == "drift":
                return ".env was changed by somebody else in the meantime.", "The same command again.", ()
            if event.kind == "proof":
                wrong = judge_added(host, object_from(event.text(0)))
                if wrong:
                    return f"{wrong}.", "Mend .env there by hand.", ()
        return None

    def _as_a_change(self, plan: DeployPlan, host: HostDeploy) -> tuple[Plan, HostPlan]:
        """What the words for a refusal are made of."""
        steps = shell_steps(plan)
        environment = replace(plan.environment, steps=steps)
        flag = plan.flags[0] if plan.flags else Flag(name="", key="")
        change = Plan(change=plan.id, environment=environment, flag=flag, target=NOBODY, narrow=False, hosts=())
        return change, HostPlan(host.state, NOBODY, None, (), host.new_env)

    def _notes(self, plan: DeployPlan) -> tuple[str, ...]:
        notes = []
        deploy = plan.environment.deploy
        if deploy is not None and any(step.builtin == "steps" for step in deploy.steps) and not plan.environment.steps:
            notes.append(
                f"`builtin: steps` stands for the steps that a change of {plan.environment.name} has, such as a config "
                "cache and a restart. It has none: nothing is done in its place."
            )
        if keeps_old_code(plan.steps):
            notes.append(
                "php-fpm is told to forget its config, and no step restarts or reloads it: it may keep the old code."
            )
        if self._frozen():
            notes.append(f"{plan.environment.name} is frozen now: no flag is widened. This deployment is not held up.")
        if len({host.commit for host in plan.hosts}) > 1:
            notes.append("Not every host has the same commit now.")
        by_key = {flag.key: flag.name for flag in plan.flags}
        for host in plan.hosts:
            seen = [key for key in host.added if not host.audiences.get(by_key[key], NOBODY).nobody]
            notes += [
                f"{host.name}: {key} is not in .env, and its feature is on: this switches it off." for key in seen
            ]
            notes += [
                f"{host.name}: {name} is off, and its .env has it on: this switches it on, as --keep-on says."
                for name in turned_on_by_a_build(host.state, plan.flags)
            ]
        return tuple(notes)

    def _frozen(self) -> bool:
        return standing(self.environment.freeze, self.tools.clock.now()) is not None

    def _begin(self, plan: DeployPlan) -> None:
        """Without a record nothing is changed."""
        hosts = {host.name: host for host in plan.hosts}
        states = {name: host.state for name, host in hosts.items()}
        marks = marks_for(plan.environment, states, lambda name: plan.record("started", hosts[name]), self.tools)
        problems = record(self.fleet, marks, self.tools)
        for name, problem in problems.items():
            raise Refused(
                f"{name} can't record the deployment: {problem}.",
                subject=f"{plan.environment.name} · {name}",
                state="Nothing was begun: without a record nothing is changed.",
                hint=f"rolloutctl doctor {plan.environment.name}",
            )

    def _left_on(self, plan: DeployPlan, runs: Sequence[HostRun]) -> tuple[str, ...]:
        """The flags that somebody sees behind it, and whose records say that nobody should."""
        asked = [flag for flag in plan.flags if flag.name not in plan.keep_on]
        on = seen_by_somebody(asked, (run.audiences for run in runs))
        there = [run.name for run in runs if not run.lost]
        known = opened_by_record(self.fleet, on, plan.environment.name, self.tools, there)
        return tuple(flag.name for flag in on if not known[flag.name])
