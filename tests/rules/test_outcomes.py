"""How a host's answers are read as the end of a change."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolloutctl.errors import Unreachable
from rolloutctl.rules.host import Event
from rolloutctl.rules.outcomes import HostOutcome, Result, asked_in, holder_in, outcome_from, steps_in
from rolloutctl.rules.work import Asked, StepRun

COMMITTED = (Event("step", ("restart", "ended", "0", "410", "")), Event("swapped"), Event("committed"))
BACK = (
    Event("failed", ("restart", "1", "no such unit")),
    Event("going-back", ("restart",)),
    Event("failed", ("restart", "1", "again")),
    Event("record", ('{"event":"reverted"}\n',)),
)


def answers(*each: dict[str, object]) -> Event:
    return Event("answers", (json.dumps({"answers": each}),))


@pytest.mark.parametrize(
    ("events", "result"),
    [
        ((), "untouched"),
        ((Event("untouched"),), "untouched"),
        (COMMITTED, "committed"),
        ((Event("incomplete"),), "incomplete"),
        ((Event("kept"),), "kept"),
        ((*COMMITTED, Event("kept")), "kept"),
        ((*BACK, Event("reverted", ("restart",))), "reverted"),
        ((*COMMITTED, *BACK, Event("reverted", ("hold-time-over",))), "reverted"),
        ((*BACK, Event("stuck", ("restart",))), "stuck"),
        ((Event("released"),), "untouched"),
    ],
)
def test_the_last_word_of_a_host_is_its_outcome(events: tuple[Event, ...], result: Result) -> None:
    assert outcome_from("web-1", events).result == result


def test_a_lost_host_is_lost_whatever_it_said_and_tells_why() -> None:
    outcome = outcome_from("web-1", Unreachable("the host's side of the session ended"), COMMITTED)
    assert (outcome.result, outcome.error) == ("lost", "the host's side of the session ended")
    assert outcome.steps == (StepRun("restart", 0, 410),)


def test_what_failed_is_told_apart_from_what_failed_on_the_way_back() -> None:
    well = answers({"id": "health", "ok": True, "status": 200, "ms": 3})
    ill = answers({"id": "health", "ok": False, "status": 500, "ms": 3})
    outcome = outcome_from("web-1", (ill, *BACK, well, Event("reverted", ("restart",))))
    assert outcome.failed == (("restart", "1", "no such unit"),)
    assert outcome.back == (("restart", "1", "again"),)
    assert [asked.status for asked in outcome.asked] == [500]
    assert [asked.status for asked in outcome.asked_back] == [200]
    assert outcome.cause == "restart"
    assert [record.event for record in outcome.records] == ["reverted"]


def test_records_that_could_not_be_written_are_handed_on() -> None:
    assert outcome_from("web-1", (Event("unrecorded", ('"event":"kept"\n',)),)).unrecorded == ('"event":"kept"',)


_RESULTS: tuple[Result, ...] = (
    "committed",
    "incomplete",
    "kept",
    "reverted",
    "stuck",
    "lost",
    "untouched",
    "unreached",
)


@pytest.mark.parametrize("result", _RESULTS)
def test_a_later_verb_that_did_nothing_changes_no_outcome(result: Result) -> None:
    assert HostOutcome("web-1", result).then(HostOutcome("web-1", "untouched")).result == result


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("committed", "lost"),
        ("incomplete", "lost"),
        ("kept", "kept"),
        ("reverted", "reverted"),
        ("stuck", "stuck"),
    ],
)
def test_a_connection_that_ends_leaves_in_doubt_only_what_was_not_decided(before: Result, after: Result) -> None:
    assert HostOutcome("web-1", before).then(HostOutcome("web-1", "lost", error="gone")).result == after


@pytest.mark.parametrize("later", ["kept", "reverted", "stuck"])
def test_a_decision_is_the_outcome_of_what_was_committed(later: Result) -> None:
    assert HostOutcome("web-1", "committed").then(HostOutcome("web-1", later)).result == later


def test_what_a_later_verb_says_is_added() -> None:
    first = HostOutcome("web-1", "committed", failed=(("a", "1", ""),), asked=(Asked("health", True, 200, 1),))
    both = first.then(HostOutcome("web-1", "kept", failed=(("b", "2", ""),), cause="done"))
    assert both.failed == (("a", "1", ""), ("b", "2", ""))
    assert both.asked == first.asked
    assert both.cause == "done"


def test_only_what_stands_is_committed() -> None:
    standing = {result for result in _RESULTS if HostOutcome("web-1", result).committed}
    assert standing == {"committed", "incomplete", "kept"}


def test_a_step_is_named_as_the_configuration_has_it() -> None:
    event = Event("step", (json.dumps('restart "php" ü')[1:-1], "ended", "0", "5", "ok"))
    assert steps_in([Event("step", ("x", "begins")), event]) == (StepRun('restart "php" ü', 0, 5, "ok"),)


def test_a_step_without_a_readable_exit_status_has_not_succeeded() -> None:
    for status in ("", "x", "-1", "²", "9" * 5000):
        (step,) = steps_in([Event("step", ("restart", "ended", status, status))])
        assert not step.ok
        assert step.ms == 0


def test_only_the_last_round_of_answers_counts() -> None:
    rounds = [answers({"id": "health", "ok": ok, "status": 200, "ms": 1}) for ok in (False, True)]
    assert asked_in(rounds) == (Asked("health", True, 200, 1),)
    assert asked_in([]) == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["answers", "id", "ms"]), inner),
    max_leaves=5,
)


@given(JSON)
def test_any_json_in_place_of_answers_can_be_read(value: object) -> None:
    for text in (json.dumps(value), json.dumps({"answers": value}), json.dumps({"answers": [value]})):
        for asked in asked_in([Event("answers", (text,))]):
            assert isinstance(asked.ms, int)
            assert str(asked) or not asked.error


KINDS = ["committed", "failed", "step", "record", "unrecorded", "going-back", "answers", "busy", "stuck", "reverted"]


@given(st.lists(st.builds(Event, st.sampled_from(KINDS), st.lists(st.text(max_size=6), max_size=5).map(tuple))))
def test_any_answers_amount_to_an_outcome(events: list[Event]) -> None:
    assert outcome_from("web-1", events).name == "web-1"
    for event in events:
        assert str(holder_in(event))
