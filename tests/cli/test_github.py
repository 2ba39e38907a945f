"""What a command tells GitHub Actions of its end: a summary in Markdown, and annotations that no text can leave."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolloutctl.cli.github import Problem, Summary, annotation, tell
from rolloutctl.cli.github_summaries import of_watch
from rolloutctl.cli.github_summaries_deploy import of_database_back
from rolloutctl.errors import PersonNeeded
from rolloutctl.rules.config import Environment
from rolloutctl.rules.migrations import Down, Migrated
from rolloutctl.rules.redact import printable
from rolloutctl.rules.verdicts_metrics import Verdict
from rolloutctl.rules.work import StepRun
from rolloutctl.workflows.database_rollback import DatabasePlan, DatabaseRolledBack
from rolloutctl.workflows.monitor import Round
from rolloutctl.workflows.safer_step import SaferStep
from rolloutctl.workflows.sampling import Lost
from tests.cli.deploy_play import BROKEN, FAILS, MIGRATES, Play
from tests.cli.shell import ENVIRONMENTS, Ran, Shell

PORTAL = ("toggle", "demo", "customer_portal", "true")


class Step:
    """A step of a workflow: each command has a summary of its own."""

    def __init__(self, shell: Shell) -> None:
        self.shell, self.file = shell, shell.folder / "summary.md"
        self.variables = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(self.file)}

    def run(self, *words: str) -> tuple[Ran, str]:
        self.file.unlink(missing_ok=True)
        ran = self.shell.run(*words, more=self.variables)
        return ran, self.file.read_text(encoding="utf-8") if self.file.exists() else ""


@given(st.text(), st.text(), st.sampled_from(["error", "warning"]))
def test_an_annotation_is_one_line_and_is_read_back_as_it_was_written(subject: str, text: str, level: str) -> None:
    line = annotation(Problem(subject, text, level="error" if level == "error" else "warning"))
    assert line.splitlines() == [line]
    command, title, data = as_github_reads(line)
    assert command == level
    assert title == printable(subject or "rolloutctl")
    assert data == printable(text)


def test_a_subject_with_a_comma_or_a_colon_stays_the_title() -> None:
    line = annotation(Problem("demo · web-1:22, 100%", "line\r\n::add-mask::x"))
    assert line == "::error title=demo · web-1%3A22%2C 100%25::line%0A::add-mask::x"


def test_no_text_becomes_markup_of_the_summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, ill = tmp_path / "summary.md", "a\n# b | <img> @ana [x](http://x) `c`"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(file))
    tell(Summary(ill, (ill,), ("host",), ((ill,),), (Problem(ill, ill, f"{ill}\nrolloutctl x `y`", (ill,)),)))
    written = file.read_text(encoding="utf-8")
    safe = "a \\# b \\| \\<img\\> @\u200bana \\[x\\](http:\u200b//x) \\`c\\`"
    assert written == (
        f"### ❌ {safe}\n\n{safe}\n\n| host |\n| --- |\n| {safe} |\n\n- **{safe}**: {safe}\n"
        f"  - `a # b | <img> @ana [x](http://x) 'c'`\n  - a\n  - {safe.removeprefix('a ')}\n"
        "  - Next: `rolloutctl x 'y'`\n\n"
    )


def test_a_change_and_what_is_odd_behind_it_are_told(tmp_path: Path) -> None:
    step = Step(Shell(tmp_path))
    ran, summary = step.run(*PORTAL, "--companies", "15,42", "--yes", "--reason", "pilot | week 1")
    assert (ran.status, ran.err.count("::")) == (0, 0)
    assert summary.startswith(
        "### ✅ companies 15 and 42 see customer\\_portal in demo\n\nnobody → companies 15 and 42: kept"
    )
    assert "Reason: pilot \\| week 1\n" in summary
    assert "| demo | kept |  |\n" in summary

    broken = tmp_path / "state/rolloutctl/demo/break"
    broken.mkdir(exist_ok=True)
    (broken / "restart-once").write_text("Job failed.\n")
    ran, summary = step.run(*PORTAL, "--companies", "all", "--yes", "--json")
    assert (ran.status, ran.document["error"]["code"]) == (4, "put_back")
    assert "\n::error title=demo::Nothing changed: still companies 15 and 42 see customer_portal." in f"\n{ran.err}"
    assert "### ❌ demo · customer\\_portal\n" in summary
    assert "| demo | reverted | restart php-fpm: exit 1 |\n" in summary
    assert "  - Next: `rolloutctl audit demo --change " in summary

    (broken / "health").write_text("ill\n")
    ran, summary = step.run("status", "demo", "--check")
    assert ran.status == 6
    assert "::error title=demo · demo::is ill: /health answers 500\n" in ran.err
    assert "| demo | customer\\_portal | companies 15 and 42 |  |\n" in summary
    assert "::warning title=demo · demo::is ill" in step.run("status", "demo")[0].err
    ran, summary = step.run("health", "demo")
    assert "::error title=demo::demo: ill: 500\n" in ran.err
    assert "| demo | demo | ill: 500 |\n" in summary


def test_a_command_that_is_refused_is_told_and_its_json_stays_one_document(tmp_path: Path) -> None:
    step = Step(Shell(tmp_path, f"{ENVIRONMENTS}  gone: {{hosts: ['127.0.0.1:1'], app: /srv}}\n"))
    ran, summary = step.run("toggle", "strict", "customer_portal", "true", "--yes", "--json")
    assert (ran.status, ran.document["error"]["code"]) == (3, "refused")
    assert ran.err.startswith("::error title=strict::strict is protected")
    assert summary.startswith("### ❌ rolloutctl toggle\n")
    ran, summary = step.run("due", "gone")
    assert ran.status == 3
    assert "### ❌ gone · what is due\n" in summary
    assert "::error title=gone" in ran.err


def test_anywhere_else_nothing_is_written_and_a_summary_that_can_not_be_is_no_failure(tmp_path: Path) -> None:
    step = Step(Shell(tmp_path))
    step.variables["GITHUB_ACTIONS"] = "false"
    ran, summary = step.run("toggle", "strict", "customer_portal", "true", "--yes")
    assert (ran.status, summary, "::error" in ran.err) == (3, "", False)
    step.variables = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(tmp_path)}
    done = step.shell.run(*PORTAL, "--yes", "--json", more=step.variables)
    assert (done.status, done.document["change"]["result"]) == (0, "kept")


def test_a_deployment_is_told_host_by_host_without_a_secret(tmp_path: Path) -> None:
    play = Play(tmp_path)
    step = Step(play.shell)
    secret = next(line for line in play.env().splitlines() if line.startswith("DB_PASSWORD"))[13:30]
    play.commit("bad", branch="feature/bad", migrate=FAILS)
    ran, summary = step.run("deploy", "staging", "feature/bad", "--yes")
    assert ran.status == 5
    assert "::error title=staging" in ran.err
    assert "Deployment of feature/bad: failed" in summary
    assert f"| demo | {play.first[:9]} | " in summary
    assert " | migrate |\n" in summary
    assert BROKEN.replace("_", "\\_") in summary
    assert secret not in summary + ran.err

    good = play.commit("good", migrate=MIGRATES)
    ran, summary = step.run("deploy", "staging", "--yes", "--json")
    assert (ran.status, json.loads(ran.out)["deployment"]["result"]) == (0, "finished"), ran.err
    assert f"| web-2 | {play.first[:9]} | {good[:9]} | " in summary

    ran, summary = step.run("deploy", "production", play.first)
    assert ran.status == 6
    assert f"| demo | {good[:9]} | /health 200" in summary
    assert f"{good[:9]} is live, and not {play.first[:9]}." in summary


def test_a_task_and_code_going_back_are_told(tmp_path: Path) -> None:
    play = Play(tmp_path)
    step = Step(play.shell)
    secret = next(line for line in play.env().splitlines() if line.startswith("DB_PASSWORD"))[13:30]
    ran, summary = step.run("run", "staging", "sync", "--confirm", "staging")
    assert (ran.status, summary.startswith("### ✅ staging · sync\n\nfinished, after ")) == (0, True), summary
    assert " s, on demo\n" in summary
    assert secret not in summary + ran.err
    ran, summary = step.run("run", "alone", "fails", "--yes", "--json")
    assert (ran.status, summary.startswith("### ❌ alone · fails\n")) == (5, True), summary
    assert "it ended with exit 3" in summary
    assert ran.err.startswith("::error title=alone")

    new = play.commit("Show the calls", portal="new")
    ran, summary = step.run("rollback", "staging", "--code", new, "--push", "--json")
    assert ran.status == 0, ran.err
    assert summary.startswith("### ✅ staging · code back\n\nEvery flag is off already")
    assert f"revert-{new[:9]} is ready, and pushed. It reverts:" in summary
    assert f"| {new[:9]} | Show the calls |\n" in summary
    ran, summary = step.run("rollback", "staging", "--code", new, "--dry-run")
    assert "To revert, on a new branch from origin/main:" in summary


def test_migrations_that_went_back_and_those_that_did_not_are_told_apart() -> None:
    lost = PersonNeeded("Going back failed on web-1.", subject="staging · web-1", hint="rolloutctl status staging")
    migrations = (("2025_b", Down("yes", loses=("calls.note",))), ("2025_a", Down("yes", loses=("calls",))))
    staging = Environment(name="staging", hosts=())
    plan = DatabasePlan(staging, "web-1", 7, migrations, SaferStep("staging", ()))
    ran = StepRun("migrate:rollback", 1, 2300, "")
    summary = of_database_back(DatabaseRolledBack(plan, ran, Migrated(("2025_b",)), ("A note.",), lost))
    assert summary.told[1] == "Batch 7, on web-1: failed, after 2.3 s"
    assert summary.rows == (("2025_b", "calls.note", "went back"), ("2025_a", "calls", ""))
    assert [(each.level, each.text) for each in summary.problems] == [
        ("error", "Going back failed on web-1."),
        ("warning", "A note."),
    ]
    dry = of_database_back(DatabaseRolledBack(plan))
    assert (dry.told[1], dry.problems) == ("Batch 7, on web-1: a dry run", ())


def test_a_watch_is_told_metric_by_metric() -> None:
    verdicts = (
        Verdict(metric="p95", host="web-1", word="fail", told="5 of 5 samples are above 3000"),
        Verdict(metric="calls", host=None, word="not enough data", told="1 of at least 2 samples"),
    )
    now = datetime(2025, 11, 24, tzinfo=UTC)
    last = Round(now, Environment(name="eu", hosts=()), (), (), verdicts, lost=(Lost("web-2", now, "no answer"),))
    summary = of_watch(last, 6)
    assert summary.rows == (
        ("p95", "web-1", "fail", "5 of 5 samples are above 3000"),
        ("calls", "", "not enough data", "1 of at least 2 samples"),
    )
    assert [annotation(each) for each in summary.problems] == [
        "::error title=eu · web-1::p95: 5 of 5 samples are above 3000",
        "::warning title=eu · web-2::no answer",
    ]
    strict = Round(now, Environment(name="eu", hosts=()), (), (), verdicts[1:])
    assert [each.text for each in of_watch(strict, 6).problems] == ["The watch ended with exit 6."]
    assert of_watch(strict, 0).problems == ()


def as_github_reads(line: str) -> tuple[str, str, str]:
    """The command, its title and its text, by the runner's rules (src/Runner.Common/ActionCommand.cs)."""
    head, data = line.removeprefix("::").split("::", 1)
    command, title = head.split(" title=", 1)
    for code, character in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        title = title.replace(code, character)
        data = data.replace(code, character) if code not in {"%3A", "%2C"} else data
    return command, title, data
