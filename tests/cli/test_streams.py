"""Streams that can't be written: a full disk, a closed one, a reader that has left. The work goes on without them."""

from __future__ import annotations

import json
import os
import pty
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.cli.shell import ENVIRONMENTS, PATIENCE, Ran, Shell

FULL = "The output could not be written: No space left on device."
CLOSED = "The output could not be written: Bad file descriptor."
TRY = "toggle demo bulk_export true --dry-run"
ON_ITS_OWN = "  The command went on without it, and its exit status says how it ended.\n"


@pytest.mark.parametrize(
    ("where", "told"),
    [
        (">/dev/full", f"✗ {FULL}\n{ON_ITS_OWN}"),
        ("--json >/dev/full", f"✗ {FULL}\n{ON_ITS_OWN}"),
        (">&-", f"✗ {CLOSED}\n{ON_ITS_OWN}"),
        ("--json >&-", f"✗ {CLOSED}\n{ON_ITS_OWN}"),
        ("2>/dev/full", ""),
        ("2>&-", ""),
        (">/dev/full 2>&1", ""),
        ("<&- >&- 2>&-", ""),
        ("--json <&- >&- 2>&-", ""),
        ("| true", ""),
        ("--json | head -c 1", ""),
    ],
)
def test_a_switch_off_is_made_whatever_becomes_of_its_words(shell: Shell, where: str, told: str) -> None:
    assert shell.run("toggle", "demo", "bulk_export", "true", "--yes").status == 0
    ran = redirected(shell, where, "toggle", "demo", "bulk_export", "false", "--yes")
    assert ran.status == 0
    assert ran.err.endswith(told)
    assert ran.err.count("✗") == told.count("✗")
    assert "Traceback" not in ran.err
    assert _outcomes(shell) == [("kept", True), ("kept", False)]


def test_the_ways_on_and_back_are_made_too(shell: Shell) -> None:
    assert redirected(shell, ">/dev/full", "toggle", "demo", "bulk_export", "true", "--yes").status == 0
    assert redirected(shell, ">/dev/full 2>&1", "rollback", "demo", "--yes").status == 0
    assert _outcomes(shell) == [("kept", True), ("kept", False)]


def test_a_confirmation_and_a_triage_go_on_too(shell: Shell) -> None:
    change = ("toggle", "demo", "bulk_export", "true", "--confirm-within", "10m", "--yes")
    assert redirected(shell, ">&- 2>&-", *change).status == 0
    assert redirected(shell, ">/dev/full 2>&1", "confirm", "demo").status == 0
    words = ("triage", "demo", "bulk_export", "--severity", "critical", "--yes")
    assert redirected(shell, ">/dev/full 2>&1", *words).status == 0
    assert ("kept", False) in _outcomes(shell)
    assert len(shell.run("incident", "list", "demo", "--json").document["incidents"]) == 1


def test_a_guard_watches_on_and_switches_off(tmp_path: Path) -> None:
    metrics = "metrics: {queue: {source: run, run: echo 5, limit: <= 4, guard: true}}\n"
    shell = Shell(tmp_path, ENVIRONMENTS + metrics)
    assert shell.run("toggle", "demo", "bulk_export", "true", "--yes").status == 0
    words = ("monitor", "demo", "bulk_export", "--guard", "--yes", "--every", "0.2s", "--for", "6s")
    assert redirected(shell, ">/dev/full 2>&1", *words).status == 6
    assert ("kept", False) in _outcomes(shell)


def test_a_change_that_fails_says_so_by_its_exit_status(shell: Shell) -> None:
    assert shell.run("status").status == 0
    (shell.folder / "state/rolloutctl/demo/break").mkdir(exist_ok=True)
    (shell.folder / "state/rolloutctl/demo/break/restart-once").write_text("no\n")
    assert redirected(shell, ">&- 2>&-", "toggle", "demo", "bulk_export", "true", "--yes").status == 4


@pytest.mark.parametrize("words", ["status", "status --json", "audit --json", "--help", TRY])
def test_what_only_shows_something_has_failed_when_it_could_not(onlooker: Shell, words: str) -> None:
    ran = redirected(onlooker, ">/dev/full", *words.split())
    assert (ran.status, ran.err) == (1, f"✗ {FULL}\n")


def test_not_even_the_version_goes_nowhere_unnoticed(onlooker: Shell) -> None:
    line = f"{shlex.join([*onlooker.command()[:3], '--version'])} >&-"
    run = subprocess.run(["bash", "-c", line], env=onlooker.environment, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (1, f"✗ {CLOSED}\n")


@pytest.mark.parametrize("words", ["status", "status --json", "audit --json"])
@pytest.mark.parametrize("where", ["| true", "| head -c 1", "2>&-"])
def test_a_reader_that_has_left_is_no_failure_and_who_has_the_answer_needs_no_stderr(
    onlooker: Shell, where: str, words: str
) -> None:
    ran = redirected(onlooker, where, *words.split())
    assert (ran.status, ran.err) == (0, "")


def test_an_error_keeps_its_exit_status(onlooker: Shell) -> None:
    ran = redirected(onlooker, ">/dev/full", "toggle", "demo", "nothing", "true", "--json")
    assert (ran.status, ran.err) == (2, f"✗ {FULL}\n{ON_ITS_OWN}")


def test_a_stream_that_does_not_wait_is_waited_for(onlooker: Shell) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with subprocess.Popen(onlooker.command("schema"), env=onlooker.environment, stdout=writing) as process:
        os.close(writing)
        with os.fdopen(reading) as out:
            assert "environments" in json.dumps(json.load(out))
    assert process.returncode == 0


@pytest.mark.parametrize(("environment", "where"), [("demo", "2>&-"), ("strict", "2>&-"), ("strict", "2>/dev/full")])
def test_a_question_that_nobody_sees_is_refused(shell: Shell, environment: str, where: str) -> None:
    leader, follower = pty.openpty()  # with the answers typed ahead, which must not be taken for those
    os.write(leader, b"strict\ny\nstrict\n")
    try:
        ran = redirected(shell, where, "toggle", environment, "bulk_export", "true", stdin=follower)
    finally:
        os.close(leader)
        os.close(follower)
    assert ran.status == 3
    assert _outcomes(shell) == []


def redirected(shell: Shell, where: str, *words: str, stdin: int = subprocess.DEVNULL) -> Ran:
    """Run to the end with its streams led elsewhere by bash; the status is the command's, also before a pipe."""
    line = f"{shlex.join(shell.command(*words))} {where}; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", line],
        env=shell.environment,
        cwd=shell.folder,
        stdin=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def _outcomes(shell: Shell) -> list[tuple[str, bool]]:
    """How each change ended, and whether it was to switch on."""
    records = shell.run("audit", "--json").document["records"]
    return [(record["event"], record["to"]["enabled"]) for record in records if record["event"] == "kept"]
