"""Before anything new: changes that were interrupted or that hosts ended differently are brought to one outcome."""

from __future__ import annotations

from collections.abc import Mapping

from rolloutctl.contracts import Session
from rolloutctl.errors import Refused, Unreachable
from rolloutctl.fleet import Fleet
from rolloutctl.rules.history import Change, of_environment
from rolloutctl.rules.host import HostState, Pending
from rolloutctl.workflows.tools import Tools


def settle_leftovers(fleet: Fleet, states: Mapping[str, HostState], tools: Tools) -> bool:
    """Finish what nobody carries any more, and write records that hosts owe; whether anything was done.

    A host where the change was interrupted follows the arbiter's outcome where that is known; else a widening goes
    back and a narrowing is finished (session.sh, `recover`).
    """
    changes = {change.id: change for change in of_environment(states)}
    done = False
    for name, state in states.items():
        for pending in state.pending:
            if not pending.alive:
                keep = _arbiter_kept(changes.get(pending.change), pending, states)
                _settle(fleet.sessions[name], pending.change, keep=keep)
                done = True
        done = _pay(fleet, name, tools) or done
    return done


def _arbiter_kept(change: Change | None, pending: Pending, states: Mapping[str, HostState]) -> bool:
    arbiter = str(pending.fields.get("arbiter", ""))
    return change is not None and arbiter in states and change.ends.get(arbiter) == "kept"


def _settle(session: Session, change: str, *, keep: bool) -> None:
    answers = session.settle(change, keep)
    stuck = next((event for event in answers if event.kind == "stuck"), None)
    if stuck is not None:
        raise Refused(
            f"The interrupted change {change} could not be put back on {session.host.name}: {stuck.text(0)}.",
            subject=session.host.name,
            hint=f"ssh to {session.host.name} and mend that, then try again.",
        )


def _pay(fleet: Fleet, name: str, tools: Tools) -> bool:
    """Write the records that a host could not write when they were made."""
    owed = tools.mirror.owed(fleet.environment.name, name)
    if not owed:
        return False
    try:
        written = [
            any(event.kind == "record" for event in fleet.sessions[name].append({**fields, "late": True}))
            for fields in owed
        ]
    except Unreachable:
        return False
    if all(written):
        tools.mirror.paid(fleet.environment.name, name)
    return all(written)
