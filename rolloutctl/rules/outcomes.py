"""How a change ended on one host, read from what the host said, and what that means for all hosts together."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from rolloutctl.errors import Unreachable
from rolloutctl.rules.host import Event, Holder
from rolloutctl.rules.records import Record, read_object, read_record
from rolloutctl.rules.work import Asked, StepRun, read_answers

# Why a host went back without having been told to, by the cause in its record; in words that follow "on web-1".
WENT_BACK = {
    "preempted": "a switch-off came first",
    "terminated": "what held the change was ended",
    "hold-time-over": "nothing was heard from here for too long",
    "client-gone": "the connection was cut",
}
_LONGEST_NUMBER = 18  # digits
Result = Literal[
    "untouched", "committed", "incomplete", "provisional", "kept", "reverted", "stuck", "lost", "unreached"
]


class HostOutcome(Struct, frozen=True):
    """One host's part in a change.

    untouched: nothing was begun. committed, incomplete: done, and not decided yet; a switch-off is incomplete when a
    step failed behind it. provisional: kept until its time is over, unless it is confirmed. kept, reverted: decided.
    stuck: put back, but not all of it worked. lost: the connection ended in between. unreached: it never began.
    """

    name: str
    result: Result
    failed: tuple[tuple[str, str, str], ...] = ()  # (step, exit status, output), in order
    steps: tuple[StepRun, ...] = ()
    asked: tuple[Asked, ...] = ()
    back: tuple[tuple[str, str, str], ...] = ()  # what failed while it was put back
    asked_back: tuple[Asked, ...] = ()  # the answers after that
    cause: str = ""
    records: tuple[Record, ...] = ()
    unrecorded: tuple[str, ...] = ()
    error: str = ""

    @property
    def committed(self) -> bool:
        """Whether the new state stands on the host."""
        return self.result in {"committed", "incomplete", "provisional", "kept"}

    def then(self, later: HostOutcome) -> HostOutcome:
        """This outcome with what a later verb added; nothing said, or lost, does not take back what was decided."""
        decided = self.result in {"kept", "reverted", "stuck"}
        nothing_new = later.result == "untouched" or (later.result == "lost" and decided)
        result = self.result if nothing_new else later.result
        return replace(
            self,
            result=result,
            failed=self.failed + later.failed,
            steps=self.steps + later.steps,
            asked=later.asked or self.asked,
            back=self.back + later.back,
            asked_back=later.asked_back or self.asked_back,
            cause=later.cause or self.cause,
            records=self.records + later.records,
            unrecorded=self.unrecorded + later.unrecorded,
            error=later.error or self.error,
        )


def untouched(name: str) -> HostOutcome:
    """A host on which nothing was begun."""
    return HostOutcome(name, "untouched")


def unreached(name: str, error: str) -> HostOutcome:
    """A host that a switch-off could not begin on."""
    return HostOutcome(name, "unreached", error=error)


def outcome_from(name: str, answer: Sequence[Event] | Unreachable, said: Iterable[Event] = ()) -> HostOutcome:
    """What a host's answers to `commit`, `keep` or `revert` amount to; for a lost host, what it `said` until then."""
    lost = isinstance(answer, Unreachable)
    events = list(said) if isinstance(answer, Unreachable) else list(answer)
    kinds = [event.kind for event in events]
    back = kinds.index("going-back") if "going-back" in kinds else len(events)
    forth = events[:back]
    result: Result = "lost" if lost else "untouched"
    reasons: tuple[tuple[str, Result], ...] = (
        ("committed", "committed"),
        ("incomplete", "incomplete"),
        ("provisional", "provisional"),
        ("kept", "kept"),
        ("reverted", "reverted"),
        ("stuck", "stuck"),
    )
    if not lost:
        for kind, means in reasons:
            if kind in kinds:
                result = means
    return HostOutcome(
        name,
        result,
        failed=tuple(
            (step_name(event.text(0)), event.text(1), event.text(2)) for event in forth if event.kind == "failed"
        ),
        steps=steps_in(events),
        asked=asked_in(forth),
        back=tuple(
            (step_name(event.text(0)), event.text(1), event.text(2))
            for event in events[back:]
            if event.kind == "failed"
        ),
        asked_back=asked_in(events[back:]),
        cause=next((event.text(0) for event in events if event.kind == "going-back"), ""),
        records=tuple(read_record(event.text(0).rstrip("\n")) for event in events if event.kind == "record"),
        unrecorded=tuple(event.text(0).strip() for event in events if event.kind == "unrecorded"),
        error=str(answer) if isinstance(answer, Unreachable) else "",
    )


def steps_in(events: Iterable[Event]) -> tuple[StepRun, ...]:
    """The steps that ran, in order."""
    return tuple(
        StepRun(step_name(event.text(0)), _number(event.text(2), 1), _number(event.text(3), 0), event.text(4))
        for event in events
        if event.kind == "step" and event.text(1) == "ended"
    )


def step_name(text: str) -> str:
    """A step's name as the configuration has it; it travels escaped for JSON."""
    try:
        return str(json.loads(f'"{text}"'))
    except ValueError:
        return text


def asked_in(events: Iterable[Event]) -> tuple[Asked, ...]:
    """The answers to the last round of requests."""
    rounds = [event for event in events if event.kind == "answers"]
    return read_answers(object_from(rounds[-1].text(0))) if rounds else ()


def object_from(text: str) -> Mapping[str, Any]:
    """A JSON object, or an empty one."""
    return read_object(text)


def holder_in(event: Event) -> Holder:
    """Who has the lock, from a `busy` answer."""
    return Holder(event.text(0), object_from(event.text(1)))


def _number(text: str, otherwise: int) -> int:
    """A number that a host sent; a step without a readable exit status has not succeeded."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < _LONGEST_NUMBER else otherwise
