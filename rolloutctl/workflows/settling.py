"""Before anything new: changes that were interrupted are brought to one outcome, and owed records are written."""

from __future__ import annotations

from collections.abc import Mapping

from rolloutctl.errors import Refused, Unreachable
from rolloutctl.fleet import Fleet
from rolloutctl.rules.decisions import Decision
from rolloutctl.rules.history import DECIDED, Change, fold
from rolloutctl.rules.host import HostState, Pending
from rolloutctl.rules.records import Record, audience_of
from rolloutctl.workflows.tools import Tools

_RECENT = 200  # records that tell how a change ended elsewhere


def settle_leftovers(
    fleet: Fleet, states: Mapping[str, HostState], tools: Tools
) -> tuple[tuple[str, ...], tuple[Refused, ...]]:
    """Finish what nobody carries any more; what was done, in words, and what could not be.

    The arbiter comes first, and the other hosts follow its outcome; where there is none, a widening goes back and a
    narrowing is finished (session_sh/deciding.sh, `recover`).
    """
    logs: dict[str, tuple[Record, ...]] = {name: state.records for name, state in states.items()}
    problems: list[Refused] = []
    done: list[str] = []
    for name, pending in _leftovers(states):
        try:
            ended = _settle(fleet, name, pending, logs)
            done.append(f"{name}: {_named(pending)} was {ended} first")
        except Refused as problem:
            problems.append(problem)
    paid = [f"{name}: records that it owed were written" for name in _free(states) if _pay(fleet, name, tools)]
    return (*done, *paid), tuple(problems)


def comes_first(states: Mapping[str, HostState]) -> tuple[str, ...]:
    """What will have to be settled before anything new, in words."""
    return tuple(f"{name}: {_named(pending)} comes first" for name, pending in _leftovers(states))


def refuse_to_foresee(states: Mapping[str, HostState], option: str) -> None:
    """What would be done can't be told where something has to be settled first, and `option` keeps us from that.

    Raises:
        Refused: there is something.
    """
    for name, pending in _leftovers(states)[:1]:
        raise Refused(
            f"On {name} {_named(pending)} comes first: it is put back, or finished, before anything new begins.",
            subject=name,
            state=f"Nothing was changed. What stands there now says nothing of what will: {_what_stands(pending)}.",
            hint=f"The same without {option} settles it first, and goes on from there. {_switch_off(pending)}",
        )


def _leftovers(states: Mapping[str, HostState]) -> list[tuple[str, Pending]]:
    """Changes that nobody carries any more, each with its host, the arbiter's first."""
    changes = {change.id: change for change in fold({name: state.records for name, state in states.items()})}
    left = [
        (name, pending)
        for name, state in states.items()
        for pending in state.pending
        if not pending.alive or (pending.provisional and _is_decided(pending, changes))
    ]
    return sorted(left, key=lambda each: each[0] != _arbiter(each[1]))


def _free(states: Mapping[str, HostState]) -> list[str]:
    """The hosts whose lock nobody has: an old record is worth no wait, least of all in front of a switch-off."""
    return [name for name, state in states.items() if state.holder is None]


def _settle(fleet: Fleet, name: str, pending: Pending, logs: dict[str, tuple[Record, ...]]) -> str:
    """Settle one; how it ended, in words.

    Raises:
        Refused: it can't be settled now.
    """
    arbiter = _arbiter(pending)
    if arbiter not in logs and not pending.fields.get("narrow"):
        raise Refused(
            f"On {name} {_named(pending)} has to follow {arbiter}, which cannot be reached.",
            subject=name,
            state=f"Nothing new was begun. What it wrote still stands on {name}: {_what_stands(pending)}.",
            hint=f"Try again when {arbiter} is back. {_switch_off(pending)}",
        )
    change = next((change for change in fold(logs) if change.id == pending.change), None)
    keep = change is not None and name != arbiter and change.ends.get(arbiter) == "kept"
    session = fleet.sessions[name]
    stuck = next((event for event in session.settle(pending.change, Decision(keep)) if event.kind == "stuck"), None)
    if stuck is not None:
        raise Refused(
            f"On {name} {_named(pending)} cannot be put back: {stuck.text(0)} failed.",
            subject=name,
            state=f"Nothing new was begun. On {name} people may see either: {_what_stands(pending)}.",
            hint=f"Mend that on {name}, then try again. {_switch_off(pending)}",
        )
    logs[name] = session.look(content=False, records=_RECENT).records
    end = next((record.event for record in reversed(logs[name]) if record.change == pending.change), "")
    return {"kept": "finished", "reverted": "put back"}.get(end, "settled")


def _named(pending: Pending) -> str:
    who = str(pending.fields.get("actor") or "somebody")
    return f"the interrupted change {pending.change} ({pending.fields.get('flag', 'a flag')}, by {who})"


def _what_stands(pending: Pending) -> str:
    before, after = (audience_of(pending.fields.get(name)) for name in ("from", "to"))
    return f"{before} as before, or {after} as it was to be"


def _switch_off(pending: Pending) -> str:
    where = f"{pending.fields.get('environment')} {pending.fields.get('flag')}"
    return f"Switching off works at any time: rolloutctl toggle {where} false"


def _is_decided(pending: Pending, changes: Mapping[str, Change]) -> bool:
    """Whether the arbiter knows the end of a change that is still provisional elsewhere."""
    change = changes.get(pending.change)
    return change is not None and change.ends.get(_arbiter(pending)) in DECIDED


def _arbiter(pending: Pending) -> str:
    return str(pending.fields.get("arbiter", ""))


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
