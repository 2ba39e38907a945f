"""A change as a value: which edits, in which direction, and the exact way back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from rolloutctl.errors import Refused, UsageError
from rolloutctl.rules.env_lines import EnvText
from rolloutctl.rules.env_text import value_of
from rolloutctl.rules.flags import EVERYONE, NOBODY, Audience
from rolloutctl.rules.plans import (
    Edit,
    HostPlan,
    Wish,
    audience_after,
    changed_since,
    is_narrowing,
    plan_edits,
    plan_restore,
)
from tests import fakes
from tests.fakes import FLAG, KEY, LIST, host_plan, plan

PILOT = Audience(True, (15, 42))
PLAIN = replace(FLAG, companies_key=None, companies_config=None)

# ----------------------------------------------------------------------------------------------------------- the wish


@pytest.mark.parametrize(
    ("wish", "now", "meant"),
    [
        (Wish(True), NOBODY, EVERYONE),
        (Wish(True), Audience(False, (15, 42)), PILOT),
        (Wish(True), PILOT, PILOT),
        (Wish(False), PILOT, Audience(False, (15, 42))),
        (Wish(False), EVERYONE, NOBODY),
        (Wish(True, (42, 15)), EVERYONE, PILOT),
        (Wish(True, ()), PILOT, EVERYONE),
        (Wish(True, add=(42,)), Audience(True, (15,)), PILOT),
        (Wish(True, add=(15,)), PILOT, PILOT),
        (Wish(True, add=(42,)), Audience(False, (15,)), PILOT),
        (Wish(True, add=(15, 42)), NOBODY, PILOT),
        (Wish(True, remove=(42,)), PILOT, Audience(True, (15,))),
        (Wish(True, remove=(103,)), PILOT, PILOT),
        (Wish(True, add=(42,), remove=(103,)), Audience(True, (15, 103)), PILOT),
        (Wish(True, add=(42,), remove=(15,)), Audience(True, (15,)), Audience(True, (42,))),
        (Wish(True, remove=(42,)), Audience(True, (0, 15, 42)), Audience(True, (15,))),
        (Wish(True, (15,)), Audience(True, (0, 15)), Audience(True, (15,))),
    ],
)
def test_a_wish_and_who_sees_it_now_make_an_audience(wish: Wish, now: Audience, meant: Audience) -> None:
    assert wish.audience(FLAG, now) == meant


@pytest.mark.parametrize(
    ("wish", "now", "why"),
    [
        (Wish(True, add=(15,)), EVERYONE, "Everyone sees portal already"),
        (Wish(True, remove=(15,)), EVERYONE, "without a list"),
        (Wish(True, remove=(15, 42)), PILOT, "the last company"),
        (Wish(True, remove=(15,)), Audience(False, (15,)), "the last company"),
        (Wish(True, remove=(15,)), NOBODY, "the last company"),
        (Wish(True, add=(7,)), Audience(True, (0,)), "holds what is no company's number"),
        (Wish(True, add=(7,)), Audience(True, (0, 15)), "holds what is no company's number"),
        (Wish(True, add=(7,), remove=(15,)), Audience(False, (0, 15)), "holds what is no company's number"),
        (Wish(True, remove=(7,)), Audience(True, (0,)), "holds what is no company's number"),
        (Wish(True), Audience(False, (0,)), "holds what is no company's number"),
    ],
)
def test_a_list_never_becomes_everyone_nor_everyone_a_list_unasked(wish: Wish, now: Audience, why: str) -> None:
    with pytest.raises(Refused, match=why):
        wish.audience(FLAG, now)


@pytest.mark.parametrize("wish", [Wish(True, (15,)), Wish(True, add=(15,)), Wish(True, remove=(15,))])
def test_a_flag_without_a_list_can_not_be_limited(wish: Wish) -> None:
    with pytest.raises(UsageError, match="companies_key"):
        wish.audience(PLAIN, NOBODY)


def test_a_flag_without_a_list_can_be_given_to_all() -> None:
    assert Wish(True, ()).audience(PLAIN, NOBODY) == EVERYONE


# ---------------------------------------------------------------------------------------------------------- the edits


_ON, _LIST = b"FEATURE_PORTAL=true\n", b"FEATURE_PORTAL_TEST_COMPANIES="


@pytest.mark.parametrize(
    ("env", "target", "after"),
    [
        (b"", NOBODY, b"FEATURE_PORTAL=false\n"),
        (b"", EVERYONE, _ON),
        (b"FEATURE_PORTAL=off\n", NOBODY, b"FEATURE_PORTAL=false\n"),
        (b"FEATURE_PORTAL=TRUE\n" + _LIST + b"'42, 15'\n", PILOT, None),
        (_ON + _LIST + b"15\n", Audience(False, (15,)), b"FEATURE_PORTAL=false\n" + _LIST + b"15\n"),
        (_ON + _LIST + b"15\n", EVERYONE, _ON + _LIST + b"\n"),
        (_ON + _LIST + b"15,abc\n", Audience(True, (15,)), _ON + _LIST + b"15\n"),
        (_ON + _LIST + b"15;42\n", Audience(False, (0,)), b"FEATURE_PORTAL=false\n" + _LIST + b"15;42\n"),
        (_ON + _LIST + b"none\n", EVERYONE, _ON + _LIST + b"\n"),
        (_ON + _LIST + b"${PILOTS}\n", EVERYONE, _ON + _LIST + b"\n"),
        (_ON + _LIST + b"\n", EVERYONE, None),
    ],
)
def test_only_what_does_not_stand_yet_is_written(env: bytes, target: Audience, after: bytes | None) -> None:
    _, new, _ = plan_edits(FLAG, target, EnvText(env))
    assert new.data == (env if after is None else after)


def test_everyone_needs_no_list_where_there_is_none() -> None:
    edits, new, _ = plan_edits(FLAG, EVERYONE, EnvText(b"FEATURE_PORTAL=true\n"))
    assert new.data == b"FEATURE_PORTAL=true\n"
    assert [edit.after for edit in edits] == ["true", None]


@pytest.mark.parametrize(
    ("env", "note"),
    [
        (b"FEATURE_PORTAL=off\n", "neither true nor false"),
        (b"FEATURE_PORTAL=true\nFEATURE_PORTAL=false\n", "stands 2 times"),
        (b"FEATURE_PORTAL_TEST_COMPANIES=15,abc\n", "no company's number"),
    ],
)
def test_what_is_odd_about_a_file_is_noted(env: bytes, note: str) -> None:
    _, _, notes = plan_edits(FLAG, EVERYONE, EnvText(env))
    assert [note in each for each in notes] == [True]


def test_a_reference_is_not_called_odd() -> None:
    assert plan_edits(FLAG, EVERYONE, EnvText(b"FEATURE_PORTAL=${ALL}\n" + _LIST + b"${PILOTS}\n"))[2] == ()


ENVS = st.sampled_from(
    [
        b"",
        b"A=1",
        b"A=1\n",
        b"A=1\r\nFEATURE_PORTAL = 'false' # later\r\nB=2\r\n",
        b'\xef\xbb\xbfexport FEATURE_PORTAL=true\nFEATURE_PORTAL_TEST_COMPANIES="15, 42"',
        b"FEATURE_PORTAL=\xff\nFEATURE_PORTAL_TEST_COMPANIES=7\nC=\xfe\n",
        b"FEATURE_PORTAL_TEST_COMPANIES=\n\n\nFEATURE_PORTAL=yes\nFEATURE_PORTAL=no\n",
        b'FEATURE_PORTAL\nX="a\nb"\n',
    ]
)
TARGETS = st.builds(Audience, st.booleans(), st.lists(st.integers(1, 5), max_size=3).map(tuple))


def recorded(edits: tuple[Edit, ...]) -> list[dict[str, str | None]]:
    """What the record of a change holds of its edits, newest first, after its way through the log."""
    fields: list[dict[str, str | None]] = json.loads(
        json.dumps([e.fields() for e in edits if e.before_text != e.after_text])
    )
    return fields[::-1]


@given(ENVS, st.lists(TARGETS, min_size=1, max_size=4))
def test_undoing_changes_newest_first_brings_back_the_same_bytes(env: bytes, targets: list[Audience]) -> None:
    text = EnvText(env)
    undo: list[dict[str, str | None]] = []
    for target in targets:
        edits, text, _ = plan_edits(FLAG, target, text)
        undo = recorded(edits) + undo
        after = audience_after(FLAG, text)
        assert (after.enabled, after.companies if after.enabled else ()) == (
            target.enabled,
            target.companies if target.enabled else (),
        )
        assert changed_since(undo[: len(recorded(edits))], text) == ()
    edits, back = plan_restore(undo, text)
    assert back.data == env
    assert {edit.key for edit in edits} == {str(fields["key"]) for fields in undo}


@given(ENVS, TARGETS)
def test_a_second_plan_for_the_same_audience_writes_nothing(env: bytes, target: Audience) -> None:
    _, new, _ = plan_edits(FLAG, target, EnvText(env))
    again = host_plan(new.data, target)
    assert again.writes == ()
    assert again.new_env == new


def test_a_key_that_somebody_changed_since_is_named_with_both_values() -> None:
    edits, new, _ = plan_edits(FLAG, PILOT, EnvText(b"FEATURE_PORTAL=false\n"))
    by_hand = EnvText(
        new.data.replace(b"=15,42", b"=15,42,7").replace(b"FEATURE_PORTAL=true", b"FEATURE_PORTAL='true'")
    )
    assert changed_since(recorded(edits), by_hand) == ((LIST, "15,42", "15,42,7"), (KEY, "true", "true"))
    assert changed_since(recorded(edits), EnvText(b"")) == ((LIST, "15,42", None), (KEY, "true", None))


# ---------------------------------------------------------------------------------------- one host's file and its build


@pytest.mark.parametrize(
    ("value", "rebuild", "inject"),
    [
        ("true", False, "true"),
        ("", False, ""),
        ("15,42", False, "15,42"),
        ("(null)", False, "(null)"),
        (None, True, ""),
        ("yes please", True, "true"),
        ("15, 42", True, "15,42"),
        ("it's", True, "true"),
        (" false", True, "true"),
        ("a\nb=c", True, "true"),
        ("$(id)", True, "true"),
        ("\ufffd", True, "true"),
    ],
)
def test_a_value_that_a_shell_would_split_is_built_from_the_file(value: str | None, rebuild: bool, inject: str) -> None:
    edit = Edit(KEY, None, value, None, "=x")
    found = HostPlan(fakes.state("web-1", b""), NOBODY, None, (edit,), EnvText(b""))
    assert (found.rebuild, found.inject) == (rebuild, {KEY: inject})


@pytest.mark.parametrize(
    ("env", "target", "lines"),
    [
        (b"A=1\nFEATURE_PORTAL=false\n", NOBODY, ()),
        (b"A=1\nFEATURE_PORTAL=false\nB=2\n", EVERYONE, ((b"FEATURE_PORTAL=true", b"FEATURE_PORTAL=false"),)),
        (b"A=1\r\nFEATURE_PORTAL=false\r\nB=2\r\n", EVERYONE, ((b"FEATURE_PORTAL=true", b"FEATURE_PORTAL=false"),)),
        (
            b"A=1\nFEATURE_PORTAL=false\nB=2\n",
            PILOT,
            ((b"FEATURE_PORTAL=true", b"FEATURE_PORTAL=false"), (b"FEATURE_PORTAL_TEST_COMPANIES=15,42", b"")),
        ),
        (b"A=1\n", PILOT, ((b"FEATURE_PORTAL=true", b""), (b"FEATURE_PORTAL_TEST_COMPANIES=15,42", b""))),
        (b"A=1", PILOT, ((b"FEATURE_PORTAL=true", b""), (b"FEATURE_PORTAL_TEST_COMPANIES=15,42", b""))),
        (b"", PILOT, ((b"FEATURE_PORTAL=true", b""), (b"FEATURE_PORTAL_TEST_COMPANIES=15,42", b""))),
        (b"\n\n", NOBODY, ((b"FEATURE_PORTAL=false", b""),)),
        (
            b"# FEATURE_PORTAL=true\nX=\"\nFEATURE_PORTAL=true\n\"\n",
            EVERYONE,
            ((b"FEATURE_PORTAL=true", b""),),
        ),
    ],
)  # fmt: skip
def test_the_lines_of_a_change_are_each_beside_what_they_were(
    env: bytes, target: Audience, lines: tuple[tuple[bytes, bytes], ...]
) -> None:
    assert host_plan(env, target).lines() == lines


def test_a_line_that_goes_is_beside_nothing() -> None:
    edits, new, _ = plan_edits(FLAG, Audience(True, (15,)), EnvText(b"FEATURE_PORTAL=true\nA=1\n"))
    undo, back = plan_restore(recorded(edits), new)
    found = HostPlan(fakes.state("web-1", new.data), EVERYONE, None, undo, back)
    assert found.lines() == ((b"", b"FEATURE_PORTAL_TEST_COMPANIES=15"),)


@given(ENVS, TARGETS)
def test_with_their_lines_a_change_can_be_taken_back_by_hand(env: bytes, target: Audience) -> None:
    changed = host_plan(env, target)
    assert len(changed.lines()) <= len(changed.writes)
    for now, was in changed.lines():
        assert now != was
        assert was == b"" or was in env
        assert now in changed.new_env.data


@pytest.mark.parametrize(
    "standing", [b"", b"FEATURE_PORTAL_TEST_COMPANIES\n", b"FEATURE_PORTAL_TEST_COMPANIES='15, 42'\n"]
)
def test_what_stays_as_it_is_the_build_finds_in_the_file(standing: bytes) -> None:
    found = host_plan(b"FEATURE_PORTAL=false\n" + standing, PILOT if b"15" in standing else EVERYONE)
    assert (found.rebuild, found.inject) == (False, {KEY: "true"})


def test_a_switch_off_that_could_not_be_written_is_built_from_what_is_passed() -> None:
    edit = Edit(KEY, "true", "false", None, None)
    found = HostPlan(fakes.state("web-1", b""), NOBODY, None, (edit,), EnvText(b""))
    assert (found.rebuild, found.inject) == (False, {KEY: "false"})


def test_a_switch_off_that_could_not_be_written_is_told_apart() -> None:
    edit = Edit(KEY, "true", "false", None, None)
    assert HostPlan(fakes.state("web-1", b""), NOBODY, None, (edit,), EnvText(b"")).unwritten
    assert not host_plan(b"", EVERYONE).unwritten


# ------------------------------------------------------------------------------------------------ all hosts together

ON, OFF, LIMITED = (
    b"FEATURE_PORTAL=true\n",
    b"FEATURE_PORTAL=false\n",
    b"FEATURE_PORTAL=true\nFEATURE_PORTAL_TEST_COMPANIES=15,42\n",
)


@pytest.mark.parametrize(
    ("target", "envs", "narrow"),
    [
        (NOBODY, [OFF, ON], True),
        (EVERYONE, [ON, ON], True),
        (EVERYONE, [ON, OFF], False),
        (EVERYONE, [LIMITED], False),
        (PILOT, [ON, LIMITED], True),
        (PILOT, [ON, OFF], False),
        (Audience(True, (15,)), [LIMITED], True),
        (Audience(True, (15, 103)), [LIMITED], False),
    ],
)
def test_a_change_is_narrow_when_it_is_on_every_host(target: Audience, envs: list[bytes], narrow: bool) -> None:
    assert is_narrowing(target, [host_plan(env, target) for env in envs]) is narrow


def test_a_list_without_a_number_in_it_is_not_everyone_so_companies_instead_of_it_are_no_narrowing() -> None:
    env = ON + _LIST + b"15;42\n"
    assert not is_narrowing(PILOT, [host_plan(env, PILOT)])
    assert is_narrowing(NOBODY, [host_plan(env, NOBODY)])


def test_what_a_cache_still_hides_counts_as_widening() -> None:
    # The file says on, but nobody sees it until the cache is rebuilt, which this change would do.
    assert not is_narrowing(EVERYONE, [host_plan(ON, EVERYONE, {"features.portal": False})])


def test_nothing_is_to_be_written_when_files_and_caches_say_so() -> None:
    well = {"features.portal": True, "features.portal_test_companies": []}
    assert plan([host_plan(ON, EVERYONE, well), host_plan(ON, EVERYONE)], EVERYONE).nothing_to_write
    assert not plan([host_plan(ON, EVERYONE, well), host_plan(OFF, EVERYONE)], EVERYONE).nothing_to_write
    assert not plan([host_plan(ON, EVERYONE, {"features.portal": False})], EVERYONE).nothing_to_write


def test_a_record_names_all_hosts_who_sees_it_and_the_host_s_own_edits() -> None:
    change = plan([host_plan(OFF, PILOT), host_plan(LIMITED, PILOT, name="web-2")], PILOT)
    origin = {"actor": "anna", "actor_machine": "laptop", "version": "1"}
    one, other = (change.record(host, origin) for host in change.hosts)
    assert one == {
        "change": "7k3f9qxy",
        "environment": "production",
        "host": "web-1",
        "hosts": ["web-1", "web-2"],
        "arbiter": "web-1",
        "machine": "web-1",
        "flag": "portal",
        "narrow": False,
        "from": {"enabled": False, "companies": []},
        "to": {"enabled": True, "companies": [15, 42]},
        "edits": [
            {"key": KEY, "before": "=false", "after": "=true"},
            {"key": LIST, "before": None, "after": "=15,42"},
        ],
        "reason": "pilot",
        "undoes": [],
        **origin,
    }
    assert (other["host"], other["edits"], other["from"]) == ("web-2", [], {"enabled": True, "companies": [15, 42]})
    assert json.loads(json.dumps(one)) == one


def test_the_first_host_speaks_for_the_environment() -> None:
    assert plan([host_plan(ON, NOBODY), host_plan(OFF, NOBODY)], NOBODY).before == EVERYONE


def test_an_edit_shows_values_and_keeps_exact_assignments() -> None:
    (edit, _) = host_plan(b"FEATURE_PORTAL = 'false' # why\n", EVERYONE).edits
    assert edit == Edit(KEY, "false", "true", " = 'false'", " = 'true'")
    assert value_of(EnvText(b""), KEY) is None
