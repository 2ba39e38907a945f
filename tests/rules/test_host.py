"""What a host's file and cached config mean for a flag."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from rolloutctl.rules.flags import EVERYONE, NOBODY, Audience
from rolloutctl.rules.host import Event, FileFault, Holder, HostState, audience_in_settings, companies_in
from rolloutctl.rules.records import read_record
from tests import fakes
from tests.fakes import FLAG

ON_FOR_15 = b"FEATURE_PORTAL=true\nFEATURE_PORTAL_TEST_COMPANIES=15\n"


def seen(env: bytes, settings: dict[str, Any] | None) -> tuple[Audience | None, Audience | None, bool]:
    state = fakes.state("web-1", env, settings)
    return state.in_file(FLAG), state.effective(FLAG), state.in_sync(FLAG)


def test_without_a_cache_the_file_is_what_is_effective() -> None:
    assert seen(ON_FOR_15, None) == (Audience(True, (15,)), Audience(True, (15,)), True)


def test_a_cache_that_says_otherwise_is_effective_and_out_of_sync() -> None:
    assert seen(ON_FOR_15, {"features.portal": False}) == (Audience(True, (15,)), Audience(False, (15,)), False)


def test_a_list_that_the_cache_does_not_show_is_the_file_s() -> None:
    assert seen(ON_FOR_15, {"features.portal": True})[1] == Audience(True, (15,))


def test_a_cache_with_another_list_is_out_of_sync() -> None:
    settings = {"features.portal": True, "features.portal_test_companies": ["15", "42"]}
    assert seen(ON_FOR_15, settings) == (Audience(True, (15,)), Audience(True, (15, 42)), False)


def test_a_setting_that_is_not_there_tells_nothing() -> None:
    assert seen(ON_FOR_15, {}) == (Audience(True, (15,)), None, True)


def test_a_flag_without_a_setting_is_never_compared() -> None:
    flag = replace(FLAG, config=None)
    state = fakes.state("web-1", ON_FOR_15, {"features.portal": False})
    assert state.effective(flag) is None
    assert state.in_sync(flag)


def test_a_file_that_phpdotenv_rejects_says_nothing_and_the_cache_goes_on() -> None:
    fault = FileFault("invalid", "MAIL_FROM", 7)
    live = fakes.live({}, {"features.portal": True}, fault)
    state = replace(fakes.state("web-1", b""), live=live)
    assert state.in_file(FLAG) is None
    assert state.effective(FLAG) == EVERYONE


def test_a_host_without_php_says_nothing() -> None:
    state: HostState = replace(fakes.state("web-1", ON_FOR_15), live=None)
    assert (state.in_file(FLAG), state.effective(FLAG)) == (None, None)


@pytest.mark.parametrize(
    ("value", "audience"),
    [
        ({"enabled": True, "colour": "red"}, EVERYONE),
        ({"enabled": False}, NOBODY),
        ({"colour": "red"}, NOBODY),
        ([], NOBODY),
        ("false", EVERYONE),
        ("0", NOBODY),
        (None, NOBODY),
    ],
)
def test_a_setting_may_be_an_array_with_enabled_in_it_or_any_value_of_php(value: object, audience: Audience) -> None:
    assert audience_in_settings(FLAG, {"features.portal": value}, None) == audience


@pytest.mark.parametrize(
    ("value", "companies"),
    [
        ("15,42", (15, 42)),
        (["15", " 42"], (15, 42)),
        ([15, 42], (15, 42)),
        ({"0": 15, "2": "42"}, (15, 42)),
        (15, (15,)),
        ("", ()),
        ([], ()),
        ({}, ()),
        (None, ()),
        (True, ()),
        ([["15"]], ()),
        (["15", "abc"], (0, 15)),
        ("15;42", (0,)),
    ],
)
def test_a_cached_list_may_be_a_list_a_text_or_a_mapping(value: object, companies: tuple[int, ...]) -> None:
    assert companies_in(value) == companies


def test_a_text_that_a_host_did_not_send_is_empty() -> None:
    assert Event("busy", ("holding",)).text(1) == ""


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (FileFault("invalid", "MAIL_FROM", 7), ".env is invalid to phpdotenv at line 7 (MAIL_FROM)"),
        (FileFault("invalid"), ".env is invalid to phpdotenv at a line"),
        (FileFault("unreadable"), ".env is unreadable"),
        (FileFault("no phpdotenv"), "the application has no phpdotenv 4 or newer"),
    ],
)
def test_a_fault_is_said_without_any_value(fault: FileFault, words: str) -> None:
    assert str(fault) == words


def test_a_holder_is_said_with_what_is_known_of_it() -> None:
    known = Holder("executing", {"actor": "anna", "what": "portal for everyone", "since": "10:00"})
    assert str(known) == "anna (portal for everyone, since 10:00)"
    assert str(Holder("holding", {"actor": 5})) == "5 (a change)"


def test_a_step_that_failed_for_good_leaves_the_newest_change_unfinished() -> None:
    def ended(*steps: tuple[str, bool]) -> HostState:
        said = [{"name": name, "ok": ok, "ms": 1} for name, ok in steps]
        started = read_record('{"event":"started","change":"b"}')
        return replace(
            fakes.state("web-1", b""), records=(read_record(json.dumps({"event": "kept", "steps": said})), started)
        )

    assert ended(("restart", False)).unfinished
    assert not ended(("restart", False), ("restart", True)).unfinished
    assert not ended().unfinished
    assert not fakes.state("web-1", b"").unfinished
