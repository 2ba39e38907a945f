"""Which items of a checklist have passed, from the records of whoever ticked them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolloutctl.errors import UsageError
from rolloutctl.rules.checklists import Checklist, Group, Item
from rolloutctl.rules.flags import EVERYONE, NOBODY, Audience
from rolloutctl.rules.ticks import Progress, Tick, Ticks, fold_ticks

LOGIN = Item(id="login", what="Somebody can log in")
PHONE = Item(id="phone", what="It works on a phone", required=False)
OFF = Item(id="off-404", what="Off, it is gone", when="off", run="true")
LISTED = Checklist(
    path="portal.yaml",
    title="Portal",
    groups=(Group(name="access", items=(LOGIN, PHONE)), Group(name="the switch", items=(OFF,))),
)
ACTIONS = {"passed": "passed", "failed": "failed", "cleared": "open"}

ids = st.sampled_from([*(item.id for item in LISTED.items), "gone"])
records = st.lists(
    st.fixed_dictionaries(
        {"event": st.just("check"), "item": ids, "action": st.sampled_from([*ACTIONS, "wondered"])},
        optional={"actor": st.text(), "at": st.text(), "note": st.text() | st.integers()},
    )
)


def check(item: str, action: str, **more: object) -> dict[str, Any]:
    return {
        "event": "check",
        "item": item,
        "action": action,
        "actor": "qa@example.com",
        "at": "2025-11-18T12:00:00Z",
        **more,
    }


def test_the_last_word_on_an_item_wins_with_who_when_and_why() -> None:
    ticks = fold_ticks(
        [
            check("login", "failed", note="a 500"),
            check("login", "passed", actor="lead@example.com", at="2025-11-19T12:00:00Z", note="mended"),
        ]
    )
    assert ticks.of(LOGIN) == Tick("login", "passed", "lead@example.com", "2025-11-19T12:00:00Z", "mended")
    assert ticks.of(PHONE) is None


def test_what_is_cleared_is_open_again_and_says_who_cleared_it() -> None:
    ticks = fold_ticks([check("login", "passed"), check("login", "cleared", note="staging was built anew")])
    assert ticks.standing(LOGIN) == "open"
    assert ticks.of(LOGIN) == Tick("login", "open", "qa@example.com", "2025-11-18T12:00:00Z", "staging was built anew")


def test_required_items_alone_open_the_gate() -> None:
    assert fold_ticks([]).progress(LISTED.items) == Progress(open=3, required_open=2)
    some = fold_ticks([check("login", "passed"), check("phone", "failed"), check("off-404", "failed")])
    assert some.progress(LISTED.items) == Progress(passed=1, failed=2, required_open=1)
    assert not some.progress(LISTED.items).complete
    all_required = fold_ticks([check("login", "passed"), check("phone", "failed"), check("off-404", "passed")])
    assert all_required.progress(LISTED.items) == Progress(passed=2, failed=1)
    assert all_required.progress(LISTED.items).complete


def test_an_item_that_left_the_file_counts_for_nothing_but_is_counted() -> None:
    ticks = fold_ticks([check("old", "passed"), check("older", "failed"), check("oldest", "cleared")])
    assert ticks.unknown(LISTED) == 2
    assert ticks.progress(LISTED.items) == Progress(open=3, required_open=2)


def test_a_new_required_item_opens_what_was_complete() -> None:
    ticks = fold_ticks([check("login", "passed"), check("off-404", "passed")])
    assert ticks.progress(LISTED.items).complete
    assert not ticks.progress((*LISTED.items, Item(id="new", what="Something else holds"))).complete
    assert ticks.progress((*LISTED.items, Item(id="new", what="A wish", required=False))).complete


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"event": "sign-off", "item": "login", "action": "passed"},
        check("login", "wondered"),
        check("", "passed"),
        {"event": "check", "item": ["login"], "action": "passed"},
        {"event": "check", "item": "login", "action": {"passed": 1}},
        {"event": "check", "action": "passed"},
    ],
)
def test_what_says_nothing_of_an_item_is_passed_over(record: dict[str, Any]) -> None:
    assert fold_ticks([check("login", "failed"), record]).standing(LOGIN) == "failed"
    assert fold_ticks([record]) == Ticks()


def test_fields_that_are_no_texts_are_empty() -> None:
    (tick,) = fold_ticks([check("login", "passed", actor=7, at=None, note=["x"])]).by_item.values()
    assert tick == Tick("login", "passed", "", "", "")


@given(records)
def test_only_the_last_record_of_each_item_matters(written: list[dict[str, Any]]) -> None:
    said = [record for record in written if record["action"] in ACTIONS]
    last = {record["item"]: record for record in said}
    assert fold_ticks(written) == fold_ticks(last.values())
    assert {name: tick.standing for name, tick in fold_ticks(written).by_item.items()} == {
        name: ACTIONS[record["action"]] for name, record in last.items()
    }


@given(records, records)
def test_records_that_come_later_are_folded_onto_what_was_known(
    first: list[dict[str, Any]], second: list[dict[str, Any]]
) -> None:
    known = fold_ticks(first).by_item
    assert fold_ticks([*first, *second]).by_item == {**known, **fold_ticks(second).by_item}


@given(records)
def test_groups_add_up_to_the_whole(written: list[dict[str, Any]]) -> None:
    ticks = fold_ticks(written)
    parts = [ticks.progress(group.items) for group in LISTED.groups]
    whole = ticks.progress(LISTED.items)
    assert whole == Progress(
        sum(part.passed for part in parts),
        sum(part.failed for part in parts),
        sum(part.open for part in parts),
        sum(part.required_open for part in parts),
    )
    assert whole.total == len(LISTED.items)
    assert whole.complete == all(part.complete for part in parts)
    assert ticks.unknown(LISTED) <= 1


def test_an_item_is_found_by_its_id_and_a_slip_is_told() -> None:
    assert LISTED.item("login") == LOGIN
    with pytest.raises(UsageError, match="no checklist item 'logn'") as told:
        LISTED.item("logn")
    assert told.value.message == "There is no checklist item 'logn'. Did you mean 'login'?"
    assert told.value.hint == "Known: login, phone, off-404."


def test_items_that_look_by_themselves_are_chosen_by_name_or_all() -> None:
    assert LISTED.automatic() == (OFF,)
    assert LISTED.automatic(["off-404", "off-404"]) == (OFF,)
    assert LISTED.automatic([]) == ()
    with pytest.raises(UsageError, match="'login' has no request and no command: only a person can tell"):
        LISTED.automatic(["off-404", "login"])
    with pytest.raises(UsageError, match="no checklist item 'of'"):
        LISTED.automatic(["of"])


@pytest.mark.parametrize(
    ("when", "audience", "fits"),
    [
        ("any", NOBODY, True),
        ("any", EVERYONE, True),
        ("off", NOBODY, True),
        ("off", Audience(enabled=False, companies=(15,)), True),
        ("off", EVERYONE, False),
        ("on", EVERYONE, True),
        ("on", Audience(enabled=True, companies=(15,)), True),
        ("on", NOBODY, False),
    ],
)
def test_an_item_fits_what_the_flag_is(when: Any, audience: Audience, fits: bool) -> None:  # noqa: ANN401 - a Literal
    assert Item(id="x", what="x", when=when).fits(audience) is fits
