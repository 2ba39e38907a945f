"""init --github at the front desk: what it writes, what it says is to be set, and that it overwrites nothing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
import yaml

from rolloutctl.cli import main
from rolloutctl.cli.invocation import Invocation
from rolloutctl.errors import Refused
from rolloutctl.outside.github_files import Repository
from tests.cli.shell import Ran

TEXT = """\
version: 1
flags: {customer_portal: }
environments:
  staging: {hosts: [s.example.com], app: /srv, deploy: {steps: [{name: pull, run: git pull}]}}
  production: {hosts: [p.example.com], app: /srv, protected: true, deploy: {verify_only: true}}
"""
FILES = [
    ".github/actions/rolloutctl/action.yml",
    ".github/workflows/deploy-production.yml",
    ".github/workflows/deploy-staging.yml",
    ".github/workflows/due.yml",
    ".github/workflows/tests.yml",
    ".github/workflows/toggle.yml",
]
Run = Callable[..., Ran]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs init in a folder of a clone, below its root."""
    for name in ("COLUMNS", "ROLLOUTCTL_CONFIG", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".git").mkdir()
    (tmp_path / "environments.yaml").write_text(TEXT)
    (tmp_path / "below").mkdir()

    def run_here(*words: str) -> Ran:
        with chdir(tmp_path / "below"), redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
            status = main.run(Invocation(("init", "--github", *words)))
        return Ran(status, out.getvalue(), err.getvalue())

    return run_here


def made(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in (folder / ".github").rglob("*") if path.is_file())


def test_the_workflows_stand_at_the_root_and_the_settings_are_listed(run: Run, tmp_path: Path) -> None:
    ran = run()
    assert (ran.status, ran.err) == (0, "")
    assert made(tmp_path) == FILES
    assert f"Written below {tmp_path}/.github" in ran.out
    assert "deploy-production.yml runs scripts/deploy-production.sh" in ran.out
    named = ("ROLLOUTCTL_PACKAGE", "SSH_KNOWN_HOSTS", "SSH_PRIVATE_KEY", "production-unattended")
    assert [name for name in named if f"    {name} " not in ran.out] == []


def test_a_dry_run_prints_every_file_as_a_document_and_writes_nothing(run: Run, tmp_path: Path) -> None:
    ran = run("--dry-run")
    assert (ran.status, ran.err) == (0, "")
    assert sorted(line.removeprefix("--- # ") for line in ran.out.splitlines() if line.startswith("--- # ")) == FILES
    assert len([each for each in yaml.safe_load_all(ran.out) if each]) == len(FILES)
    assert not (tmp_path / ".github").exists()


def test_files_that_are_there_are_named_and_nothing_is_written(run: Run, tmp_path: Path) -> None:
    mine = tmp_path / ".github" / "workflows" / "tests.yml"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine\n")
    (mine.parent / "due.yml").symlink_to("nowhere")
    ran = run()
    assert (ran.status, ran.out) == (3, "")
    assert "2 of the files are there already, and init never overwrites one." in ran.err
    assert "    .github/workflows/tests.yml\n    .github/workflows/due.yml\n" in ran.err
    assert "Nothing was written." in ran.err
    assert mine.read_text() == "mine\n"
    assert made(tmp_path) == [".github/workflows/tests.yml"]


def test_a_file_that_appears_meanwhile_stays_and_those_before_it_are_named(tmp_path: Path) -> None:
    (tmp_path / "two").write_text("mine\n")
    with pytest.raises(Refused, match="Somebody has made this file meanwhile") as told:
        Repository(tmp_path / "environments.yaml").write({"a/one": "1\n", "two": "2\n", "three": "3\n"})
    assert (told.value.state, told.value.details) == ("These were written before:", ("a/one",))
    assert (tmp_path / "two").read_text() == "mine\n"
    assert not (tmp_path / "three").exists()


def test_where_no_folder_can_be_made_it_says_why(run: Run, tmp_path: Path) -> None:
    (tmp_path / ".github").write_text("a file\n")
    ran = run()
    assert (ran.status, ran.out) == (3, "")
    assert "The file can't be written: " in ran.err
    assert "Nothing was written." in ran.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["web-1"], "HOST is about something else"),
        (["--rollout", "customer_portal"], "--rollout is about something else"),
        (["--environment", "staging"], "--environment is about something else"),
    ],
)
def test_what_is_about_something_else_is_wrong_usage(run: Run, tmp_path: Path, words: list[str], said: str) -> None:
    ran = run(*words)
    assert (ran.status, ran.out) == (2, "")
    assert said in ran.err
    assert not (tmp_path / ".github").exists()


def test_without_a_server_there_is_nothing_to_write(run: Run, tmp_path: Path) -> None:
    (tmp_path / "environments.yaml").write_text("version: 1\nenvironments: {demo: {connection: embedded}}\n")
    ran = run()
    assert (ran.status, ran.out) == (2, "")
    assert "No environment has a server that a workflow could reach." in ran.err
