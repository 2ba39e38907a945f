"""Environments whose hosts are listed elsewhere: a change there, and one that fails stands in nobody's way."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.shell import Shell

TOLD = "The hosts could not be listed: `./broken`: exit 4, the registry is down."
LISTED = "echo asked >> asked; echo '[\"web-1\"]'"
CONFIGURATION = """\
version: 1
defaults: {steps: [{name: config cache, builtin: config-cache}]}
flags: {bulk_export: {}}
environments:
  listed: {connection: embedded, hosts: {run: ./listed}}
  broken: {connection: embedded, hosts: {run: ./broken}}
  behind: {connection: embedded, requires: [broken]}
"""


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    shell = Shell(tmp_path_factory.mktemp("sources"), CONFIGURATION)
    program(shell.folder, "listed", LISTED)
    program(shell.folder, "broken", "echo 'the registry is down' >&2; exit 4")
    return shell


def program(folder: Path, name: str, line: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{line}\n")
    (folder / name).chmod(0o755)


def test_a_change_goes_to_the_hosts_that_a_line_prints_and_asks_it_once(shell: Shell) -> None:
    (shell.folder / "asked").unlink(missing_ok=True)
    ran = shell.run("toggle", "listed", "bulk_export", "true", "--yes", "--json")
    assert ran.status == 0, ran.err
    assert [host["name"] for host in ran.document["change"]["hosts"]] == ["web-1"]
    assert (shell.folder / "asked").read_text() == "asked\n"


def test_a_switch_off_goes_to_the_hosts_that_were_listed_last_and_leaves_the_rest_to_a_person(shell: Shell) -> None:
    shell.run("status", "listed")
    program(shell.folder, "listed", "echo 'too late' >&2; exit 4")
    try:
        widened = shell.run("toggle", "listed", "bulk_export", "true", "--yes")
        ran = shell.run("toggle", "listed", "bulk_export", "false", "--yes", more={"COLUMNS": "300"})
    finally:
        program(shell.folder, "listed", LISTED)
    assert (widened.status, ran.status) == (3, 5)
    assert "✗ bulk_export is off on the hosts that were listed last; others may have come since." in ran.err
    assert "exit 4, too late. Those of " in ran.err
    assert "rolloutctl toggle listed bulk_export false" in ran.err


def test_a_change_where_nobody_knows_the_hosts_is_refused_with_what_was_said(shell: Shell) -> None:
    ran = shell.run("toggle", "broken", "bulk_export", "false", "--yes", more={"COLUMNS": "200"})
    assert (ran.status, ran.out) == (3, "")
    assert f"✗ broken: {TOLD}" in ran.err
    assert "Nothing was changed on any host." in ran.err


def test_what_requires_an_environment_whose_hosts_nobody_knows_is_refused(shell: Shell) -> None:
    ran = shell.run("toggle", "behind", "bulk_export", "true", "--yes", "--json")
    assert ran.status == 3
    assert ran.document["error"]["message"] == f"bulk_export has to be on in broken first: {TOLD}"


def test_status_shows_the_others_and_says_what_is_wrong_with_the_one(shell: Shell) -> None:
    ran = shell.run("status", "--json", "--check")
    found = {each["name"]: (each["reachable"], each["error"]) for each in ran.document["environments"]}
    assert ran.status == 6
    assert found == {"listed": (True, None), "broken": (False, TOLD), "behind": (True, None)}


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["status", "broken"], 0, f"! broken: {TOLD}"),
        (["status", "broken", "bulk_export"], 0, f"! broken: {TOLD}"),
        (["health", "broken"], 6, f"broken      unreachable   {TOLD}"),
        (["audit", "--verify", "broken"], 6, f"✗ broken   hosts   {TOLD}"),
        (["audit", "broken"], 3, f"broken · hosts: {TOLD}"),
        (["rollback", "broken", "--yes"], 3, f"✗ broken: {TOLD}"),
        (["audit"], 0, f"! broken · hosts could not be asked: {TOLD}"),
    ],
)
def test_each_command_names_the_source_that_failed(shell: Shell, words: list[str], status: int, told: str) -> None:
    ran = shell.run(*words, more={"COLUMNS": "200"})
    assert ran.status == status
    assert told in ran.out + ran.err


def test_completion_asks_no_source(shell: Shell) -> None:
    (shell.folder / "asked").unlink(missing_ok=True)
    more = {"_ROLLOUTCTL_COMPLETE": "complete_bash", "COMP_WORDS": "rolloutctl toggle l", "COMP_CWORD": "2"}
    assert shell.run(more={**more, "ROLLOUTCTL_CONFIG": str(shell.configuration)}).out == "listed"
    assert not (shell.folder / "asked").exists()
