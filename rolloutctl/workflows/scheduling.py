"""toggle --at, unschedule and due: changes that wait for their moment, as marks on the hosts, and are then carried out.

Nothing runs in between: somebody runs `due`, from cron or CI. It may be run by several at once, for it reads again
under what the transaction holds: the change that carries a schedule out names it in its records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from rolloutctl.errors import Refused, Unreachable, UsageError
from rolloutctl.rules.config import Flag
from rolloutctl.rules.flags import Audience, same_people
from rolloutctl.rules.freeze import standing as frozen_by
from rolloutctl.rules.plans import Plan, Wish
from rolloutctl.rules.records import audience_fields
from rolloutctl.rules.rollout_dates import told
from rolloutctl.rules.rollout_log import standing
from rolloutctl.rules.rollout_standing import SCHEDULE
from rolloutctl.rules.schedules import CANCELLED, SCHEDULED, Schedule, pending, schedules_in, standing_before
from rolloutctl.workflows.rollout_bench import HostBench, host_bench
from rolloutctl.workflows.tools import Tools

_LONGEST = timedelta(days=366)
_UNSAID = "Nothing was scheduled."
_UNTOUCHED = "Nothing was changed."


class Wanted(Struct, frozen=True):
    """A change that somebody asks for at a moment; `written` is that moment in their words."""

    environment: str
    flag: str
    wish: Wish
    due: datetime
    written: str
    reason: str = ""


class Proposed(Struct, frozen=True):
    """What is to be agreed to; `plan` has no hosts yet: who sees the feature then is a matter of that moment."""

    plan: Plan
    before: Audience
    due: datetime
    written: str
    notes: tuple[str, ...]


class Scheduled(Struct, frozen=True):
    """A schedule that was written, or with a dry run would have been."""

    schedule: Schedule
    recorded: bool
    notes: tuple[str, ...] = ()


def schedule(wanted: Wanted, tools: Tools, agrees: Callable[[Proposed], bool], *, dry_run: bool) -> Scheduled:
    """Write down on every host what is to be changed at a moment.

    Raises:
        UsageError: the moment is past, or there is no such environment or flag.
        Refused: nothing would change, the moment is in a freeze, or the person does not agree.
        Unreachable: no host can be reached.
    """
    flag = tools.configuration.flag(wanted.flag)
    now = tools.clock.now()
    if wanted.due <= now:
        raise UsageError(
            f"{wanted.written} is past.",
            subject=wanted.environment,
            state=_UNSAID,
            hint=f"To change it now, the same without --at. It is {told(now)}.",
        )
    if wanted.due - now > _LONGEST:
        raise UsageError(
            f"{wanted.written} is more than a year ahead.",
            subject=wanted.environment,
            state=_UNSAID,
            hint="Schedule it once it is nearer.",
        )
    with host_bench(wanted.environment, wanted.flag, tools) as opened:
        proposed = _proposed(wanted, flag, opened)
        if not agrees(proposed):
            raise Refused("You did not agree.", subject=wanted.environment, state=_UNSAID)
        fields = {
            "event": SCHEDULE,
            "action": SCHEDULED,
            "from": audience_fields(proposed.before),
            "to": audience_fields(proposed.plan.target),
            "due": wanted.due.isoformat(),
            "written": wanted.written,
            "reason": wanted.reason,
        }
        mark = opened.mark(fields)
        notes = () if dry_run else opened.record(mark)
    made = Schedule(
        id=str(mark["entry"]),
        flag=wanted.flag,
        environment=wanted.environment,
        before=proposed.before,
        after=proposed.plan.target,
        due=wanted.due,
        written=wanted.written,
        at=now,
        actor=tools.origin.actor,
        reason=wanted.reason,
    )
    return Scheduled(made, not dry_run, (*proposed.notes, *notes))


def unschedule(environment: str, name: str, reason: str, tools: Tools) -> tuple[Schedule, tuple[str, ...]]:
    """Cancel a schedule, on every host; gives it, and what to know of its record.

    Raises:
        UsageError: there is none of that name.
        Refused: it does not wait any more.
    """
    with benches(environment, tools) as opened:
        found = {each.id: each for bench in opened.values() for each in schedules_of(bench)}
        meant = found.get(name)
        if meant is None:
            waiting = [f"{each.id} ({each})" for each in pending(tuple(found.values()))]
            raise UsageError(
                f"Nothing of that name is scheduled in {environment}: {name}.",
                subject=environment,
                state=_UNTOUCHED,
                hint=f"Scheduled: {', '.join(waiting)}." if waiting else "Nothing is scheduled there.",
            )
        if meant.state != "pending":
            raise Refused(
                f"{meant} does not wait any more: it is {meant.state}.",
                subject=environment,
                state=_UNTOUCHED,
                hint=f"rolloutctl audit {environment} --flag {meant.flag}",
            )
        notes = say(opened[meant.flag], meant, CANCELLED, reason)
    return meant, notes


def say(opened: HostBench, meant: Schedule, action: str, reason: str) -> tuple[str, ...]:
    """Write down what became of a schedule; what to know of that, in words."""
    return opened.write({"event": SCHEDULE, "action": action, "schedule": meant.id, "reason": reason})


def schedules_of(opened: HostBench) -> tuple[Schedule, ...]:
    """The schedules of the bench's flag."""
    return schedules_in(opened.logs, flag=opened.flag, environment=opened.environment.name)


@contextmanager
def benches(environment: str, tools: Tools) -> Iterator[Mapping[str, HostBench]]:
    """The hosts of an environment, opened once, with what they recorded of each flag.

    Raises:
        Unreachable: no host can be reached.
    """
    flags = tuple(tools.configuration.flags)
    if not flags:
        yield {}
        return
    with host_bench(environment, flags[0], tools) as first:
        found = {flags[0]: first}
        for flag in flags[1:]:
            found[flag] = _about(first, flag)
        yield found


def _about(first: HostBench, flag: str) -> HostBench:
    """The same hosts, with what they recorded of another flag."""
    read = first.fleet.each(lambda session: session.records_of(flag), list(first.logs))
    logs = {name: log for name, log in read.items() if not isinstance(log, Unreachable)}
    lost = {**first.lost, **{name: log for name, log in read.items() if isinstance(log, Unreachable)}}
    return replace(first, flag=flag, logs=logs, lost=lost)


def _proposed(wanted: Wanted, flag: Flag, opened: HostBench) -> Proposed:
    environment = opened.environment
    known = schedules_of(opened)
    before = standing_before(known, wanted.due, _seen(flag, wanted, opened))
    target = wanted.wish.audience(flag, before)
    narrow = target.within(before)
    if not target.nobody and same_people(target, before):
        raise Refused(
            f"{target} will see {flag.name} then anyway.",
            subject=environment.name,
            state=_UNSAID,
            hint=f"rolloutctl status {environment.name} {flag.name}",
        )
    for name, error in opened.lost.items() if not narrow else ():
        raise Unreachable(
            f"{name} cannot be reached: {error.message}",
            subject=name,
            state=_UNSAID,
            hint=error.hint or "To let more people in, every host has to know it.",
        )
    freeze = frozen_by(environment.freeze, wanted.due)
    if freeze is not None and not narrow:
        until = freeze.ends_after(wanted.due)
        raise Refused(
            f"{environment.name} is frozen then, until {until:%a %d %b %H:%M %Z}.",
            subject=environment.name,
            state=_UNSAID,
            hint=f'From then on: --at "{until:%Y-%m-%d %H:%M} {freeze.zone}"',
        )
    plan = Plan(
        change="",
        environment=environment,
        flag=flag,
        target=target,
        narrow=narrow,
        hosts=(),
        unreachable=tuple(opened.lost),
        reason=wanted.reason,
    )
    return Proposed(plan, before, wanted.due, wanted.written, tuple(_remarks(wanted, target, known, opened)))


def _seen(flag: Flag, wanted: Wanted, opened: HostBench) -> Audience:
    """Who sees the feature now, as the hosts agree; a switch-off needs no agreement.

    Raises:
        Refused: they don't agree, or one can't say.
    """
    seen = {name: state.in_file(flag) for name, state in opened.states.items()}
    first = next(iter(seen.values()))
    if not wanted.wish.enabled:
        return first or Audience(enabled=False)
    if first is None or not all(each is not None and same_people(each, first) for each in seen.values()):
        raise Refused(
            f"The hosts do not agree on who sees {flag.name} now, so nobody knows what to start from.",
            subject=opened.environment.name,
            state=_UNSAID,
            hint=f"rolloutctl status {opened.environment.name} {flag.name}",
            details=tuple(f"{name}: {each or 'cannot say'}" for name, each in seen.items()),
        )
    return first


def _remarks(wanted: Wanted, target: Audience, known: Sequence[Schedule], opened: HostBench) -> Iterator[str]:
    for each in pending(known):
        if each.due > wanted.due and not each.off and not same_people(each.before, target):
            yield f"Schedule {each.id} comes later ({each}) and starts from {each.before}: it will be refused."
    for name, error in opened.lost.items():
        yield f"{name} cannot be reached now: {error.message}"
    rollout = opened.tools.configuration.rollouts.get(wanted.flag)
    if rollout is None or rollout.environment != wanted.environment:
        return
    stay = standing(opened.logs, flag=wanted.flag, environment=wanted.environment).stay
    if stay is not None:
        yield f"A rollout of {wanted.flag} is in its phase {stay.phase}: a change at that moment departs from it."
