"""The door of the front desk: help, wrong usage, a wrong environments.yaml, defects, and signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

import rolloutctl
from rolloutctl.cli import main
from rolloutctl.cli.asking import Answer
from rolloutctl.cli.invocation import Invocation
from rolloutctl.cli.run import TaskFrontDesk
from rolloutctl.errors import PersonNeeded
from rolloutctl.rules.flags import EVERYONE
from rolloutctl.rules.host import Event
from rolloutctl.rules.tasks import Task
from tests.cli.shell import Shell
from tests.fakes import host_plan, plan

CHANGING = ("toggle", "confirm", "due", "unschedule")
LOOKING = ("health", "monitor", "triage", "timeline", "report", "announce")
ONES = (*CHANGING, "status", "rollback", "deploy", "run", "audit", *LOOKING, "init", "trust", "doctor", "schema")
COMMANDS = (*ONES, "rollout", "incident")


def test_the_version_is_the_packages(onlooker: Shell) -> None:
    ran = onlooker.run("--version")
    assert (ran.status, ran.out, ran.err) == (0, f"rolloutctl {rolloutctl.__version__}\n", "")


def test_help_names_every_command(onlooker: Shell) -> None:
    ran = onlooker.run("--help")
    listed = [line.split()[0] for line in ran.out.partition("Commands:\n")[2].splitlines()]
    assert (ran.status, listed) == (0, list(COMMANDS))


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(onlooker: Shell, command: str) -> None:
    ran = onlooker.run(command, "--help")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.startswith(f"Usage: rolloutctl {command}")


def test_without_a_command_it_shows_the_help(onlooker: Shell) -> None:
    assert onlooker.run() == onlooker.run("--help")


def test_there_is_no_unlock(onlooker: Shell) -> None:
    assert onlooker.run("unlock").status == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["toggle"], "Missing argument 'ENV'"),
        (["toggle", "demo", "customer_portal"], "Missing argument 'true|false'"),
        (["toggle", "demo", "customer_portal", "maybe"], "'maybe' is neither true nor false."),
        (["toggle", "demi", "customer_portal", "true"], "There is no environment 'demi'. Did you mean 'demo'?"),
        (["toggle", "demo", "custmer_portal", "true"], "Did you mean 'customer_portal'?"),
        (["toggle", "demo", "customer_portal", "true", "--companies", "15,x"], "'x' is not a company's number."),
        (["toggle", "demo", "customer_portal", "true", "--companies", "5", "--add-companies", "6"], "the whole list"),
        (["toggle", "demo", "customer_portal", "true", "--add-companies", "5", "--remove-companies", "5"], "at once"),
        (["toggle", "demo", "customer_portal", "false", "--companies", "5"], "--companies says who sees"),
        (["toggle", "demo", "customer_portal", "true", "--wait", "soon"], "--wait soon is no length of time."),
        (["toggle", "demo", "customer_portal", "true", "--nonsense"], "No such option: --nonsense"),
        (["status", "nowhere"], "There is no environment 'nowhere'."),
        (["status", "demo", "nothing"], "There is no flag 'nothing'."),
        (["rollback", "demo", "--to", "x", "--steps", "2"], "--to and --steps"),
        (["rollback", "demo", "--steps", "0"], "--steps"),
        (["audit", "demo", "--verify", "--flag", "bulk_export"], "--verify reads whole logs"),
        (["frobnicate"], "No such command 'frobnicate'"),
    ],
)
def test_wrong_usage_is_one_clear_message_and_exit_2(onlooker: Shell, words: list[str], said: str) -> None:
    ran = onlooker.run(*words)
    assert (ran.status, ran.out) == (2, "")
    assert said in ran.err
    assert "Traceback" not in ran.err
    assert ran.err.startswith("✗ ")


def test_wrong_usage_is_a_document_where_a_program_reads(onlooker: Shell) -> None:
    ran = onlooker.run("toggle", "demo", "nothing", "true", "--json")
    assert (ran.status, ran.err) == (2, "")
    assert ran.document["change"] is None
    error = ran.document["error"]
    assert (error["code"], error["message"]) == ("usage", "There is no flag 'nothing'.")
    assert error["hint"] == "Known: customer_portal, bulk_export."


def test_an_error_of_a_command_that_changes_nothing_has_no_change(onlooker: Shell) -> None:
    assert list(onlooker.run("status", "nowhere", "--json").document) == ["error"]


def test_every_fault_of_environments_yaml_has_its_line(tmp_path: Path) -> None:
    shell = Shell(tmp_path, "version: 1\nflags:\n  portal: {kye: X}\nenvironments:\n  demo: {connection: carrier}\n")
    ran = shell.run("status")
    assert (ran.status, ran.out) == (2, "")
    assert "environments.yaml" in ran.err
    assert "kye" in ran.err
    assert "carrier" in ran.err
    assert "Traceback" not in ran.err


def test_without_environments_yaml_it_says_where_it_looked(onlooker: Shell, tmp_path: Path) -> None:
    run = subprocess.run(
        [*onlooker.command()[:3], "status"],
        env=onlooker.environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stdout) == (2, "")
    assert str(tmp_path) in run.stderr
    assert "--config" in run.stderr


def test_the_schema_is_printed_without_an_environments_yaml(onlooker: Shell, tmp_path: Path) -> None:
    run = subprocess.run(
        [*onlooker.command()[:3], "schema"],
        env=onlooker.environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert "environments" in json.dumps(json.loads(run.stdout))


def test_a_defect_is_told_without_a_traceback_and_without_its_values(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _with_a_defect(monkeypatch, ("schema",)) == 1
    told = capsys.readouterr()
    assert "a defect of rolloutctl: ValueError" in told.err
    assert "Traceback" not in told.err
    assert "hunter2" not in told.err


def test_debug_shows_where_a_defect_comes_from(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _with_a_defect(monkeypatch, ("--debug", "schema")) == 1
    assert "Traceback" in capsys.readouterr().err


def test_an_interruption_before_the_commit_changed_nothing() -> None:
    error = main.interrupted(Invocation(("toggle",), command="toggle"))
    assert (error.exit_status, error.state) == (3, "Nothing was changed on any host.")


def test_an_interruption_after_the_commit_needs_a_person() -> None:
    shown = plan([host_plan(b"FEATURE_PORTAL=false\n", EVERYONE)], EVERYONE)
    error = main.interrupted(Invocation(("toggle",), command="toggle", plan=shown, begun=True))
    assert isinstance(error, PersonNeeded)
    assert error.hint == "rolloutctl status production portal"


def test_an_interruption_of_long_work_says_that_its_step_may_still_run() -> None:
    invocation = Invocation(("run", "production", "copy"), command="run")
    desk = TaskFrontDesk(invocation, Answer(invocation, yes=True), "")
    copy = Task(name="copy", run="cp a b", environments=("production",))
    assert desk.agrees(copy, plan([host_plan(b"FEATURE_PORTAL=false\n", EVERYONE)], EVERYONE).environment)
    assert main.interrupted(invocation).state == "Nothing was changed on any host."
    desk.notice("web-1", Event("entered"))
    error = main.interrupted(invocation)
    assert (error.exit_status, error.message) == (5, "Interrupted while hosts were at work.")
    assert error.state == "The step that ran may still run there, to its end; no other begins."
    assert error.hint == "rolloutctl status production"


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_at_the_question_leaves_everything_as_it_is(shell: Shell, ending: signal.Signals) -> None:
    ran = shell.type("toggle", "demo", "customer_portal", "true", answers=[("[y/N] ", ending)])
    assert ran.status == 3
    assert "Nothing was changed on any host." in ran.out
    assert shell.run("audit", "demo", "--json").document["records"] == []


def test_a_reader_that_leaves_early_is_no_error(onlooker: Shell) -> None:
    with subprocess.Popen(
        onlooker.command("schema"), env=onlooker.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        os.close(os.dup(process.stdout.fileno()))
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def _with_a_defect(monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]) -> int:
    """Run a command that stumbles over something that nobody thought of: the schema's document can't be written."""

    class Broken:
        def isatty(self) -> bool:
            return False

        def write(self, text: str) -> int:
            raise ValueError("hunter2" + text)

        def flush(self) -> None: ...

    with monkeypatch.context() as patched:
        patched.setattr("sys.stdout", Broken())
        return main.run(Invocation(words))
