"""What follows when a guard has acted, or sees nothing: record, announcement, hooks; beside the watch, best effort."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime

from rolloutctl.fleet import wait_for
from rolloutctl.rules.incidents import KEEP, Incident
from rolloutctl.rules.verdicts_metrics import Verdict
from rolloutctl.workflows.announcing import announce_incident, announced
from rolloutctl.workflows.hooking import tell_guard
from rolloutctl.workflows.incidents import Facts, open_incident
from rolloutctl.workflows.tools import Done, Tools

_AT_ONCE = 3  # a channel that hangs keeps no hook waiting


class Aftermath:
    """The watch neither waits for what is done here, nor ends by what goes wrong with it."""

    def __init__(self, environment: str, flag: str, tools: Tools) -> None:
        self._environment, self._flag, self._tools = environment, flag, tools
        self._pool = ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="aftermath")
        self._running: list[tuple[str, Future[tuple[str, ...]]]] = []

    def begin(self, done: Done, failing: Iterable[Verdict], detected: datetime) -> None:
        """The flag was switched off, for what has failed since `detected`."""
        reason = done.plan.reason
        numbers = {verdict.metric: verdict.now for verdict in failing if verdict.now is not None}
        facts = Facts(severity="high", symptom=reason, detected=detected, numbers=numbers)
        self._begin("the incident", lambda: self._record(facts))
        self._begin("guard-fired", lambda: tell_guard(done, reason, self._tools))

    def blind(self, metrics: Iterable[str], since: datetime) -> None:
        """The guard has seen nothing since some moment: whoever is told of incidents is told; none is opened."""
        symptom = f"The guard sees nothing: no data of {' and '.join(metrics)}. Nobody switches it off by itself."
        alarm = Incident(
            id=self._tools.new_id(),
            flag=self._flag,
            environment=self._environment,
            severity="medium",
            symptom=symptom,
            affected=None,
            detected=since,
            opened=self._tools.clock.now(),
            actor=self._tools.origin.actor,
            decision=KEEP,
        )
        self._begin("the alarm", lambda: announce_incident(alarm, self._tools))

    @property
    def notes(self) -> tuple[str, ...]:
        """What came of it, as far as it is through."""
        return tuple(note for what, run in self._running if run.done() for note in _notes(what, run))

    def wait(self, seconds: float) -> None:
        """See it out, so long at most."""
        wait_for([run for _, run in self._running], seconds)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _begin(self, what: str, act: Callable[[], tuple[str, ...]]) -> None:
        self._running.append((what, self._pool.submit(act)))

    def _record(self, facts: Facts) -> tuple[str, ...]:
        opened = announced(open_incident(self._environment, self._flag, self._tools, facts), self._tools)
        if opened.incident is None:
            return opened.notes
        word = "is more of" if opened.joined else "is kept on this machine as" if opened.kept_here else "is recorded as"
        show = f"rolloutctl incident show {self._environment}"
        return (f"It {word} incident {opened.incident.id}: {show}", *opened.notes)


def _notes(what: str, run: Future[tuple[str, ...]]) -> tuple[str, ...]:
    """Whatever went wrong: the flag is off, and the watch goes on."""
    if run.cancelled():
        return (f"{what} was not waited for.",)
    error = run.exception()
    return run.result() if error is None else (f"{what} went wrong: {type(error).__name__}.",)
