"""A secret that environments.yaml names and nobody has set: what needs it is not asked, and nothing is widened."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.shell import Shell

TOLD = "environments.yaml:4: environments.asking.health.headers names a secret that is neither in the environment"
CONFIGURATION = """\
version: 1
flags: {bulk_export: {}}
environments:
  asking: {connection: embedded, hosts: [asking], health: {path: /health, headers: {X-Token: "${TOKEN}"}}}
  demo: {connection: embedded}
defaults: {steps: [{name: config cache, builtin: config-cache}]}
"""


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return Shell(tmp_path_factory.mktemp("secret"), CONFIGURATION)


def test_nothing_is_widened_where_a_secret_is_missing(shell: Shell) -> None:
    ran = shell.run("toggle", "asking", "bulk_export", "true", "--yes", "--json")
    assert ran.status == 2
    error = ran.document["error"]
    assert TOLD in error["message"]
    assert error["hint"] == "Set it in the environment, or in .env beside environments.yaml."


def test_another_environment_is_widened_all_the_same(shell: Shell) -> None:
    assert shell.run("toggle", "demo", "bulk_export", "true", "--yes").status == 0


def test_a_switch_off_goes_on_and_says_what_was_not_asked(shell: Shell) -> None:
    token = {"TOKEN": "t"}
    assert shell.run("toggle", "asking", "bulk_export", "true", "--yes", more=token).status == 0
    ran = shell.run("toggle", "asking", "bulk_export", "false", "--yes", more={"COLUMNS": "300"})
    assert ran.status == 0
    assert TOLD in ran.out + ran.err


@pytest.mark.parametrize("beside", [b"HOOK=\n", b"HOOK=hunter2\n", b"# \xfc\nHOOK=https://hooks.example.com/hunter2\n"])
def test_a_secret_that_is_no_use_stops_only_what_is_sent_there(tmp_path: Path, beside: bytes) -> None:
    channels = 'announce: {facts: {on_call: a, report_to: b}, channels: {team: {slack: "${HOOK}"}}}\n'
    shell = Shell(tmp_path, CONFIGURATION + channels)
    (tmp_path / ".env").write_bytes(beside)
    for words in (
        ("toggle", "demo", "bulk_export", "true", "--yes"),
        ("status", "demo"),
        ("triage", "demo", "--severity", "low", "--dry-run"),
    ):
        assert shell.run(*words).status == 0, words
    assert shell.run("toggle", "demo", "bulk_export", "false", "--yes").status == 0
    asked = ("announce", "production", "bulk_export", "--in", "demo", "--fact", "when=now", "--to", "team", "--yes")
    told = shell.run(*asked, more={"COLUMNS": "300"})
    assert told.status == 5, told.err
    assert "announce.channels.team.slack names a secret that" in told.err
    assert "Set the secret in the environment, or in .env beside environments.yaml." in told.err
    assert "hunter2" not in told.out + told.err


def test_status_and_health_go_on_and_are_not_content(shell: Shell) -> None:
    ran = shell.run("status", "asking", "--check", more={"COLUMNS": "300"})
    assert ran.status == 6
    assert f"! asking: what needs a secret is not asked: {TOLD}" in ran.out
    ran = shell.run("health", "asking", more={"COLUMNS": "300"})
    assert ran.status == 6
    assert f"not asked: {TOLD}" in ran.out
