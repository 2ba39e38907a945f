"""Every host prepares and proves the change; nothing live is touched, and one objection ends a widening."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rolloutctl.errors import Refused, Unreachable
from rolloutctl.fleet import Drifted, Fleet
from rolloutctl.rules.host import Event
from rolloutctl.rules.outcomes import asked_in, object_from
from rolloutctl.rules.plans import HostPlan, Plan
from rolloutctl.rules.proof import Difference, Objection, judge_cache, judge_file, unexplained
from rolloutctl.rules.refusals import refusal_in_words
from rolloutctl.rules.requests import describe, is_about_flag
from rolloutctl.rules.work import failures, work_for
from rolloutctl.workflows.tools import Tools

_UNTOUCHED = "Nothing was changed on any host."


def prove(fleet: Fleet, plan: Plan, tools: Tools, *, with_pending: bool) -> tuple[str, ...]:
    """Prepare on every host of a plan; what a person should know about it.

    Raises:
        Refused: a host refuses or its proof fails, for a widening. Narrowing is told in notes.
        Drifted: a host's .env changed since it was read.
    """
    plans = {host.name: host for host in plan.hosts}
    since = tools.clock.now().isoformat(timespec="seconds")
    said = fleet.each(
        lambda session: session.prepare(
            work_for(plan, plans[session.host.name], session.host, session.server, origin=tools.origin, since=since)
        ),
        plans,
    )
    notes: list[str] = []
    for name, answer in said.items():
        notes.extend(_judge(fleet, plan, plans[name], answer, with_pending=with_pending, tools=tools))
    return _merged(notes, len(plans))


def _judge(
    fleet: Fleet,
    plan: Plan,
    host: HostPlan,
    answer: tuple[Event, ...] | Unreachable,
    *,
    with_pending: bool,
    tools: Tools,
) -> Iterable[str]:
    if isinstance(answer, Unreachable):
        raise Unreachable(f"{host.name} was lost: {answer.message}.", subject=host.name, state=_UNTOUCHED)
    objections, notes = _findings(fleet, plan, host, answer)
    for asked in failures(asked_in(answer)):
        name = describe(asked.id, tools.configuration.flags, plan.environment)
        if not is_about_flag(asked.id, plan.flag):
            objections.append(Objection(f"It is ill before the change already: {name} {asked}.", "Look at its log."))
        else:
            notes.append(f"before the change {name} answers {asked}")
    for objection in objections:
        if plan.narrow or (objection.pending and with_pending):
            notes.append(objection.message)
        else:
            hint = objection.hint or f"rolloutctl status {plan.environment.name}"
            raise Refused(
                f"{host.name}: {objection.message}",
                subject=f"{plan.environment.name} · {host.name}",
                state=_UNTOUCHED,
                hint=hint,
                details=objection.details,
            )
    return [f"{host.name}: {note}" for note in notes]


def _findings(
    fleet: Fleet, plan: Plan, host: HostPlan, answer: Sequence[Event]
) -> tuple[list[Objection], list[str]]:
    objections: list[Objection] = []
    notes: list[str] = []
    for event in answer:
        if event.kind == "drift":
            raise Drifted(f"{host.name}: .env was changed by somebody else in the meantime.", state=_UNTOUCHED)
        if event.kind == "refused":
            objections.append(refusal_in_words(event, plan, host))
        elif event.kind == "proof":
            objections.extend(judge_file(host, plan.flag, object_from(event.text(0))))
        elif event.kind == "difference":
            found, known = _judge_difference(fleet, plan, host, event)
            objections.extend(found)
            notes.extend(known)
        elif event.kind == "stateless":
            notes.append(f"goes on without its audit log: {event.text(0)}; the record is kept here and written later")
        elif event.kind == "build-failed":
            notes.append(
                "the config cache cannot be built, so the live one is taken with only the flag's own settings changed"
                + (f": {' '.join(event.text(1).split())}" if event.text(1) else "")
            )
        elif event.kind == "uncached":
            notes.append("no config cache stands, and none is made: the application reads .env itself")
    # What phpdotenv says of the file explains a failed build better than the build does.
    return sorted(objections, key=lambda objection: objection.pending), notes


def _judge_difference(
    fleet: Fleet, plan: Plan, host: HostPlan, event: Event
) -> tuple[tuple[Objection, ...], tuple[str, ...]]:
    difference = _read(event)
    if unexplained(plan.flag, plan.environment, difference):
        session = fleet.sessions[host.name]
        controls = [again for again in session.control() if again.kind == "difference"]
        difference = _read(controls[-1]) if controls else difference
    return judge_cache(plan.flag, plan.environment, plan.target, difference)


def _read(event: Event) -> Difference:
    data = object_from(event.text(0))
    return Difference(
        changed=tuple(data.get("changed", ())),
        got=data.get("got") or {},
        pending=tuple(data.get("pending", ())),
        volatile=tuple(data.get("volatile", ())),
    )


def _merged(notes: Iterable[str], hosts: int) -> tuple[str, ...]:
    """A note that every host has is said once."""
    texts: dict[str, list[str]] = {}
    for note in notes:
        name, _, text = note.partition(": ")
        texts.setdefault(text, []).append(name)
    return tuple(
        f"every host {text}" if len(names) == hosts and hosts > 1 else f"{', '.join(names)}: {text}"
        for text, names in texts.items()
    )
