"""Deployments as values: facts of a host, what may be skipped, flags, and what the records tell."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from rolloutctl.rules.deploy_history import Arrival, last_arrival
from rolloutctl.rules.deploy_plans import (
    Facts,
    digest_of,
    facts_line,
    last_digest,
    log_line,
    now_on,
    read_facts,
    turned_on_by_a_build,
    with_flags_off,
)
from rolloutctl.rules.deploys import DeployStep
from rolloutctl.rules.env_lines import EnvText
from rolloutctl.rules.flags import EVERYONE, NOBODY
from rolloutctl.rules.records import Record
from rolloutctl.rules.rollout_standing import moment_of
from rolloutctl.rules.work_marks import deployed_in_words, ran_in_words
from tests.fakes import FLAG, KEY, state

STEP = DeployStep(name="packages", run="x", when=("a.lock", "b c.lock"))


def shell(folder: Path, line: str) -> str:
    return subprocess.run(["sh", "-c", line], cwd=folder, capture_output=True, text=True, check=True).stdout


def test_a_host_tells_its_facts_and_later_only_what_its_log_has_got_since(tmp_path: Path) -> None:
    (tmp_path / "a.lock").write_text("1")
    (tmp_path / "REVISION").write_text("v1.2\n")
    nothing = read_facts(shell(tmp_path, facts_line("false || cat REVISION # or so", STEP.when)), STEP.when)
    sha = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
    assert nothing == Facts("v1.2", {"a.lock": sha, "b c.lock": "absent"})
    logs = tmp_path / "storage/logs"
    logs.mkdir(parents=True)
    (logs / "laravel.log").write_text("old\n")
    known = read_facts(shell(tmp_path, facts_line("echo; exit 3", ())), ())
    assert known == Facts("", {}, ("storage/logs/laravel.log", 4))
    with (logs / "laravel.log").open("a") as file:
        file.write("new\n")
    assert shell(tmp_path, log_line(known)) == "new\n"
    assert shell(tmp_path, log_line(nothing)) == "old\nnew\n"


@pytest.mark.parametrize("said", ["", "commit \n", "commit " + "x" * 200, "nonsense", "log -1 x", "log 5"])
def test_what_a_host_can_not_have_said_is_not_known(said: str) -> None:
    assert read_facts(said, ()) == Facts()


def deployed(action: str, **fields: object) -> Record:
    return Record(
        "", {"event": "deploy", "action": action, "at": "2025-11-20T09:00:00+00:00", "actor": "ops", **fields}
    )


def test_a_step_is_needed_until_it_succeeded_with_the_same_files() -> None:
    now = digest_of(STEP, Facts("", {"a.lock": "1", "b c.lock": "2"}))
    assert now == "a.lock=1 b c.lock=2"
    assert last_digest(STEP, []) == ""
    records = [
        deployed("finished", files={"packages": now}),
        deployed("failed", files={}),
        deployed("finished", files="odd"),
        Record("", {"event": "started", "files": {"packages": "another"}}),
    ]
    assert last_digest(STEP, records) == now
    assert last_digest(STEP, [*records, deployed("failed", files={"packages": "newer"})]) == "newer"


def test_every_declared_flag_stands_in_env_behind_it_and_no_other_byte_is_another() -> None:
    text = b"A=1\r\n# FEATURE_PORTAL=true\r\n"
    new, added = with_flags_off(state("web-1", text), [FLAG])
    assert (new.data, added) == (text + b"FEATURE_PORTAL=false\r\n", (KEY,))
    there = b'FEATURE_PORTAL="true"\n'
    assert with_flags_off(state("web-1", there), [FLAG]) == (EnvText(there), ())


def test_what_a_build_would_switch_on_is_told() -> None:
    on = b"FEATURE_PORTAL=true\n"
    off_in_cache: Mapping[str, object] = {"features.portal": False, "features.portal_test_companies": []}
    assert turned_on_by_a_build(state("web-1", on, settings=off_in_cache), [FLAG]) == ("portal",)
    assert turned_on_by_a_build(state("web-1", on), [FLAG]) == ()
    assert now_on({"a": NOBODY, "b": EVERYONE}, {"a": EVERYONE, "b": EVERYONE, "c": EVERYONE, "d": NOBODY}) == (
        "a",
        "c",
    )


@pytest.mark.parametrize(
    ("records", "found"),
    [
        ([], None),
        ([deployed("started", commit_before="a")], None),
        ([deployed("verified", commit="a", ref="v1")], ("a", "", "v1", ())),
        (
            [
                deployed("finished", commit="a", commit_before="0", ref="main"),
                deployed("failed", commit="b", commit_before="a", ref="main", migrated=["m1"]),
                deployed("finished", commit="b", commit_before="b", ref="main", migrated=["m2"]),
                deployed("finished", of="database", rolled_back=["m2"]),
                deployed("verified", commit="b"),
            ],
            ("b", "a", "main", ("m1", "m2")),
        ),
        ([deployed("verified", commit="a"), deployed("verified", commit="b")], ("b", "a", "", ())),
    ],
)
def test_the_last_commit_that_came_is_told_by_the_records(
    records: list[Record], found: tuple[str, str, str, tuple[str, ...]] | None
) -> None:
    at = moment_of({"at": "2025-11-20T09:00:00+00:00"})
    expected = Arrival(found[0], found[1], found[2], at, "ops", found[3]) if found else None
    assert last_arrival(records) == expected


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"action": "started", "ref": "x"}, "deployment of x started"),
        (
            {"action": "failed", "ref": "x", "commit": "a" * 40, "step": "migrate", "cause": "1", "unfinished": ["m"]},
            "deployment of x failed: migrate (1), aaaaaaaaa is live, 1 migration did not end",
        ),
        ({"action": "verified", "commit": "v1", "well": False}, "deployment verified: v1 is live, not as it should be"),
        ({"of": "database", "action": "finished", "rolled_back": ["a", "b"]}, "migrations went back: 2 of them"),
        ({"of": "database", "action": "odd", "migrated": "odd"}, "migrations odd"),
    ],
)
def test_a_record_is_told_in_words(fields: dict[str, object], words: str) -> None:
    assert deployed_in_words(fields) == words
    assert ran_in_words({"task": "sync", "action": "failed", "cause": "x"}) == "task sync failed: x"
