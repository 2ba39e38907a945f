"""due: what was scheduled and has come due, carried out as any change is: once, whoever runs this and however often."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from math import inf
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from rolloutctl.contracts import Desk
from rolloutctl.errors import Refused, RolloutctlError, Unreachable
from rolloutctl.rules.config import Flag
from rolloutctl.rules.host import Event, HostState
from rolloutctl.rules.plans import Plan, Wish
from rolloutctl.rules.records import Record
from rolloutctl.rules.schedules import (
    FULFILLED,
    GRACE,
    REFUSED,
    Schedule,
    disagreement,
    is_due,
    objection,
    pending,
    schedules_in,
)
from rolloutctl.workflows.closing import toggle_to
from rolloutctl.workflows.rollout_bench import host_bench
from rolloutctl.workflows.scheduling import benches, say, schedules_of
from rolloutctl.workflows.toggle import Request, standing_audience, toggle
from rolloutctl.workflows.tools import Done, Options, Tools

Result = Literal["done", "already", "refused", "failed", "waits", "would go", "would be refused"]
Logs = Mapping[str, Sequence[Record]]
Desks = Callable[[Schedule], AbstractContextManager[Desk]]


class How(Struct, frozen=True):
    """How late a widening may be, and how long to wait for a lock (both in seconds); `dry_run`: only say."""

    grace: float = GRACE
    wait: float = 0.0
    dry_run: bool = False


class Attempt(Struct, frozen=True):
    """What became of one schedule. One that `waits` was held up, and is tried again."""

    schedule: Schedule
    result: Result
    done: Done | None = None
    error: RolloutctlError | None = None
    notes: tuple[str, ...] = ()


class Report(Struct, frozen=True):
    """What came of all that was due, what is to come, and the environments that could not be asked."""

    attempts: tuple[Attempt, ...]
    upcoming: tuple[Schedule, ...]
    unasked: tuple[tuple[str, RolloutctlError], ...]

    @property
    def exit_status(self) -> int:
        """The gravest of all."""
        errors = [*(each.error for each in self.attempts), *(error for _, error in self.unasked)]
        return max((error.exit_status for error in errors if error is not None), default=0)


class _Elsewhere(Refused):
    """Another run has carried it out meanwhile, or somebody has cancelled it."""


class _Untrue(Refused):
    """What was scheduled does not follow from how things stand now."""


def due(environments: Iterable[str], how: How, tools: Tools, desks: Desks) -> Report:
    """Carry out what is due, in the order of its moments."""
    attempts: list[Attempt] = []
    upcoming: list[Schedule] = []
    unasked: list[tuple[str, RolloutctlError]] = []
    for name in environments:
        try:
            with benches(name, tools) as opened:
                found = [(each, bench.logs) for bench in opened.values() for each in pending(schedules_of(bench))]
        except Unreachable as error:
            unasked.append((name, error))
            continue
        now = tools.clock.now()
        upcoming += [each for each, _ in found if not is_due(each, now)]
        coming = sorted((pair for pair in found if is_due(pair[0], now)), key=lambda pair: pair[0].due)
        attempts += [_attempt(each, logs, how, tools, desks) for each, logs in coming]
    return Report(tuple(attempts), tuple(sorted(upcoming, key=lambda each: each.due)), tuple(unasked))


def _attempt(meant: Schedule, logs: Logs, how: How, tools: Tools, desks: Desks) -> Attempt:
    against = objection(meant, tools.clock.now(), how.grace)
    if how.dry_run:
        return Attempt(meant, "would be refused" if against else "would go", notes=(against,) if against else ())
    if against:
        return _refuse(meant, against, tools)
    flag = tools.configuration.flag(meant.flag)
    request = Request(
        meant.environment,
        meant.flag,
        Wish(meant.after.enabled, meant.after.companies if meant.after.enabled else None),
        meant.reason or f"scheduled by {meant.actor}",
        guard=_Guard(meant, logs, flag, tools),
        fulfils={"schedule": meant.id, "scheduled_by": meant.actor},
    )
    try:
        with desks(meant) as desk:
            done = toggle(request, Options(wait=how.wait), tools, _Careful(desk, meant, tools))
    except _Elsewhere:
        return Attempt(meant, "already")
    except _Untrue as error:
        return _refuse(meant, error.message, tools)
    except RolloutctlError as error:
        return _held_up(meant, error, tools)
    return _ended(meant, done, tools)


def _ended(meant: Schedule, done: Done, tools: Tools) -> Attempt:
    if done.result != "unchanged" or done.error is not None:
        return Attempt(meant, "done" if done.result in ("kept", "unchanged") else "failed", done, done.error)
    with host_bench(meant.environment, meant.flag, tools) as opened:  # no change tells it, so a mark has to
        notes = say(opened, meant, FULFILLED, "it was so already")
    return Attempt(meant, "done", done, notes=notes)


def _refuse(meant: Schedule, why: str, tools: Tools) -> Attempt:
    """Write down that it will not be carried out, and tell."""
    error = Refused(
        f"{meant.flag} was not opened for {meant.after} as scheduled: {why}.",
        subject=meant.environment,
        state="Nothing was changed on any host, and it is not tried again.",
        hint=f"If it is still meant: {toggle_to(meant.environment, tools.configuration.flag(meant.flag), meant.after)}",
    )
    try:
        with host_bench(meant.environment, meant.flag, tools) as opened:
            notes = say(opened, meant, REFUSED, why)
    except RolloutctlError as unsaid:
        return Attempt(meant, "waits", error=unsaid)
    return Attempt(meant, "refused", error=error, notes=notes)


def _held_up(meant: Schedule, error: RolloutctlError, tools: Tools) -> Attempt:
    """A gate, a lock or a host held it up: unless another run has carried it out, the next one tries again."""
    try:
        if not isinstance(error, Unreachable) and _now(meant, tools).state != "pending":
            return Attempt(meant, "already")
    except Unreachable:
        pass
    return Attempt(meant, "waits", error=error)


def _now(meant: Schedule, tools: Tools) -> Schedule:
    """The schedule by the hosts' records of this moment."""
    with host_bench(meant.environment, meant.flag, tools) as opened:
        return next((each for each in schedules_of(opened) if each.id == meant.id), meant)


class _Guard:
    """Reads again under each plan, so also when somebody else had the lock before."""

    def __init__(self, meant: Schedule, logs: Logs, flag: Flag, tools: Tools) -> None:
        self._meant, self._logs, self._flag, self._tools = meant, logs, flag, tools
        self._begun = False

    def __call__(self, states: Mapping[str, HostState]) -> None:
        if self._begun and self._meant.off:
            return  # a switch-off that has begun is brought to its end
        logs: dict[str, Sequence[Record]] = {name: self._log(name, state) for name, state in states.items()}
        logs |= {name: log for name, log in self._logs.items() if name not in logs}
        found = schedules_in(logs, flag=self._meant.flag, environment=self._meant.environment)
        fresh = next((each for each in found if each.id == self._meant.id), self._meant)
        _check(
            replace(fresh, lacking=()), self._tools
        )  # of a host that is reached only now, the newest records are here
        seen = {name: standing_audience(self._flag, state) for name, state in states.items()}
        _object(self._meant, disagreement(self._meant, seen))
        self._begun = True

    def _log(self, name: str, state: HostState) -> tuple[Record, ...]:
        """What was read of a host before, and what is new there."""
        before = tuple(self._logs.get(name, ()))
        known = {record.line for record in before}
        return (*before, *(record for record in state.records if record.line not in known))


class _Careful(Struct, frozen=True):
    """A desk that looks once more before the locks are taken: somebody may have cancelled it during the proof."""

    desk: Desk
    meant: Schedule
    tools: Tools

    def show(self, plan: Plan, notes: Sequence[str]) -> None:
        """Show what will change."""
        self.desk.show(plan, notes)

    def agrees(self, plan: Plan) -> bool:
        """Whether to go on; a switch-off is not held up.

        Raises:
            Refused: it was cancelled, carried out elsewhere, or somebody changed the flag.
        """
        if not self.desk.agrees(plan):
            return False
        if not plan.target.nobody:
            _check(_now(self.meant, self.tools), self.tools)
        return True

    def notice(self, host: str, event: Event) -> None:
        """One host said something."""
        self.desk.notice(host, event)


def _check(fresh: Schedule, tools: Tools) -> None:
    if fresh.state != "pending":
        raise _Elsewhere(
            f"It is {fresh.state} already.",
            subject=fresh.environment,
            state="Nothing was changed on any host.",
            hint=f"rolloutctl status {fresh.environment}",
        )
    _object(fresh, objection(fresh, tools.clock.now(), inf))  # it was in time when this began


def _object(meant: Schedule, why: str) -> None:
    if why:
        raise _Untrue(why, subject=meant.environment, state="Nothing was changed on any host.", hint="rolloutctl due")
