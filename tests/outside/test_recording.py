"""The host's own writing of its audit log and the head beside it, under each shell; and what a power cut leaves."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from rolloutctl.rules.records import Fault, Log, body, verify
from tests.outside.host_script import FUNCTIONS, PHP, staying

SHELLS = [shell for shell in ("dash", "bash", "busybox sh") if shutil.which(shell.partition(" ")[0])]

Append = Callable[..., int]


@pytest.fixture(params=["alone", "php stays"])
def append(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Append:
    """Appends a record for each change, as one session; the exit status of the last."""
    begin = ""
    if request.param == "php stays":
        if PHP is None:
            pytest.skip("there is no php here")
        begin = staying(tmp_path_factory.mktemp("eyes") / "scratch")

    def run(*changes: str, shell: str = "sh") -> int:
        records = "; ".join(f"append {shlex.quote(body({'event': 'kept', 'change': each}))}" for each in changes)
        script = f'STATE={tmp_path} LOG={tmp_path}/audit.jsonl\ntrue >>"$LOG"\n{FUNCTIONS}\n{begin}{records}'
        done = subprocess.run([*shell.split(), "-c", script], capture_output=True, timeout=30, check=False)
        assert done.stderr == b""
        return done.returncode

    return run


def log_in(folder: Path) -> Log:
    head = folder / "audit.head"
    return Log((folder / "audit.jsonl").read_bytes().decode(), head.read_text() if head.is_file() else "")


@pytest.mark.parametrize("shell", SHELLS)
def test_records_follow_each_other_and_the_head_names_the_last(append: Append, tmp_path: Path, shell: str) -> None:
    assert append("a", "b", "c", shell=shell) == 0
    log = log_in(tmp_path)
    assert (verify(log), log.head[:2], [record.data["line"] for record in log.records]) == (None, "3 ", [1, 2, 3])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["audit.head", "audit.jsonl"]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("torn", ["", '{"pr', '{"prev":"', "HALF", "WHOLE", "\0\0\0"])
def test_a_power_cut_before_the_head_was_written_is_no_fault_then_or_later(
    append: Append, tmp_path: Path, torn: str, shell: str
) -> None:
    append("a", "b")
    head, file = (tmp_path / "audit.head").read_text(), tmp_path / "audit.jsonl"
    text = file.read_text()
    append("c")
    line = file.read_text().removeprefix(text)
    file.write_text(text + {"HALF": line[:150], "WHOLE": line[:-1]}.get(torn, torn or line))
    (tmp_path / "audit.head").write_text(head)

    assert verify(log_in(tmp_path)) is None
    assert append("d", "e", shell=shell) == 0
    log = log_in(tmp_path)
    assert (verify(log), [record.change for record in log.records][-2:], log.head[:2]) == (None, ["d", "e"], "5 ")


def test_a_log_from_before_there_were_heads_gets_one(append: Append, tmp_path: Path) -> None:
    (tmp_path / "audit.jsonl").write_text('{"prev":"","event":"kept"}\n')
    assert append("a") == 0
    log = log_in(tmp_path)
    assert (verify(log), log.head[:2]) == (None, "2 ")


@pytest.mark.parametrize(
    ("damage", "line"),
    [
        (lambda log: log.replace('"c"', '"x"'), 4),
        (lambda log: log[: log.rindex('{"prev"')], 3),
        (lambda log: log[: log.index("\n") + 1], 2),
        (lambda _log: "", 1),
    ],
)
def test_what_happened_to_the_end_still_shows_when_the_log_has_gone_on(
    append: Append, tmp_path: Path, damage: Callable[[str], str], line: int
) -> None:
    append("a", "b", "c")
    file = tmp_path / "audit.jsonl"
    file.write_text(damage(file.read_text()))
    assert verify(log_in(tmp_path)) is not None
    assert append("d", "e") == 0
    assert verify(log_in(tmp_path)) == Fault(line, "does not follow the line before it")


@pytest.mark.parametrize("head", ["", "x", "08 $(touch x)", "3 zz", f"{'9' * 40} {'a' * 64}"])
def test_a_head_that_is_nonsense_harms_nothing_and_still_shows(append: Append, tmp_path: Path, head: str) -> None:
    append("a", "b")
    (tmp_path / "audit.head").write_text(f"{head}\n")
    assert verify(log_in(tmp_path)) == Fault(2, "is not named by audit.head any more: that file was changed")
    assert append("c") == 0
    assert verify(log_in(tmp_path)) == Fault(3, "does not follow the line before it")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["audit.head", "audit.jsonl"]


def test_a_head_that_was_removed_still_shows_when_the_log_has_gone_on(append: Append, tmp_path: Path) -> None:
    append("a", "b")
    (tmp_path / "audit.head").unlink()
    assert verify(log_in(tmp_path)) == Fault(2, "is not named by audit.head any more: that file is gone")
    append("c")
    assert verify(log_in(tmp_path)) == Fault(3, "does not follow the line before it")


def test_a_head_that_cannot_be_written_ends_the_writing_before_the_log_is_touched(
    append: Append, tmp_path: Path
) -> None:
    append("a")
    before = (tmp_path / "audit.jsonl").read_text()
    (tmp_path / "audit.head").unlink()
    (tmp_path / "audit.head").mkdir()
    assert append("b") != 0
    assert (tmp_path / "audit.jsonl").read_text() == before
