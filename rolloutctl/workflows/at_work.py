"""Long work on hosts: the sign that keeps widenings away is put up on all of them or on none; records are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rolloutctl.contracts import Session
from rolloutctl.errors import PersonNeeded, Refused, RolloutctlError, Unreachable
from rolloutctl.fleet import Fleet
from rolloutctl.rules.config import Environment
from rolloutctl.rules.host import Event, HostState
from rolloutctl.rules.locks import Busy, lock_problem
from rolloutctl.rules.records import read_record
from rolloutctl.rules.refusals import why_unrecorded
from rolloutctl.workflows.tools import Tools

LOCK = 30.0  # seconds for the lock, once somebody is at work: only a switch-off may have it, for moments
_PAUSE = 0.5  # seconds before asking again
_AS_A_LOCK = {"entered": "locked"}


def enter(fleet: Fleet, names: Iterable[str], who: Mapping[str, Any], tools: Tools, *, wait: float) -> None:
    """Put up the sign on every host, or on none; `wait` in seconds for whoever is at work there.

    Raises:
        Busy: somebody is, and `wait` is over.
        Drifted: a host is not as it was when the plan was made.
        Refused: a host can keep no record.
        Unreachable: a host was lost.
    """
    wanted = list(names)
    deadline = tools.clock.monotonic() + wait
    while True:
        said = fleet.each(lambda session: _entered(session, who), wanted)
        problems = {name: problem for name, answer in said.items() if (problem := _problem(name, answer))}
        if not problems:
            return
        leave(fleet, [name for name in wanted if name not in problems])
        first = next((p for p in problems.values() if not isinstance(p, Busy)), next(iter(problems.values())))
        if not isinstance(first, Busy) or tools.clock.monotonic() >= deadline:
            raise first
        tools.clock.wait(_PAUSE)


def leave(fleet: Fleet, names: Iterable[str]) -> None:
    """Take the sign down; a host that is lost does that by itself."""
    fleet.each(lambda session: session.long_work.leave(), [name for name in names if name in fleet.sessions])


def record(fleet: Fleet, marks: Mapping[str, Mapping[str, Any]], tools: Tools) -> dict[str, str]:
    """Write a mark on hosts, each its own; why it was not written, by host, where it was not."""
    there = [name for name in marks if name in fleet.sessions]
    problems = {name: "it cannot be reached" for name in marks if name not in there}
    for name, answer in fleet.each(lambda session: session.append(marks[session.host.name]), there).items():
        problem = answer.message if isinstance(answer, Unreachable) else why_unrecorded(answer)
        if problem:
            problems[name] = problem
        elif not isinstance(answer, Unreachable):
            lines = [event.text(0).rstrip("\n") for event in answer if event.kind == "record"]
            tools.mirror.saw(fleet.environment.name, name, [read_record(line) for line in lines])
    return problems


def record_or_owe(fleet: Fleet, marks: Mapping[str, Mapping[str, Any]], tools: Tools) -> tuple[str, ...]:
    """Write the mark of an ending; a host that can't write it owes it. What to know of that, in words."""
    notes = []
    for name, problem in record(fleet, marks, tools).items():
        try:
            tools.mirror.owe(fleet.environment.name, name, marks[name])
        except PersonNeeded as error:
            notes.append(f"{name} has not recorded how it ended ({problem}), and nobody keeps it: {error.message}")
        else:
            notes.append(f"{name} has not recorded how it ended ({problem}); a later change from here writes it there.")
    return tuple(notes)


def marks_for(
    environment: Environment, states: Mapping[str, HostState], said: Callable[[str], Mapping[str, Any]], tools: Tools
) -> dict[str, dict[str, Any]]:
    """One mark for all hosts of an environment, each with what is said of that host."""
    entry, origin = tools.new_id(), tools.origin_now().fields()
    names = [host.name for host in environment.hosts]
    return {
        name: {
            "entry": entry,
            **said(name),
            "environment": environment.name,
            "hosts": names,
            "host": name,
            "machine": states[name].place.partition(":")[0] if name in states else "",
            **origin,
        }
        for name in names
    }


def _entered(session: Session, who: Mapping[str, Any]) -> tuple[Event, ...]:
    opened = session.open()
    if any(event.kind == "refused" for event in opened):
        return opened
    return session.long_work.enter(who, 1.0)


def _problem(name: str, answer: tuple[Event, ...] | Unreachable) -> RolloutctlError | None:
    if isinstance(answer, Unreachable):
        return lock_problem(name, answer)
    refused = next((event for event in answer if event.kind == "refused"), None)
    if refused is not None:
        why = refused.text(2) or "its state folder can't be written"
        return Refused(
            f"{name} can keep no record: {why}.",
            subject=name,
            state="Nothing was begun: without a record nothing is changed.",
            hint="rolloutctl doctor",
        )
    return lock_problem(name, tuple(Event(_AS_A_LOCK.get(event.kind, event.kind), event.texts) for event in answer))
