"""The audit log's chain: every accident is found, and a host may write anything without harm."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rolloutctl.rules.flags import EVERYONE, NOBODY, Audience
from rolloutctl.rules.records import (
    Fault,
    audience_fields,
    audience_of,
    body,
    edits_in,
    missing_from,
    read_log,
    read_object,
    read_record,
    texts_in,
    verify,
)

TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
BODIES = st.lists(
    st.fixed_dictionaries({"change": TEXTS, "event": st.sampled_from(["started", "kept"]), "reason": TEXTS}), min_size=1
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def sha(line: str) -> str:
    return hashlib.sha256(line.encode()).hexdigest()


def appended(log: str, fields: dict[str, str]) -> str:
    """A log with one more record, as the host appends it: a torn last line is ended first."""
    if log and not log.endswith("\n"):
        log += "\n"
    before = log.split("\n")[-2] if log else ""
    return log + f'{{"prev":"{sha(before) if log else ""}",' + body(fields) + "\n"


def chained(bodies: list[dict[str, str]]) -> str:
    log = ""
    for fields in bodies:
        log = appended(log, fields)
    return log


LOGS = BODIES.map(chained)


@given(LOGS)
def test_a_log_as_the_host_writes_it_is_sound(log: str) -> None:
    assert verify(read_log(log)) is None
    assert log.isascii()


@given(LOGS, st.data())
def test_a_changed_byte_is_found_by_the_chain_or_on_the_last_line_by_what_was_seen(
    log: str, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(log) - 2))
    other = data.draw(st.characters(min_codepoint=1, max_codepoint=126))
    assume(other != log[place])
    changed = log[:place] + other + log[place + 1 :]
    in_last_line = place > log.rfind("\n", 0, -1)
    assert verify(read_log(changed)) is not None or in_last_line
    assert missing_from(read_log(changed), read_log(log)) != ()


def test_the_last_two_lines_joined_are_no_torn_line() -> None:
    lines = chained([{"event": "started"}, {"event": "kept"}, {"event": "started"}]).split("\n")
    joined = "\n".join([lines[0], f"{lines[1]}0{lines[2]}", ""])
    assert verify(read_log(joined)) == Fault(2, "is no record")


@given(st.lists(BODIES.map(lambda bodies: bodies[0]), min_size=2, unique_by=str), st.data())
def test_a_deleted_line_is_found_by_the_chain_or_at_the_end_by_what_was_seen(
    bodies: list[dict[str, str]], data: st.DataObject
) -> None:
    lines = chained(bodies).splitlines(keepends=True)
    place = data.draw(st.integers(0, len(lines) - 1))
    left = read_log("".join(lines[:place] + lines[place + 1 :]))
    assert verify(left) is not None or place == len(lines) - 1
    assert missing_from(left, read_log("".join(lines))) == (read_record(lines[place].rstrip("\n")),)


@given(LOGS, st.data())
def test_two_lines_in_the_other_order_are_found(log: str, data: st.DataObject) -> None:
    lines = log.splitlines(keepends=True)
    assume(len(lines) > 1)
    place = data.draw(st.integers(0, len(lines) - 2))
    lines[place], lines[place + 1] = lines[place + 1], lines[place]
    assert verify(read_log("".join(lines))) is not None


@given(LOGS, st.data())
def test_an_inserted_line_is_found(log: str, data: st.DataObject) -> None:
    lines = log.splitlines(keepends=True)
    place = data.draw(st.integers(0, len(lines) - 1))
    inserted = data.draw(st.sampled_from([lines[0], lines[-1], "\n", "{}\n", '{"prev":"', "noise\n"]))
    assert verify(read_log("".join([*lines[:place], inserted, *lines[place:]]))) is not None


@given(LOGS, st.integers(1))
def test_a_torn_last_line_is_an_accident_and_no_fault(log: str, cut: int) -> None:
    last = log.rfind("\n", 0, -1) + 1
    torn = log[: max(len(log) - 1 - cut % (len(log) - last), last)]
    assert verify(read_log(torn)) is None


@given(LOGS, st.integers(1), BODIES)
def test_a_log_that_goes_on_behind_a_torn_line_is_sound(log: str, cut: int, later: list[dict[str, str]]) -> None:
    last = log.rfind("\n", 0, -1) + 1
    torn = log[: max(len(log) - 1 - cut % (len(log) - last), last)]
    for fields in later:
        torn = appended(torn, fields)
    assert verify(read_log(torn)) is None


def test_a_torn_line_in_the_middle_that_nobody_followed_up_is_found_behind_it() -> None:
    first, second, third = chained([{"change": c, "event": "kept", "reason": ""} for c in "abc"]).splitlines()
    assert verify(read_log(f"{first}\n{second[:-9]}\n{third}\n")) == Fault(3, "does not follow the line before it")


def test_a_line_that_went_before_a_torn_one_is_missed_by_it() -> None:
    first, second, third = chained([{"change": c, "event": "kept", "reason": ""} for c in "abc"]).splitlines()
    log = appended(f"{first}\n{second}\n{third[:-9]}", {"change": "d", "event": "kept", "reason": ""})
    assert verify(read_log(log)) is None
    assert verify(read_log(log.replace(second + "\n", ""))) == Fault(2, "is no record")


@pytest.mark.parametrize("line", ["noise", "[]", '"text"', "5", '{"change":"a"', "\x00\x00"])
def test_a_line_that_does_not_begin_as_a_record_is_no_torn_one(line: str) -> None:
    assert verify(read_log(line + "\n")) == Fault(1, "is no record")


def test_a_cut_off_tail_shows_only_against_what_was_seen() -> None:
    whole = read_log(chained([{"change": c, "event": "kept", "reason": ""} for c in "abc"]))
    assert verify(whole[:1]) is None
    assert missing_from(whole[:1], whole) == whole[1:]
    assert missing_from(whole, whole[:2]) == ()


def test_a_torn_line_that_was_seen_is_not_missed() -> None:
    # It may be a record that the host was writing while it was read.
    assert missing_from((), read_log('{"prev":"","change":"a')) == ()


def test_only_a_newline_ends_a_line() -> None:
    line = '{"prev":"","reason":"a\u2028b\x0bc\rd"}'
    assert [record.line for record in read_log(line + "\n")] == [line]
    assert read_log("") == ()
    assert [record.line for record in read_log("\n\n")] == ["", ""]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "NaN", "[" * 100_000, '{"a":' * 100_000, "1" * 5000])
def test_what_is_no_object_is_an_empty_one(text: str) -> None:
    assert read_object(text) == {}
    assert read_record(text).torn


@given(st.dictionaries(TEXTS, JSON, max_size=4))
def test_a_record_s_fields_are_one_line_of_ascii_that_is_read_again(fields: dict[str, object]) -> None:
    line = "{" + body(fields)
    assert line.isascii()
    assert "\n" not in line
    assert json.dumps(read_object(line)) == json.dumps(fields)


def test_a_record_says_its_change_event_and_flag() -> None:
    record = read_record('{"change":"7k3f9q","event":"kept","flag":"portal"}')
    assert (record.change, record.event, record.flag, record.torn) == ("7k3f9q", "kept", "portal", False)
    assert read_record("torn").change == ""


@given(st.builds(Audience, st.booleans(), st.lists(st.integers(1, 99)).map(tuple)))
def test_an_audience_is_read_as_it_was_recorded(audience: Audience) -> None:
    assert audience_of(json.loads(json.dumps(audience_fields(audience)))) == audience


@given(JSON)
def test_any_json_in_place_of_a_field_can_be_read(value: object) -> None:
    audience_of(value)
    assert audience_of({"enabled": True, "companies": value}).enabled
    assert all(isinstance(text, str) for text in texts_in(value))
    assert all(set(edit) >= {"key", "before", "after"} for edit in edits_in(value))


def test_a_field_that_is_no_audience_is_nobody() -> None:
    assert audience_of(None) == audience_of("everyone") == audience_of({}) == NOBODY
    assert audience_of({"enabled": True, "companies": None}) == EVERYONE


def test_edits_are_read_all_or_none() -> None:
    good = {"key": "A", "before": None, "after": "=true"}
    assert edits_in([good, good]) == (good, good)
    for bad in ({"key": "A", "before": None}, {"key": 1, "before": None, "after": None}, "A", {**good, "after": 5}):
        assert edits_in([good, bad]) == ()
