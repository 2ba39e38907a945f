"""Every host prepares and proves the change; nothing live is touched, and one objection ends a widening."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rolloutctl.errors import Refused, Unreachable
from rolloutctl.fleet import Fleet
from rolloutctl.rules.host import Event
from rolloutctl.rules.locks import Drifted
from rolloutctl.rules.outcomes import asked_in, object_from
from rolloutctl.rules.plans import HostPlan, Plan
from rolloutctl.rules.proof import Objection, judge_cache, judge_file, read_difference
from rolloutctl.rules.refusals import refusal_in_words
from rolloutctl.rules.requests import describe, is_about_flag
from rolloutctl.rules.work import Asked, failures, work_for
from rolloutctl.workflows.tools import Tools

_UNTOUCHED = "Nothing was changed on any host."


def prove(fleet: Fleet, plan: Plan, tools: Tools, *, with_pending: bool) -> tuple[str, ...]:
    """Prepare on every host of a plan; what a person should know about it.

    Raises:
        Refused: a host refuses or its proof fails, for a widening. Narrowing is told in notes.
        Drifted: a host's .env changed since it was read.
    """
    plans = {host.name: host for host in plan.hosts}
    origin = tools.origin_now()
    said = fleet.each(
        lambda session: session.prepare(work_for(plan, plans[session.host.name], session.host, session.server, origin)),
        plans,
    )
    notes: list[str] = []
    for name, answer in said.items():
        if isinstance(answer, Unreachable):
            raise Unreachable(
                f"{name} was lost: {answer.message}.",
                subject=name,
                state=_UNTOUCHED,
                hint=f"rolloutctl status {plan.environment.name}",
            )
        objections, known = findings_of(plan, plans[name], answer)
        for objection in objections:
            if not plan.narrow and not (objection.pending and with_pending):
                raise _refusal(plan, name, objection)
            known.append(objection.passed or objection.message)
        notes.extend(f"{name}: {note}" for note in known)
    for name, answer in said.items():
        for asked in failures(asked_in(answer)) if not isinstance(answer, Unreachable) else ():
            notes.append(_ill(asked, name, plan, tools))
    return merged(notes, len(plans))


def _refusal(plan: Plan, name: str, objection: Objection) -> Refused:
    return Refused(
        f"{name}: {objection.message}",
        subject=f"{plan.environment.name} · {name}",
        state=_UNTOUCHED,
        hint=objection.hint or f"rolloutctl status {plan.environment.name}",
        details=objection.details,
    )


def _ill(asked: Asked, name: str, plan: Plan, tools: Tools) -> str:
    """What a host answers otherwise than it should before the change; ill health ends a widening here."""
    what = describe(asked.id, tools.configuration.flags, plan.environment)
    if is_about_flag(asked.id, plan.flag):
        return f"{name}: before the change {what} answers {asked}"
    raise _refusal(
        plan, name, Objection(f"It is ill before the change already: {what} answers {asked}.", "Look at its log first.")
    )


def findings_of(plan: Plan, host: HostPlan, answer: Sequence[Event]) -> tuple[list[Objection], list[str]]:
    """What speaks against a prepared change on a host, and what a person should know.

    Raises:
        Drifted: its .env changed since it was read.
    """
    objections: list[Objection] = []
    notes = [note for event in answer if (note := _note(event))]
    for event in answer:
        if event.kind == "drift":
            raise Drifted(
                f"{host.name}: .env was changed by somebody else in the meantime.",
                subject=host.name,
                state=_UNTOUCHED,
                hint=f"rolloutctl status {plan.environment.name} {plan.flag.name}",
            )
        if event.kind == "refused":
            objections.append(refusal_in_words(event, plan, host))
        elif event.kind == "proof":
            objections.extend(judge_file(host, plan.flag, object_from(event.text(0))))
    differences = [event for event in answer if event.kind == "difference"]
    if differences:  # where there are two, the second comes from a control build, and knows more
        difference = read_difference(object_from(differences[-1].text(0)))
        found, known = judge_cache(plan.flag, plan.environment, plan.target, difference)
        objections.extend(found)
        notes.extend(known)
    # What waits can be let through, so anything else is said first.
    return sorted(objections, key=lambda objection: objection.pending), notes


def _note(event: Event) -> str:
    """What a host did otherwise than usual, in words that follow its name; empty for all else."""
    if event.kind == "stateless":
        return f"goes on without its audit log: {event.text(0)}; the record is kept here and written later"
    if event.kind == "uncached":
        return "no config cache stands, and none is made: the application reads .env itself"
    if event.kind != "build-failed":
        return ""
    said = " ".join(event.text(1).split())
    return "the config cache cannot be built, so the live one is taken with only the flag's own settings changed" + (
        f": {said}" if said else ""
    )


def merged(notes: Iterable[str], hosts: int) -> tuple[str, ...]:
    """A note that every host has is said once."""
    texts: dict[str, list[str]] = {}
    for note in notes:
        name, _, text = note.partition(": ")
        texts.setdefault(text, []).append(name)
    return tuple(
        f"every host {text}" if len(names) == hosts and hosts > 1 else f"{', '.join(names)}: {text}"
        for text, names in texts.items()
    )
