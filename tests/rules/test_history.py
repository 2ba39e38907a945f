"""What several hosts' logs tell together."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolloutctl.rules.flags import NOBODY, Audience
from rolloutctl.rules.history import Change, fold, in_doubt, last_kept, of_environment, undoable
from rolloutctl.rules.records import Record, read_record
from tests import fakes


def record(change: str, event: str, **overrides: object) -> Record:
    fields: dict[str, object] = {
        "prev": "",
        "time": "2026-11-23T01:00:00Z",
        "event": event,
        "change": change,
        "environment": "production",
        "hosts": ["web-1", "web-2"],
        "arbiter": "web-1",
        "flag": "portal",
        "narrow": False,
        "from": {"enabled": False, "companies": []},
        "to": {"enabled": True, "companies": [15]},
        "edits": [{"key": "FEATURE_PORTAL", "before": "=false", "after": "=true"}],
        "undoes": [],
    }
    return read_record(json.dumps(fields | overrides))


def kept(*changes: str, flag: str = "portal", narrow: bool = False) -> list[Record]:
    return [record(c, event, flag=flag, narrow=narrow) for c in changes for event in ("started", "kept")]


def reverted(*changes: str, flag: str = "portal") -> list[Record]:
    return [record(c, event, flag=flag) for c in changes for event in ("started", "reverted")]


def ids(changes: Iterable[Change]) -> list[str]:
    return [change.id for change in changes]


def test_a_change_is_told_by_all_its_hosts() -> None:
    (change,) = fold({"web-1": kept("a"), "web-2": reverted("a")})
    assert change.ends == {"web-1": "kept", "web-2": "reverted"}
    assert (change.id, change.flag, change.environment, change.time) == (
        "a",
        "portal",
        "production",
        "2026-11-23T01:00:00Z",
    )
    assert (change.before, change.after) == (NOBODY, Audience(True, (15,)))


def test_the_order_is_the_arbiter_s() -> None:
    assert ids(fold({"web-1": kept("a", "b", "c"), "web-2": kept("c", "a")})) == ["a", "b", "c"]


def test_a_change_that_the_arbiter_missed_stands_before_what_followed_it_elsewhere() -> None:
    # web-1 was down while "off" was switched on web-2, and came back before "c".
    changes = fold({"web-1": kept("a", "c"), "web-2": [*kept("a"), *kept("off", narrow=True), *kept("c")]})
    assert ids(changes) == ["a", "off", "c"]
    newest = last_kept(changes, "portal")
    assert newest is not None
    assert newest.id == "c"


def test_a_change_that_only_another_host_knows_and_nothing_followed_is_the_newest() -> None:
    assert ids(fold({"web-1": kept("a"), "web-2": kept("a", "b"), "web-3": kept("a", "b")})) == ["a", "b"]


def test_a_host_whose_newest_records_reach_further_back_makes_nothing_old_the_newest() -> None:
    assert ids(fold({"web-1": kept("c", "d"), "web-2": kept("a", "b", "c", "d")})) == ["a", "b", "c", "d"]


@given(st.lists(st.sampled_from("abcdefgh"), unique=True), st.data())
def test_hosts_that_missed_changes_agree_on_the_order_of_what_they_saw(order: list[str], data: st.DataObject) -> None:
    logs = {
        name: kept(*(c for c in order if data.draw(st.booleans(), label=f"{name} {c}")))
        for name in ("web-1", "web-2", "web-3")
    }
    folded = ids(fold(logs))
    for log in logs.values():
        own = list(dict.fromkeys(r.change for r in log))
        assert [name for name in folded if name in own] == own
    assert len(folded) == len(set(folded))


def test_logs_that_contradict_each_other_are_told_as_the_arbiter_has_it() -> None:
    assert ids(fold({"web-1": kept("a", "b", "c"), "web-2": kept("c", "x", "a")})) == ["a", "b", "c", "x"]


def test_torn_records_and_records_of_other_events_are_passed_over() -> None:
    others = [
        read_record('{"prev":"ab'),
        record("a", "once"),
        record("r", "rollout"),
        read_record(""),
        record("", "kept"),
    ]
    (change,) = fold({"web-1": [*others, *kept("a"), *others]})
    assert (change.id, change.ends) == ("a", {"web-1": "kept"})


def test_a_late_started_does_not_take_an_outcome_back() -> None:
    (change,) = fold({"web-1": [record("a", "kept"), record("a", "started")]})
    assert change.outcome == "kept"


def test_what_a_host_settled_later_counts() -> None:
    (change,) = fold({"web-1": [record("a", "started"), record("a", "reverted"), record("a", "kept")]})
    assert change.ends == {"web-1": "kept"}


def test_an_interrupted_change_is_started() -> None:
    (change,) = fold({"web-1": [record("a", "started")], "web-2": [record("a", "started")]})
    assert change.outcome == "started"
    assert last_kept([change], "portal") is None
    assert undoable([change]) == (change,)  # to settle it is all that a rollback then does
    assert in_doubt([change]) == ()


def test_the_arbiter_s_outcome_is_the_change_s_and_others_dissent() -> None:
    (change,) = fold({"web-1": reverted("a"), "web-2": kept("a")})
    assert change.outcome == "reverted"
    assert change.dissenters == ("web-2",)


def test_while_the_arbiter_can_not_be_asked_the_others_speak() -> None:
    (change,) = fold({"web-2": kept("a"), "web-3": [record("a", "started")]})
    assert change.outcome == "kept"


def test_a_narrowing_that_any_host_kept_is_kept() -> None:
    change = fold({"web-1": [record("off", "started", narrow=True)], "web-2": kept("off", narrow=True)})[0]
    assert change.outcome == "kept"
    assert change.dissenters == ("web-1",)
    assert in_doubt([change]) == ()


def test_each_host_s_edits_are_its_own() -> None:
    one, other = ({"key": "FEATURE_PORTAL", "before": text, "after": "=true"} for text in ("=false", None))
    (change,) = fold(
        {"web-1": [record("a", "kept", edits=[one])], "web-2": [record("a", "kept", edits=[other])], "web-3": []}
    )
    assert change.edits == {"web-1": (one,), "web-2": (other,)}


@pytest.mark.parametrize("nonsense", [5, "text", None, {"key": "A"}, [5], [{"key": "A"}], [{"key": [], "before": 1}]])
def test_nonsense_in_a_record_is_no_edit_and_undoes_nothing(nonsense: object) -> None:
    (change,) = fold({"web-1": [record("a", "kept", edits=nonsense, undoes=nonsense)]})
    assert change.edits == {"web-1": ()}
    assert change.undoes == ()
    assert undoable([change]) == ()


def test_changes_are_undone_newest_first_and_of_one_flag_when_asked() -> None:
    changes = fold({"web-1": [*kept("a"), *kept("b", flag="billing"), *kept("c"), *reverted("d")]})
    assert ids(undoable(changes)) == ["c", "b", "a"]
    assert ids(undoable(changes, "portal")) == ["c", "a"]


def test_a_rollback_undoes_and_is_not_undone_itself() -> None:
    undo = [record("u", "started", undoes=["c", "b"]), record("u", "kept", undoes=["c", "b"])]
    changes = fold({"web-1": [*kept("a", "b", "c"), *undo]})
    assert ids(undoable(changes)) == ["a"]
    again = fold({"web-1": [*kept("a", "b", "c"), *undo, *kept("d")]})
    assert ids(undoable(again)) == ["d", "a"]


def test_a_rollback_that_went_back_has_undone_nothing() -> None:
    undo = [record("u", "started", undoes=["b"]), record("u", "reverted", undoes=["b"])]
    assert ids(undoable(fold({"web-1": [*kept("a", "b"), *undo]}))) == ["b", "a"]


def test_a_change_undone_twice_is_undone_once() -> None:
    undo = [record(name, "kept", undoes=["b"]) for name in ("u", "v")]
    assert ids(undoable(fold({"web-1": [*kept("a", "b"), *undo]}))) == ["a"]


def test_what_only_rebuilt_a_cache_has_nothing_to_undo() -> None:
    changes = fold({"web-1": [*kept("a"), record("b", "kept", edits=[])]})
    assert ids(undoable(changes)) == ["a"]


def test_hosts_that_ended_differently_are_in_doubt() -> None:
    assert ids(in_doubt(fold({"web-1": kept("a"), "web-2": reverted("a")}))) == ["a"]
    assert ids(in_doubt(fold({"web-1": reverted("a"), "web-2": kept("a")}))) == ["a"]
    assert in_doubt(fold({"web-1": kept("a"), "web-2": kept("a")})) == ()


def test_a_later_change_that_was_kept_has_settled_the_doubt() -> None:
    logs = {"web-1": kept("a", "b"), "web-2": [*reverted("a"), *kept("b")]}
    assert in_doubt(fold(logs)) == ()


def test_a_later_change_that_went_back_leaves_the_doubt() -> None:
    logs = {"web-1": [*kept("a"), *reverted("b")], "web-2": [*reverted("a"), *reverted("b")]}
    assert ids(in_doubt(fold(logs))) == ["a"]


def test_each_flag_has_its_own_doubts() -> None:
    logs = {
        "web-1": [*kept("a"), *kept("b", flag="billing")],
        "web-2": [*reverted("a"), *kept("b", flag="billing")],
    }
    assert ids(in_doubt(fold(logs))) == ["a"]


def test_the_states_of_hosts_tell_the_same_as_their_logs() -> None:
    assert of_environment({"web-1": fakes.state("web-1", b"")}) == ()


def test_a_switch_off_that_was_kept_although_a_step_failed_names_the_host() -> None:
    failed = [{"name": "restart", "ok": False}]
    logs = {
        # no step failed there: the application was ill besides
        "web-1": [record("a", "started", narrow=True), record("a", "kept", narrow=True, cause="a-step-failed")],
        "web-2": [record("a", "started", narrow=True), record("a", "kept", narrow=True, steps=failed)],
    }
    (change,) = fold(logs)
    assert (change.outcome, change.lame) == ("kept", ("web-2",))
