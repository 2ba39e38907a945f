"""A deployment under way: the first host goes through all steps, and then the others; each step in its order."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from rolloutctl.contracts import Session
from rolloutctl.errors import Unreachable
from rolloutctl.fleet import Fleet
from rolloutctl.rules.deploy_plans import (
    DeployPlan,
    Facts,
    HostRun,
    audiences_of,
    digest_of,
    files_of,
    last_digest,
    now_on,
)
from rolloutctl.rules.deploys import DeployStep
from rolloutctl.rules.flags import Audience
from rolloutctl.rules.host import Event, HostState, audience_in_settings
from rolloutctl.rules.outcomes import asked_in, object_from, steps_in
from rolloutctl.rules.proof import read_difference
from rolloutctl.rules.requests import describe, requests_for
from rolloutctl.rules.work import StepRun, failures
from rolloutctl.workflows.at_work import LOCK
from rolloutctl.workflows.deploy_looking import facts_of, new_error
from rolloutctl.workflows.tools import Tools

INTERRUPTED = "interrupted"
_TRIES = 3  # builds of a config cache that somebody's switch-off overtook


class Watcher(Protocol):
    """Follows the hosts."""

    def notice(self, host: str, event: Event) -> None:
        """One host said something."""


class Running:
    """The work of one deployment on all hosts; `runs` grows while it goes on."""

    def __init__(self, fleet: Fleet, plan: DeployPlan, tools: Tools, watcher: Watcher) -> None:
        self._fleet = fleet
        self._plan = plan
        self._tools = tools
        self._watcher = watcher
        self._hosts = {host.name: host for host in plan.hosts}
        self.runs = {host.name: HostRun(host.name) for host in plan.hosts}

    def go(self) -> None:
        """Everything, until something fails: the first host, the others side by side, then what runs once for all."""
        first, *others = self._hosts
        self._each([first])
        if self._well():
            self._each(others)
        last = [step for step in self._plan.steps if step.last]
        if self._well() and last:
            self._fleet.each(
                lambda session: self._guarded(session, lambda run: self._steps(session, run, last)), [first]
            )

    def _well(self) -> bool:
        return not any(run.failed or run.lost for run in self.runs.values()) and not self._fleet.interrupted

    def _each(self, names: Iterable[str]) -> None:
        self._fleet.each(lambda session: self._guarded(session, lambda run: self._on_host(session, run)), names)

    def _guarded(self, session: Session, act: Callable[[HostRun], None]) -> None:
        """A host that is lost in between keeps what is known of it."""
        run = self.runs[session.host.name]
        try:
            act(run)
            run.ending = "failed" if run.failed else "done"
        except Unreachable as error:
            run.lost, run.ending = error.message, "lost"

    def _on_host(self, session: Session, run: HostRun) -> None:
        host, plan = self._hosts[run.name], self._plan
        if host.added:
            self._define(session, run)
        if not run.failed:
            first = next(iter(self._hosts)) == run.name
            self._steps(session, run, [step for step in plan.steps if not step.last and (first or not step.once)])
        run.after = facts_of(session, plan.environment, files_of(plan.steps))
        state = session.look(content=True, records=1)
        run.audiences = audiences_of(state, plan.flags)
        if not run.failed:
            self._ask(session, run)
        if run.failed and run.failed[1] != INTERRUPTED:
            run.log = new_error(session, host.facts)

    def _define(self, session: Session, run: HostRun) -> None:
        said = {event.kind: event for event in session.long_work.define(LOCK)}
        run.defined = "defined" in said
        if not run.defined:
            why = "somebody changed it meanwhile" if "drift" in said else "it could not be written"
            run.failed = (".env", why, "")

    def _steps(self, session: Session, run: HostRun, steps: Iterable[DeployStep]) -> None:
        files = files_of(self._plan.steps)
        for step in steps:
            if self._fleet.interrupted:
                run.failed = (step.name, INTERRUPTED, "")
            if run.failed:
                return
            now = facts_of(session, self._plan.environment, files) if step.when else Facts()
            digest = digest_of(step, now)
            if step.when and digest == last_digest(step, self._hosts[run.name].state.records):
                run.skipped.append(step.name)
                run.files[step.name] = digest
                continue
            run.running = step.name
            done = self._cache(session, step) if step.builds else self._line(session, step)
            run.running = ""
            run.steps.append(done)
            if not done.ok:
                run.failed = (step.name, str(done.status), done.output)
            elif step.when:
                run.files[step.name] = digest

    def _line(self, session: Session, step: DeployStep) -> StepRun:
        work = session.long_work
        if step.builtin == "opcache-forget":
            ran = steps_in(work.forget(step.name, step.socket, step.timeout))
        else:
            ran = steps_in(work.step(step.name, step.run or "", step.timeout))
        return ran[-1] if ran else StepRun(step.name, 1, 0, "the host does not say how it ended")

    def _cache(self, session: Session, step: DeployStep) -> StepRun:
        """The config cache, told as a step; what would switch a flag on is never swapped in."""
        name, begun = session.host.name, self._tools.clock.monotonic()
        shown = json.dumps(step.name)[1:-1]
        self._watcher.notice(name, Event("step", (shown, "begins")))
        trouble, said = self._rebuilt(session, step)
        ms = int((self._tools.clock.monotonic() - begun) * 1000)
        done = StepRun(step.name, 1 if trouble else 0, ms, trouble or said)
        self._watcher.notice(name, Event("step", (shown, "ended", str(done.status), str(ms), done.output)))
        return done

    def _rebuilt(self, session: Session, step: DeployStep) -> tuple[str, str]:
        """Why the config cache is not the new one, and what to know where it is."""
        for _ in range(_TRIES):
            before = session.look(content=False, records=1)
            said = {event.kind: event for event in session.long_work.build(step.timeout)}
            if "uncached" in said:
                return "", "no config cache stands, and none is made"
            if "difference" not in said:
                return _why_not_built(said), ""
            got = read_difference(object_from(said["difference"].text(0))).got
            opened = self._opened_by(before, got)
            if opened:
                return f"the new config cache would switch on {', '.join(opened)}; the old one stays", ""
            swapped = {event.kind: event for event in session.long_work.swap(LOCK)}
            if "swapped" in swapped:
                return "", ""
            if "drift" not in swapped:
                return "the config cache could not be written, or its lock was not to be had", ""
        return "somebody else changes .env or the config cache again and again", ""

    def _opened_by(self, before: HostState, got: Mapping[str, Any]) -> tuple[str, ...]:
        """The flags that a cache with these settings would switch on, though nobody said that they may be."""
        after: dict[str, Audience] = {}
        for flag in (flag for flag in self._plan.flags if flag.name not in self._plan.keep_on):
            audience = audience_in_settings(flag, got, before.in_file(flag)) if flag.config in got else None
            if audience is not None:
                after[flag.name] = audience
        return now_on(audiences_of(before, self._plan.flags), after)

    def _ask(self, session: Session, run: HostRun) -> None:
        """Health, and the probes as who sees what now would have it."""
        flags = [(flag, run.audiences.get(flag.name)) for flag in self._plan.flags]
        wanted = requests_for(self._plan.environment, session.host, flags, session.server)
        answers = session.ask(wanted) if wanted else ()
        run.asked = asked_in(answers)
        wrong = failures(run.asked)
        if wrong:
            names = {flag.name: flag for flag in self._plan.flags}
            told = [f"{describe(asked.id, names, self._plan.environment)} answers {asked}" for asked in wrong]
            run.failed = ("health", "; ".join(told), "")
        elif wanted and not run.asked:
            run.failed = ("health", "the application's php does not answer", "")


def _why_not_built(said: Mapping[str, Event]) -> str:
    refused = said.get("refused", Event("refused"))
    if refused.text(0) == "build":
        return refused.text(2) or "php artisan config:cache fails"
    return {
        "not-aside": "the application ignores APP_CONFIG_CACHE: use `run: php artisan config:cache` as a step",
        "other-env": f"the application reads another file: {refused.text(2)}",
        "strange-cache": f"in its place stands no file: {refused.text(2)}",
        "no-php": refused.text(2) or "the application's php does not answer",
    }.get(refused.text(0), "the application's php does not answer")
