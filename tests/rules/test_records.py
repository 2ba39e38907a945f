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
    Log,
    audience_fields,
    audience_of,
    body,
    edits_in,
    lines_of,
    missing_from,
    read_log,
    read_object,
    read_record,
    texts_in,
    verify,
    verify_chain,
)

TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
BODIES = st.lists(
    st.fixed_dictionaries({"change": TEXTS, "event": st.sampled_from(["started", "kept"]), "reason": TEXTS}), min_size=1
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
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
    line = log.count("\n") + 1
    return log + f'{{"prev":"{sha(before) if log else ""}","line":{line},' + body(fields) + "\n"


def head_of(log: str) -> str:
    """What the host writes beside the log."""
    return f"{log.count(chr(10))} {sha(log.split(chr(10))[-2]) if log else ''}\n"


def chained(bodies: list[dict[str, str]]) -> str:
    log = ""
    for fields in bodies:
        log = appended(log, fields)
    return log


LOGS = BODIES.map(chained)


@given(LOGS)
def test_a_log_as_the_host_writes_it_is_sound(log: str) -> None:
    assert verify(Log(log, head_of(log))) is None
    assert log.isascii()


@given(LOGS, st.data())
def test_each_changed_byte_is_found_at_its_line_or_the_next(log: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(log) - 1))
    other = data.draw(st.characters(max_codepoint=126))
    assume(other != log[place])
    changed = log[:place] + other + log[place + 1 :]
    number = log[:place].count("\n") + 1
    fault = verify(Log(changed, head_of(log)))
    assert fault is not None
    assert fault.line in {number, number + 1}
    assert missing_from(lines_of(changed), lines_of(log)) != () or place == len(log) - 1


@given(LOGS, st.data())
def test_each_deleted_line_is_found_where_it_was(log: str, data: st.DataObject) -> None:
    lines = log.splitlines(keepends=True)
    place = data.draw(st.integers(0, len(lines) - 1))
    left = "".join(lines[:place] + lines[place + 1 :])
    assert verify(Log(left, head_of(log))) in (
        Fault(place + 1, "does not follow the line before it"),
        Fault(len(lines), f"is gone or cut off: audit.head names {len(lines)} lines"),
    )


@given(LOGS, st.data())
def test_any_two_lines_in_each_other_s_place_are_found_at_the_first(log: str, data: st.DataObject) -> None:
    lines = log.splitlines(keepends=True)
    assume(len(lines) > 1)
    one, other = sorted(data.draw(st.lists(st.integers(0, len(lines) - 1), min_size=2, max_size=2, unique=True)))
    lines[one], lines[other] = lines[other], lines[one]
    assert verify(Log("".join(lines), head_of(log))) == Fault(one + 1, "does not follow the line before it")


@given(LOGS, st.data())
def test_a_line_that_was_put_in_or_doubled_is_found(log: str, data: st.DataObject) -> None:
    lines = log.splitlines(keepends=True)
    place = data.draw(st.integers(0, len(lines)))
    own = [f'{{"prev":"{sha(lines[place - 1][:-1]) if place else ""}","event":"kept"}}\n']
    put = data.draw(st.sampled_from([*lines, *own, "\n", "{}\n", '{"prev":"\n', "noise\n"]))
    fault = verify(Log("".join([*lines[:place], put, *lines[place:]]), head_of(log)))
    if place == len(lines) and (put in own or fault is None):
        assert fault is None  # as a power cut leaves it: the host had written this line, and not yet the head
    else:
        assert fault is not None
        assert fault.line in {place + 1, place + 2}


@given(LOGS, st.data())
def test_a_tail_that_was_cut_off_is_found_where_it_was(log: str, data: st.DataObject) -> None:
    left = log[: data.draw(st.integers(0, len(log) - 1))]
    fault = verify(Log(left, head_of(log)))
    assert fault is not None
    assert fault.line == left.count("\n") + 1


@given(LOGS, st.data())
def test_a_head_that_was_changed_or_removed_is_found(log: str, data: st.DataObject) -> None:
    head = head_of(log)
    place = data.draw(st.integers(0, len(head) - 1))
    other = data.draw(st.characters(max_codepoint=126))
    assume(other != head[place])
    assert verify(Log(log, head[:place] + other + head[place + 1 :])) is not None
    assert verify(Log(log, head[:place])) is not None


@given(LOGS, BODIES)
def test_a_log_that_is_one_line_ahead_of_its_head_was_cut_off_in_between(log: str, later: list[dict[str, str]]) -> None:
    one, two = appended(log, later[0]), appended(appended(log, later[0]), later[-1])
    number = log.count("\n")
    assert verify(Log(one, head_of(log))) is None
    assert verify(Log(one[:-9], head_of(log))) is None
    assert verify(Log(two, head_of(log))) == Fault(number + 2, f"was added: audit.head names {number} lines")


def test_a_log_from_before_there_were_heads_is_sound() -> None:
    old = '{"prev":"","event":"started"}\n'
    assert verify(Log(old)) is None
    assert verify(Log(appended(old, {"event": "kept"}))) == Fault(
        2, "is not named by audit.head any more: that file is gone"
    )


def test_the_last_two_lines_joined_are_no_torn_line() -> None:
    lines = chained([{"event": "started"}, {"event": "kept"}, {"event": "started"}]).split("\n")
    joined = "\n".join([lines[0], f"{lines[1]}0{lines[2]}", ""])
    assert verify_chain(lines_of(joined)) == Fault(2, "is no record")


@given(LOGS, st.integers(1))
def test_a_torn_last_line_is_an_accident_and_no_fault(log: str, cut: int) -> None:
    last = log.rfind("\n", 0, -1) + 1
    torn = log[: max(len(log) - 1 - cut % (len(log) - last), last)]
    assert verify_chain(lines_of(torn)) is None


@given(LOGS, st.integers(1), BODIES)
def test_a_log_that_goes_on_behind_a_torn_line_is_sound(log: str, cut: int, later: list[dict[str, str]]) -> None:
    last = log.rfind("\n", 0, -1) + 1
    torn = log[: max(len(log) - 1 - cut % (len(log) - last), last)]
    for fields in later:
        torn = appended(torn, fields)
    assert verify_chain(lines_of(torn)) is None


def test_zeros_that_a_power_cut_left_are_no_fault() -> None:
    for torn in ("\0\0", '{"prev":"\0\0'):
        assert verify_chain(lines_of(appended(torn, {"event": "kept"}))) is None


def test_a_torn_line_in_the_middle_that_nobody_followed_up_is_found_behind_it() -> None:
    first, second, third = chained([{"change": c, "event": "kept", "reason": ""} for c in "abc"]).splitlines()
    assert verify_chain(lines_of(f"{first}\n{second[:-9]}\n{third}\n")) == Fault(
        3, "does not follow the line before it"
    )


def test_a_line_that_went_before_a_torn_one_is_missed_by_it() -> None:
    first, second, third = chained([{"change": c, "event": "kept", "reason": ""} for c in "abc"]).splitlines()
    log = appended(f"{first}\n{second}\n{third[:-9]}", {"change": "d", "event": "kept", "reason": ""})
    assert verify_chain(lines_of(log)) is None
    assert verify_chain(lines_of(log.replace(second + "\n", ""))) == Fault(2, "is no record")


@pytest.mark.parametrize("line", ["noise", "[]", '"text"', "5", '{"change":"a"', "\x00a\x00"])
def test_a_line_that_does_not_begin_as_a_record_is_no_torn_one(line: str) -> None:
    assert verify_chain(lines_of(line + "\n")) == Fault(1, "is no record")


def test_a_cut_off_tail_shows_only_against_what_was_seen() -> None:
    whole = lines_of(chained([{"change": c, "event": "kept", "reason": ""} for c in "abc"]))
    assert verify_chain(whole[:1]) is None
    assert [record.line for record in missing_from(whole[:1], whole)] == whole[1:]
    assert missing_from(whole, whole[:2]) == ()


def test_a_torn_line_that_was_seen_is_not_missed() -> None:
    # It may be a record that the host was writing while it was read.
    assert missing_from((), lines_of('{"prev":"","change":"a')) == ()


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
