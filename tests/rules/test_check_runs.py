"""What becomes of an item that looks by itself: asked or not, and the verdict with its evidence."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from rolloutctl.rules.check_runs import CheckRun, hindered, judge_command, judge_request, requests_of
from rolloutctl.rules.checklists import CheckRequest, Item
from rolloutctl.rules.flags import EVERYONE, NOBODY, Audience
from rolloutctl.rules.work import Asked, Ran
from tests.fakes import PRODUCTION, WEB_1

OFF = Item(
    id="off-404",
    what="Off, it is gone",
    when="off",
    request=CheckRequest(path="/portal", expect=(404,), headers={"X-Company": "15"}, within=3.0),
)
EITHER = Item(id="login", what="It answers", request=CheckRequest(path="/login", expect=(200, 302), json={"a": "b"}))
COMMAND = Item(id="migrations", what="None waits", run="php artisan migrate:status", timeout=90.0)


def answer(status: int | None, *, ok: bool = True, ms: int = 12, error: str | None = None) -> Asked:
    return Asked("off-404", ok, status, ms, error)


def test_each_request_is_asked_once_of_the_host_itself() -> None:
    first, second = requests_of([OFF, COMMAND, EITHER], PRODUCTION, WEB_1, "10.0.0.1")
    assert first == {
        "scheme": "https",
        "host": "shop.example.com",
        "addresses": ["127.0.0.1:443", "10.0.0.1:443"],
        "id": "off-404",
        "path": "/portal",
        "headers": {"X-Company": "15"},
        "expect": [404],
        "json": {},
        "within": 0.0,
        "timeout": 10.0,
    }
    assert (second["id"], second["expect"], second["json"]) == ("login", [200, 302], {"a": "b"})
    assert requests_of([OFF], replace(PRODUCTION, url=None), WEB_1, "") == ()


@pytest.mark.parametrize(
    ("seen", "evidence"),
    [
        ({"web-1": NOBODY, "web-2": Audience(enabled=False, companies=(15,))}, None),
        ({"web-1": EVERYONE, "web-2": EVERYONE}, "needs the flag off"),
        ({"web-1": EVERYONE, "web-2": None}, "needs the flag off"),
        ({"web-1": NOBODY, "web-2": EVERYONE}, "needs the flag off, also on web-2"),
        ({"web-1": NOBODY, "web-2": None}, "needs the flag off, and web-2 can't say what it is"),
        ({}, None),
    ],
)
def test_an_item_that_needs_the_flag_otherwise_is_not_looked_at(
    seen: dict[str, Audience | None], evidence: str | None
) -> None:
    expected = None if evidence is None else CheckRun(OFF, "not looked", evidence)
    assert hindered(OFF, PRODUCTION, seen) == expected
    assert hindered(replace(OFF, when="any"), PRODUCTION, seen) is None


def test_what_can_not_be_asked_says_what_is_missing() -> None:
    nowhere = replace(PRODUCTION, url=None)
    assert hindered(EITHER, nowhere, {}) == CheckRun(EITHER, "not looked", "production has no url in environments.yaml")
    assert hindered(COMMAND, nowhere, {}) is None
    secretless = replace(EITHER, unmet="list.yaml:4: names a secret: ${TOKEN}")
    assert hindered(secretless, PRODUCTION, {}) == CheckRun(
        secretless, "not looked", "list.yaml:4: names a secret: ${TOKEN}"
    )


@pytest.mark.parametrize(
    ("answers", "outcome", "evidence"),
    [
        ({"web-1": answer(404)}, "passed", "404 on web-1, 12 ms"),
        ({"web-1": answer(404), "web-2": answer(404, ms=2900)}, "passed", "404 on web-1 and web-2, 2,900 ms at most"),
        ({f"web-{n}": answer(404) for n in range(4)}, "passed", "404 on 4 hosts, 12 ms at most"),
        ({"web-1": answer(404), "web-2": answer(200, ok=False)}, "failed", "web-2: 200, expected 404"),
        ({"web-1": answer(200, ok=False), "web-2": "was lost"}, "failed", "web-1: 200, expected 404"),
        ({"web-1": answer(404), "web-2": "was lost"}, "not looked", "web-2: was lost"),
        ({"web-1": "was lost"}, "not looked", "web-1: was lost"),
        ({}, "not looked", "there is no host"),
        ({"web-1": answer(404, ms=3001)}, "failed", "web-1: 404 after 3,001 ms, expected within 3s"),
        ({"web-1": answer(404, ms=3000)}, "passed", "404 on web-1, 3,000 ms"),
        ({"web-1": answer(404, ok=False, error="an empty body")}, "failed", "web-1: 404, an empty body"),
        ({"web-1": answer(None, ok=False, error="no answer from ::1")}, "failed", "web-1: no answer from ::1"),
        ({"web-1": answer(None, ok=False)}, "failed", "web-1: no answer"),
    ],
)
def test_a_request_passes_where_every_host_answers_as_expected_and_in_time(
    answers: dict[str, Asked | str], outcome: str, evidence: str
) -> None:
    run = judge_request(OFF, answers)
    assert (run.outcome, run.evidence, run.told) == (outcome, evidence, outcome != "not looked")


def test_each_expected_status_is_named() -> None:
    assert judge_request(EITHER, {"web-1": answer(500, ok=False)}).evidence == "web-1: 500, expected 200 or 302"


@pytest.mark.parametrize(
    ("ran", "outcome", "evidence"),
    [
        (Ran(0, 410), "passed", "exit 0 on web-1"),
        (Ran(0, 410, shown="first\n\nlast \n", trouble="a warning"), "passed", "exit 0 on web-1: last"),
        (Ran(3, 410, shown="17"), "failed", "exit 3 on web-1: 17"),
        (Ran(127, 4, shown="17", trouble="sh: phhp: not found\n"), "failed", "exit 127 on web-1: sh: phhp: not found"),
        (Ran(124, 90_000, shown="so far"), "failed", "no end within 90s on web-1"),
        (Ran(0, 10, lost="too-much"), "passed", "exit 0 on web-1"),
        (Ran(1, 10, lost="too-much"), "failed", "exit 1 on web-1"),
        (Ran(0, 10, lost="no-room"), "not looked", "web-1: the command prints more than the host's disk has room for"),
        ("cannot be reached: refused", "not looked", "web-1: cannot be reached: refused"),
    ],
)
def test_a_command_passes_with_exit_0_and_its_last_line_is_the_evidence(
    ran: Ran | str, outcome: str, evidence: str
) -> None:
    run = judge_command(COMMAND, "web-1", ran)
    assert (run.outcome, run.evidence) == (outcome, evidence)


def test_evidence_is_one_line_of_bounded_length() -> None:
    run = judge_command(COMMAND, "web-1", Ran(1, 5, trouble="a\tb\x1b[31m " + "x" * 500))
    assert run.evidence.startswith("exit 1 on web-1: a b [31m xxx")
    assert run.evidence.endswith("xxx...")
    assert len(run.evidence) == 240
