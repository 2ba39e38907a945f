"""init at the front desk: its questions, its refusals, and the file that it leaves or does not leave."""

from __future__ import annotations

from contextlib import chdir, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from rolloutctl.cli import main
from rolloutctl.cli.invocation import Invocation
from rolloutctl.outside.yaml_file import load
from tests.cli.shell import Ran, Shell

UNSEEN = ("--no-look", "--yes", "--app", "/srv/app")


class Newcomer(Shell):
    """An operator who has no environments.yaml yet."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.configuration.unlink()

    def run_here(self, *words: str) -> Ran:
        """As `run`, without a process of its own: without a terminal all the same."""
        with chdir(self.folder), redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
            status = main.run(Invocation(("--config", str(self.configuration), *words)))
        return Ran(status, out.getvalue(), err.getvalue())

    @property
    def left(self) -> list[str]:
        """What the command left in the folder."""
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture
def newcomer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Newcomer:
    monkeypatch.delenv("COLUMNS", raising=False)  # a pipe has no width
    return Newcomer(tmp_path)


def refused(ran: Ran, *said: str) -> bool:
    assert (ran.status, ran.out) == (3, ""), ran
    assert "Nothing was written." in ran.err
    assert [words for words in said if words not in ran.err] == []
    return True


def test_without_looking_the_options_make_a_file_that_loads(newcomer: Newcomer) -> None:
    ran = newcomer.run("init", "deploy@web-1:2222", *UNSEEN, "--flag", "portal", "--flag", "FEATURE_BULK")

    assert (ran.status, ran.err) == (0, "")
    found = load(newcomer.configuration, {})
    (host,) = found.environment("production").hosts
    assert (host.user, host.address, host.port, host.app) == ("deploy", "web-1", 2222, "/srv/app")
    assert [flag.key for flag in found.flags.values()] == ["FEATURE_PORTAL", "FEATURE_BULK"]
    assert newcomer.left == ["environments.yaml"]
    assert f"rolloutctl --config {newcomer.configuration} doctor production" not in ran.out
    assert "Next: rolloutctl doctor production\n" in ran.out
    assert "Then: rolloutctl status production\n" in ran.out


def test_a_dry_run_prints_the_file_and_writes_nothing(newcomer: Newcomer) -> None:
    ran = newcomer.run_here("init", "web-1", *UNSEEN, "--dry-run")
    assert (ran.status, ran.err, newcomer.left) == (0, "", [])
    newcomer.configuration.write_text(ran.out, encoding="utf-8")
    assert list(load(newcomer.configuration, {}).environments) == ["production"]


def test_a_file_that_is_there_is_never_touched(newcomer: Newcomer) -> None:
    newcomer.configuration.write_text("# mine\n")
    ran = newcomer.run_here("init", "deploy@staging.example.com", "--environment", "staging", *UNSEEN)
    assert refused(ran, str(newcomer.configuration), "never overwrites", "--output PATH")
    assert "    staging:\n" in ran.err
    assert "      hosts: [deploy@staging.example.com]\n" in ran.err
    assert newcomer.configuration.read_text() == "# mine\n"
    assert newcomer.left == ["environments.yaml"]


def test_an_environment_that_is_in_the_file_already_is_for_doctor(newcomer: Newcomer) -> None:
    assert newcomer.run_here("init", "web-1", *UNSEEN).status == 0
    before = newcomer.configuration.read_text()

    again = newcomer.run_here("init", "web-1", *UNSEEN)

    assert refused(again, "production is in this file already", "rolloutctl doctor production")
    assert newcomer.configuration.read_text() == before


def test_another_file_is_named_in_the_next_commands(newcomer: Newcomer) -> None:
    ran = newcomer.run_here("init", "web-1", *UNSEEN, "--output", "other.yaml")
    assert (ran.status, newcomer.left) == (0, ["other.yaml"])
    assert f"rolloutctl --config {newcomer.folder}/other.yaml status production" in ran.out


def test_without_a_terminal_it_names_the_option_that_is_missing(newcomer: Newcomer) -> None:
    assert refused(newcomer.run_here("init"), "no terminal", "HOST")
    assert refused(newcomer.run_here("init", "web-1"), "--environment NAME", "--yes")
    assert refused(newcomer.run_here("init", "--yes"), "HOST")
    assert refused(newcomer.run_here("init", "web-1", "--yes", "--no-look"), "--app PATH")
    assert newcomer.left == []


def test_without_a_terminal_all_options_together_are_enough(newcomer: Newcomer) -> None:
    options = ("--environment", "x", "--no-look", "--app", "/srv/app", "--url", "https://a.example", "--flag", "portal")
    assert newcomer.run_here("init", "web-1", *options).status == 0


def test_a_host_that_cant_be_reached_leaves_no_file(newcomer: Newcomer) -> None:
    assert refused(
        newcomer.run_here("init", "127.0.0.1:1", "--yes"), "127.0.0.1 port 1: connection refused", "--no-look"
    )
    assert newcomer.left == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["a b"], "A host is user@name:port"),
        (["web-1", "--url", "example.com"], "It is a scheme and a name"),
        (["web-1", "--environment", "a b"], "A name is letters"),
        (["web-1", "--app", "srv/app"], "A folder on a host begins with /"),
        (["web-1", "--health", "up"], "A path begins with /"),
        (["web-1", "--flag", "-x"], "No flag has this name: -x"),
        (["web-1", "local"], "This machine stands alone"),
        (["web-1", "--restart", "a\nb"], "a line break"),
        (["web-1", "web-1"], "two hosts of one name"),
    ],
)
def test_an_option_that_is_ill_written_is_wrong_usage(newcomer: Newcomer, words: list[str], said: str) -> None:
    ran = newcomer.run_here("init", *words, *([] if "--app" in words else UNSEEN))
    assert (ran.status, ran.out, newcomer.left) == (2, "", [])
    assert said in ran.err


def test_a_person_is_asked_a_few_questions(newcomer: Newcomer) -> None:
    ran = newcomer.type(
        "init",
        answers=[
            ("user@host: ", "not a host\n"),
            ("user@host: ", "127.0.0.1:1\n"),
            ("called? [production] ", "staging\n"),
            ("without looking? y/n [n] ", "y\n"),
            ("In which folder", "/srv/app\n"),
            ("reach it?", "\n"),
            ("Which flags?", "portal, bulk\n"),
            ("Next: ", ""),
        ],
    )
    assert ran.status == 0
    found = load(newcomer.configuration, {})
    assert (list(found.environments), list(found.flags)) == (["staging"], ["portal", "bulk"])


def test_a_person_who_gives_up_leaves_no_file(newcomer: Newcomer) -> None:
    ran = newcomer.type("init", "web-1", "--no-look", answers=[("called?", "\n"), *[("In which folder", "\n")] * 3])
    assert (ran.status, newcomer.left) == (3, [])
    assert "Give it: --app PATH" in ran.out
