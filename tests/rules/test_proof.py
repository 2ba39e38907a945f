"""What the application's own phpdotenv and config cache prove, and what is said when they don't."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from rolloutctl.rules.env_lines import EnvText
from rolloutctl.rules.flags import EVERYONE, NOBODY, Audience
from rolloutctl.rules.host import FileFault
from rolloutctl.rules.plans import Edit, HostPlan
from rolloutctl.rules.proof import (
    Difference,
    Objection,
    judge_cache,
    judge_file,
    read_difference,
    read_fault,
    unexplained,
)
from tests import fakes
from tests.fakes import FLAG, KEY, LIST, PRODUCTION, host_plan

PILOT = Audience(True, (15, 42))
SETTING, LISTED = "features.portal", "features.portal_test_companies"
OFF = b"FEATURE_PORTAL=false\n"
GOT = {KEY: "true", LIST: "15,42"}

# ----------------------------------------------------------------------------------------------------------- the file


def messages(check: dict[str, Any]) -> list[str]:
    return [objection.message for objection in judge_file(host_plan(OFF, PILOT), FLAG, check)]


def test_an_edit_that_phpdotenv_reads_as_it_was_meant_is_proved() -> None:
    assert messages({"old_error": None, "new_error": None, "changed": [KEY, LIST], "got": GOT}) == []


def test_another_key_that_would_change_too_is_named() -> None:
    found = messages({"changed": [KEY, "APP_URL", "ANY"], "got": GOT})
    assert found == ["The edit would change ANY, APP_URL too."]


@pytest.mark.parametrize("got", [{KEY: "true"}, {KEY: "true", LIST: "15"}, {KEY: "true", LIST: None}])
def test_a_key_that_phpdotenv_reads_otherwise_is_named(got: dict[str, str | None]) -> None:
    assert messages({"changed": [], "got": got}) == [f"phpdotenv would not read {LIST} as it is written."]


@pytest.mark.parametrize("error", ["old_error", "new_error"])
def test_a_file_that_phpdotenv_rejects_is_an_objection_with_its_line(error: str) -> None:
    (objection,) = judge_file(host_plan(OFF, PILOT), FLAG, {error: {"what": "invalid", "key": "MAIL", "line": 7}})
    assert objection.message == ".env is invalid to phpdotenv at line 7 (MAIL)."
    assert "Mend that line" in objection.hint


@pytest.mark.parametrize("what", ["unreadable", "no phpdotenv", "something new"])
def test_a_file_that_can_not_be_read_for_another_reason_has_another_remedy(what: str) -> None:
    (objection,) = judge_file(host_plan(OFF, PILOT), FLAG, {"old_error": {"what": what, "key": None, "line": None}})
    assert "Mend that line" not in objection.hint


@pytest.mark.parametrize("value", ["${PILOTS}", "\ufffd"])
def test_what_only_phpdotenv_can_know_is_not_compared(value: str) -> None:
    edit = Edit(KEY, None, value, None, "=x")
    plan = HostPlan(fakes.state("web-1", b""), NOBODY, None, (edit,), EnvText(b""))
    assert judge_file(plan, FLAG, {"changed": [KEY], "got": {KEY: "anything"}}) == ()


@pytest.mark.parametrize("check", [{}, {"changed": 5, "got": {}}, {"changed": [], "got": []}, {"changed": []}])
def test_a_check_that_makes_no_sense_proves_nothing(check: dict[str, Any]) -> None:
    assert messages(check) == ["What the host's php says of .env makes no sense."]


# ---------------------------------------------------------------------------------------------------------- the cache


def judged(
    target: Audience,
    difference: Difference,
    **overrides: Any,  # noqa: ANN401 - fields of a flag
) -> tuple[list[str], list[str]]:
    objections, notes = judge_cache(replace(FLAG, **overrides), PRODUCTION, target, difference)
    return [objection.message for objection in objections], list(notes)


@pytest.mark.parametrize(
    ("target", "got"),
    [
        (EVERYONE, {SETTING: True}),
        (EVERYONE, {SETTING: True, LISTED: ""}),
        (EVERYONE, {SETTING: {"enabled": True}, LISTED: []}),
        (PILOT, {SETTING: True}),
        (PILOT, {SETTING: True, LISTED: "15,42"}),
        (PILOT, {SETTING: "true", LISTED: ["42", "15"]}),
        (PILOT, {SETTING: 1, LISTED: {"a": 15, "b": 42}}),
        (NOBODY, {SETTING: False, LISTED: "15"}),
        (NOBODY, {SETTING: None}),
        (NOBODY, {SETTING: ""}),
    ],
)
def test_a_cache_that_holds_what_was_asked_for_is_proved(target: Audience, got: dict[str, Any]) -> None:
    assert judged(target, Difference((SETTING, LISTED), got)) == ([], [])


@pytest.mark.parametrize(
    ("target", "got", "said"),
    [
        (EVERYONE, {SETTING: False}, f"still hold {SETTING} = false."),
        (EVERYONE, {SETTING: None}, f"still hold {SETTING} = null."),
        (EVERYONE, {SETTING: "0"}, f"still hold {SETTING} = '0'."),
        (NOBODY, {SETTING: "off"}, f"still hold {SETTING} = 'off'."),
        (NOBODY, {SETTING: {"enabled": True, "token": "s3cret"}}, f"still hold {SETTING} = an array."),
        (NOBODY, {SETTING: ["s3cret"]}, f"still hold {SETTING} = an array."),
        (PILOT, {SETTING: True, LISTED: "15"}, f"hold {LISTED} for company 15, not for companies 15 and 42."),
        (PILOT, {SETTING: True, LISTED: []}, f"hold {LISTED} for everyone, not for companies 15 and 42."),
        (EVERYONE, {SETTING: True, LISTED: ["15"]}, f"hold {LISTED} for company 15, not for everyone."),
        (EVERYONE, {}, f"The config cache has no setting {SETTING}."),
    ],
)
def test_a_cache_that_would_hold_something_else_is_refused_without_its_secrets(
    target: Audience, got: dict[str, Any], said: str
) -> None:
    objections, notes = judged(target, Difference((SETTING,), got))
    assert [said in each for each in objections] == [True]
    assert "s3cret" not in objections[0]
    assert notes == []


def test_a_flag_that_is_not_to_be_compared_has_no_value_to_prove() -> None:
    assert judged(EVERYONE, Difference((), {}), config=None) == ([], [])


def test_all_below_the_flag_s_setting_is_its_own_and_what_only_begins_like_it_is_not() -> None:
    names = (SETTING, f"{SETTING}.enabled", f"{LISTED}.0", f"{SETTING}_old", "features", "app.built", "app.built.at")
    environment = replace(PRODUCTION, volatile=("app.built",))
    assert unexplained(FLAG, environment, Difference(names, {})) == (f"{SETTING}_old", "features")


def test_pending_edits_are_refused_unless_asked_for_volatile_values_noted_and_effects_of_the_flag_too() -> None:
    difference = Difference(
        (SETTING, "mail.from", "app.built", "menu.portal"),
        {SETTING: True},
        pending=("mail.from",),
        volatile=("app.built",),
    )
    objections, notes = judge_cache(FLAG, PRODUCTION, EVERYONE, difference)
    assert objections == (
        Objection(
            "An edit waits that nobody has made live yet, and this change would: mail.from.",
            "If it is meant: --with-pending. Otherwise undo it in .env or the config file first.",
            pending=True,
            passed="An edit that waited goes live with it: mail.from.",
        ),
    )
    assert notes == (
        "app.built: different at each build; silence with volatile: in environments.yaml.",
        "The flag also sets menu.portal.",
    )


def test_what_is_declared_volatile_is_silent_also_when_it_waits() -> None:
    difference = Difference((SETTING, "app.built"), {SETTING: True}, pending=("app.built",), volatile=())
    assert judge_cache(FLAG, replace(PRODUCTION, volatile=("app",)), EVERYONE, difference) == ((), ())


def test_without_a_control_build_nothing_is_taken_for_the_flag_s_own_effect() -> None:
    objections, notes = judge_cache(
        FLAG, PRODUCTION, EVERYONE, Difference((SETTING, "mail.from"), {SETTING: True}, controlled=False)
    )
    assert [(objection.pending, "mail.from" in objection.message) for objection in objections] == [(True, True)]
    assert notes == ()


# ------------------------------------------------------------------------------------------------ what a host may send


def test_a_difference_is_read_as_host_php_reports_it() -> None:
    first = {"changed": [SETTING], "got": {SETTING: True}}
    assert read_difference(first) == Difference((SETTING,), {SETTING: True}, controlled=False)
    second = first | {"pending": ["mail.from"], "volatile": ["app.built"]}
    assert read_difference(second) == Difference((SETTING,), {SETTING: True}, ("mail.from",), ("app.built",))


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (None, None),
        ({}, None),
        ({"what": "invalid", "key": "MAIL", "line": 7}, FileFault("invalid", "MAIL", 7)),
        ({"what": "unreadable", "key": None, "line": None}, FileFault("unreadable")),
        ({"key": 5, "line": "7"}, FileFault("invalid")),
        ("text", FileFault("invalid")),
        ([1], FileFault("invalid")),
    ],
)
def test_a_fault_is_read_whatever_the_host_sends(data: object, fault: FileFault | None) -> None:
    assert read_fault(data) == fault


NAMES = st.sampled_from(
    ["changed", "got", "pending", "volatile", "old_error", "new_error", "what", "line", SETTING, KEY]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=12,
)


@given(st.dictionaries(NAMES, JSON))
def test_any_json_in_place_of_a_proof_is_judged(data: dict[str, Any]) -> None:
    data = json.loads(json.dumps(data))
    judge_file(host_plan(OFF, PILOT), FLAG, data)
    difference = read_difference(data)
    unexplained(FLAG, PRODUCTION, difference)
    judge_cache(FLAG, PRODUCTION, PILOT, difference)
