"""A change that waits to be confirmed, as its hosts tell together, and what the words on the command line mean."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from msgspec.structs import replace

from rolloutctl.errors import UsageError
from rolloutctl.rules.decisions import Decision
from rolloutctl.rules.durations import in_words
from rolloutctl.rules.flags import Audience
from rolloutctl.rules.history import fold, in_doubt, last_kept, undoable
from rolloutctl.rules.host import HostState, Pending
from rolloutctl.rules.provisional import (
    newest_provisional,
    parse_confirm_within,
    plan_from,
    provisional_in,
    way_back,
    ways_on,
)
from rolloutctl.rules.records import Record
from tests.fakes import FLAG, KEY, LIST, PRODUCTION, state

FIELDS: dict[str, Any] = {
    "change": "7k3f",
    "environment": "production",
    "arbiter": "web-1",
    "flag": "portal",
    "actor": "ops@example.com",
    "from": {"enabled": False, "companies": []},
    "to": {"enabled": True, "companies": [15]},
    "edits": [
        {"key": KEY, "before": "=false", "after": "=true"},
        {"key": LIST, "before": "=", "after": '="15"'},
    ],
}
NEW = f'{KEY}=true\n{LIST}="15"\n'.encode()


def record(event: str, **more: object) -> Record:
    data = {"event": event, **FIELDS, **more}
    return Record(json.dumps(data), data)


def host(name: str, *events: str, left: int | None = None, alive: bool = True) -> HostState:
    """A host with these records of the change, which it holds while `left` is given, or else has ended or lost."""
    undecided = events[-1:] in (("started",), ("provisional",))
    pending = (Pending("7k3f", alive, FIELDS, left),) if undecided else ()
    return replace(state(name, NEW), records=tuple(record(event) for event in events), pending=pending)


def both(one: HostState, other: HostState) -> Mapping[str, HostState]:
    return {"web-1": one, "web-2": other}


HELD = ("started", "provisional")


def test_it_goes_back_where_the_first_hosts_time_is_over() -> None:
    found = provisional_in(both(host("web-1", *HELD, left=600), host("web-2", *HELD, left=597)))
    assert found is not None
    assert (found.change, found.left, found.ends) == ("7k3f", {"web-1": 600, "web-2": 597}, {})
    assert (found.seconds_left, found.confirmed, found.before, found.after) == (
        597,
        False,
        Audience(False),
        Audience(True, (15,)),
    )
    assert str(found) == "portal for company 15, by ops@example.com, goes back in 9 min 57 s"


@pytest.mark.parametrize(
    ("other", "end"),
    [
        (host("web-2", *HELD, "reverted"), "reverted"),
        (host("web-2", *HELD, alive=False), "provisional"),
        (host("web-2"), ""),
    ],
    ids=["back", "rebooted", "silent"],
)
def test_a_host_that_does_not_hold_it_is_told_with_its_end(other: HostState, end: str) -> None:
    found = provisional_in(both(host("web-1", *HELD, left=9), other))
    assert found is not None
    assert (dict(found.left), found.ends) == ({"web-1": 9}, {"web-2": end})


def test_it_is_confirmed_once_the_arbiter_has_kept_it() -> None:
    found = provisional_in(both(host("web-1", *HELD, "kept"), host("web-2", *HELD, left=9)))
    assert found is not None
    assert found.confirmed


def test_what_nobody_holds_is_not_provisional_and_still_known() -> None:
    states = both(host("web-1", *HELD, "reverted"), host("web-2", *HELD, alive=False))
    assert provisional_in(states) is None
    change = newest_provisional(states)
    assert change is not None
    assert change.id == "7k3f"
    assert newest_provisional(both(host("web-1", "started", "kept"), host("web-2"))) is None


def test_it_is_neither_kept_nor_reverted() -> None:
    (change,) = fold({"web-1": [record(event) for event in HELD], "web-2": [record(event) for event in HELD]})
    assert (change.outcome, change.dissenters, change.outcome_fields) == ("provisional", (), {})
    assert (undoable([change]), in_doubt([change]), last_kept([change], "portal")) == ((), (), None)


def test_its_outcome_tells_why_and_who_decided() -> None:
    (change,) = fold({"web-1": [*(record(event) for event in HELD), record("kept", cause="confirmed")]})
    assert (change.outcome, change.outcome_fields["cause"]) == ("kept", "confirmed")


def test_its_plan_and_the_way_back_are_read_from_its_records() -> None:
    states = both(host("web-1", *HELD, left=9), host("web-2", *HELD, left=9))
    plan = plan_from("7k3f", FIELDS, PRODUCTION, FLAG, states)
    assert (plan.before, plan.target, plan.unreachable) == (Audience(False), Audience(True, (15,)), ())
    assert [(edit.key, edit.before, edit.after) for edit in plan.hosts[1].writes] == [
        (KEY, "false", "true"),
        (LIST, "", "15"),
    ]
    back = way_back(plan)
    assert (back.before, back.target, back.narrow) == (Audience(True, (15,)), Audience(False), True)
    assert [(edit.before, edit.after) for edit in back.hosts[0].writes] == [("true", "false"), ("15", "")]


def test_a_host_that_tells_nothing_is_missing_in_the_plan() -> None:
    plan = plan_from("7k3f", FIELDS, PRODUCTION, FLAG, {"web-1": host("web-1", *HELD, left=9)})
    assert plan.unreachable == ("web-2",)


@pytest.mark.parametrize(("text", "seconds"), [("10m", 600), ("2s", 2), ("90", 90), ("1.5s", 2), ("24h", 86400)])
def test_a_time_to_confirm_is_in_whole_seconds(text: str, seconds: int) -> None:
    assert parse_confirm_within(text) == seconds


@pytest.mark.parametrize("text", ["25h", "2d", "0", "soon", "-5m", ""])
def test_a_time_to_confirm_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--confirm-within"):
        parse_confirm_within(text)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (40, "40 s"), (580, "9 min 40 s"), (600, "10 min"), (7512, "2 h 5 min"), (86400, "24 h")],
)
def test_a_time_that_is_left_is_said_as_people_say_it(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


def test_whoever_meets_it_is_told_until_when_and_both_ways_on() -> None:
    until, ways = ways_on("production", "portal", 61)
    assert until == "It goes back by itself in 1 min 1 s, unless it is confirmed."
    assert ways.splitlines() == [
        "To keep it: rolloutctl confirm production",
        "To end it at once: rolloutctl toggle production portal false",
    ]


def test_a_decision_adds_to_the_record_who_gave_it() -> None:
    fragment = Decision(True, cause="confirmed", by={"actor": 'a "b"\n'}).fragment()
    assert json.loads("{" + fragment + '"rest":1}') == {"decided_by": {"actor": 'a "b"\n'}, "rest": 1}
    assert Decision(False).fragment() == ""
