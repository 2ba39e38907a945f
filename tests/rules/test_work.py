"""What a host is given for a change, and what it reported."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from rolloutctl.rules.flags import EVERYONE, NOBODY, Audience
from rolloutctl.rules.host import Work
from rolloutctl.rules.requests import HEALTH
from rolloutctl.rules.work import Asked, Origin, StepRun, failures, read_answers, work_for
from tests.fakes import FLAG, KEY, LIST, PRODUCTION, STEPS, WEB_1, host_plan, plan

ORIGIN = Origin("anna@example.com", "laptop", "0.1.0", since="2026-11-23T01:00:00+00:00")
PILOT = Audience(True, (15, 42))


def work(env: bytes, target: Audience) -> Work:
    change = plan([host_plan(env, target)], target)
    return work_for(change, change.hosts[0], WEB_1, "10.0.0.1", ORIGIN)


def test_a_host_is_given_all_that_a_change_needs() -> None:
    given = work(b"FEATURE_PORTAL=false\n", PILOT)
    assert given.new_env.data == b"FEATURE_PORTAL=true\nFEATURE_PORTAL_TEST_COMPANIES=15,42\n"
    assert (given.narrow, given.rebuild, given.inject) == (False, False, {KEY: "true", LIST: "15,42"})
    assert (given.keys, given.settings) == (FLAG.keys, ("features.portal", "features.portal_test_companies"))
    assert given.patch == {"features.portal": True, "features.portal_test_companies": [15, 42]}
    assert given.steps == STEPS
    assert given.lines == ((b"FEATURE_PORTAL=true", b"FEATURE_PORTAL=false"), (LIST.encode() + b"=15,42", b""))
    assert given.record["actor"] == "anna@example.com"
    assert given.who == {
        "actor": "anna@example.com",
        "change": "7k3f9qxy",
        "environment": "production",
        "flag": "portal",
        "what": "portal for companies 15 and 42",
        "since": "2026-11-23T01:00:00+00:00",
    }


def test_before_a_widening_the_old_state_is_asked_with_little_patience() -> None:
    given = work(b"FEATURE_PORTAL=false\n", PILOT)
    old = {request["id"]: request for request in given.requests_old}
    assert old["portal 0"]["expect"] == [404]
    assert {request["within"] <= 5 for request in old.values()} == {True}
    new = {request["id"]: request for request in given.requests}
    assert new["portal 0"]["expect"] == [200]
    assert new[HEALTH]["within"] == 30


def test_a_switch_off_asks_nothing_first_and_does_not_wait_for_an_ill_application() -> None:
    given = work(b"FEATURE_PORTAL=true\n", NOBODY)
    assert given.narrow
    assert given.requests_old == ()
    assert max(request["within"] for request in given.requests) <= 15
    assert given.patch == {"features.portal": False}


def test_a_flag_without_settings_has_nothing_to_compare_or_patch() -> None:
    flag = replace(FLAG, config=None, companies_config=None)
    change = plan([host_plan(b"", EVERYONE, flag=flag)], EVERYONE, PRODUCTION, flag)
    given = work_for(change, change.hosts[0], WEB_1, "", ORIGIN)
    assert (given.settings, given.patch) == ((), {})


def test_answers_are_read_as_host_php_reports_them() -> None:
    answers = {"answers": [{"id": "health", "ok": False, "status": 500, "ms": 12, "error": None, "waited_ms": 90}]}
    assert read_answers(answers) == (Asked("health", False, 500, 12),)


@pytest.mark.parametrize("answers", [None, 5, "text", {}, [None], [[]], ["x"]])
def test_what_is_no_list_of_answers_is_none(answers: object) -> None:
    assert read_answers({"answers": answers}) == ()


def test_an_answer_of_the_wrong_types_is_one_that_failed() -> None:
    (asked,) = read_answers({"answers": [{"ok": "yes", "status": "200", "ms": "1", "error": ["x"]}]})
    assert asked == Asked("", False, None, 0, "['x']")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (Asked("health", True, 200, 3), "200"),
        (Asked("health", False, 500, 3), "500"),
        (Asked("health", False, 200, 3, "an empty body"), "200, an empty body"),
        (Asked("health", False, None, 3, "no answer"), "no answer"),
    ],
)
def test_an_answer_is_said_in_a_few_words(asked: Asked, words: str) -> None:
    assert str(asked) == words


def test_failures_are_what_was_not_answered_as_expected() -> None:
    good, bad = Asked("a", True, 200, 1), Asked("b", False, 500, 1)
    assert failures([good, bad]) == (bad,)


def test_a_step_s_output_is_kept_out_of_its_repr() -> None:
    run = StepRun("restart", 1, 30, "DB_PASSWORD=s3cret")
    assert not run.ok
    assert "s3cret" not in repr(run)
