"""A task on the operator's machine: told while it runs, ended with all that it started."""

from __future__ import annotations

from pathlib import Path

from rolloutctl.outside.speech import Speech
from rolloutctl.outside.task_runner import TaskRunner
from rolloutctl.rules.env_lines import EnvText
from rolloutctl.rules.redact import Redactor
from rolloutctl.rules.tasks import Task
from rolloutctl.rules.work import StepRun

LONG = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0"
SECRETS = Redactor.of(EnvText(f"KEY=hunter22\nTOKEN={LONG}\n".encode()), except_keys=())


def ran(folder: Path, line: str, seconds: float = 30.0) -> tuple[StepRun, list[str]]:
    told: list[str] = []
    task = Task(name="t", run=line, environments=("a",), on="here", timeout=seconds)
    return TaskRunner(folder)(task, {"X": "1"}, told.append, SECRETS), told


def test_what_it_says_is_told_and_kept_without_secrets(tmp_path: Path) -> None:
    step, told = ran(tmp_path, "pwd; echo KEY hunter22 $X; echo and >&2; exit 7")
    assert (step.status, "\n".join(told)) == (7, f"{tmp_path}\nKEY ••• 1\nand")
    assert step.output == f"{tmp_path}\nKEY ••• 1\nand"


def test_what_takes_too_long_is_ended_with_what_it_started(tmp_path: Path) -> None:
    (tmp_path / "go").touch()
    step, told = ran(tmp_path, "echo begun; (while [ -e go ]; do sleep 0.1; date > alive; done) & wait", seconds=0.5)
    assert (step.status, told) == (124, ["begun"])
    (tmp_path / "alive").unlink(missing_ok=True)
    ended, _ = ran(tmp_path, "sleep 0.4; [ ! -e alive ]")
    assert ended.ok


def test_one_that_closes_its_output_and_goes_on_is_ended_too(tmp_path: Path) -> None:
    step, _ = ran(tmp_path, "exec >/dev/null 2>&1; sleep 60", seconds=20.0)
    assert step.status == 124


def test_of_much_output_the_end_is_kept_from_a_line_on(tmp_path: Path) -> None:
    step, told = ran(tmp_path, "seq 1 20000")
    assert step.output.endswith("\n20000")
    assert step.output.splitlines()[0].isdigit()
    assert len(step.output) < 8192
    assert "\n".join(told).splitlines() == [str(number) for number in range(1, 20001)]


def test_pieces_become_lines_and_none_of_them_shows_a_part_of_a_secret() -> None:
    speech = Speech()
    assert speech.add(4, b"one\n", None) == ""  # nobody knows what is secret yet
    speech.begin()
    assert speech.add(6, b"one\ntw", SECRETS) == "one"
    assert speech.add(9, b"o\nthree"[:3], SECRETS) == "two"
    assert speech.add(60, b"hunter22\nfour\n", SECRETS) == "four"  # something between was left out
    assert speech.add(73, b"\x1b[1mbold\x07\r\nx\n", SECRETS) == "\\x1b[1mbold\\x07\nx"
    speech.begin()
    wrapped = f"a {LONG[:30]}\n{LONG[30:]} b\n".encode()
    assert speech.add(len(wrapped), wrapped, SECRETS) == "a •••\n••• b"
