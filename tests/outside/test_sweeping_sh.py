"""What sessions that were killed left behind goes, and nothing of those that live, under each shell."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.processes import wait_until
from tests.outside.host_script import SHELLS, run_functions

START = 19  # where /proc/PID/stat says when it began, counted behind its name (proc(5))


def _start(process: subprocess.Popen[bytes]) -> str:
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(") ")[2].split()[START]


@pytest.fixture
def living(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    named = tmp_path / "ends) Z 1 (or"  # as a program may be, and its name stands in /proc/PID/stat
    shutil.copy(shutil.which("sleep") or "", named)
    with subprocess.Popen([named, "300"]) as process:
        yield process
        process.kill()


@pytest.fixture
def ended() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["true"]) as process:  # nobody waits for it before the end of the test
        wait_until(lambda: ") Z " in Path(f"/proc/{process.pid}/stat").read_text(), "its end")
        yield process


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_only_what_belongs_to_nobody_who_lives_is_swept(
    tmp_path: Path, shell: tuple[str, ...], living: subprocess.Popen[bytes], ended: subprocess.Popen[bytes]
) -> None:
    start = _start(living)
    owners = {
        "alive": f"{living.pid} {start}\n",
        "also alive": f"{living.pid} {start}\n",
        "where there is no proc": f"{living.pid} \n",
        "our own": "4194999 1\n",
        "nobody says whose": "",
        "killed": "4194999 1\n",  # more than a pid can be
        "cut off": "4194999",
        "its pid is another's by now": f"{living.pid} {int(start) - 1}\n",
        "a part of the start": f"{living.pid} {start[:-1]}\n",
        "not waited for": f"{ended.pid} {_start(ended)}\n",
    }
    places = tmp_path / "places"
    for name, owner in owners.items():
        (places / name).mkdir(parents=True)
        (places / name / "owner").write_text(owner)
    (places / "a link").symlink_to(places / "killed")
    ran = run_functions(shell, "SCRATCH='our own'\nsweep_folders *\n", places)
    assert (ran.returncode, ran.stderr) == (0, "")
    left = {path.name for path in places.iterdir()}
    assert left == {"alive", "also alive", "where there is no proc", "our own", "nobody says whose", "a link"}


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_where_nobody_lives_nobody_is_asked_about(tmp_path: Path, shell: tuple[str, ...]) -> None:
    (tmp_path / "killed").mkdir()
    (tmp_path / "killed" / "owner").write_text("4194999 1\n")
    ran = run_functions(shell, "SCRATCH=x\ncat() { echo asked; }\nsweep_folders *\n", tmp_path)
    assert (ran.returncode, ran.stdout, list(tmp_path.iterdir())) == (0, "", [])


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
@pytest.mark.parametrize(
    "fault",
    [
        "cat() { :; }",
        "cat() { echo '1 (a) S'; }",
        'cat() { command cat "/proc/$$/stat"; }',
        "sed() { :; }",
        "sed() { echo 1 S 1; }",
    ],
)
def test_nobody_counts_as_dead_for_want_of_an_answer(
    tmp_path: Path, shell: tuple[str, ...], fault: str, living: subprocess.Popen[bytes]
) -> None:
    places = tmp_path / "places"
    (places / "alive").mkdir(parents=True)
    (places / "alive" / "owner").write_text(f"{living.pid} {_start(living)}\n")
    ran = run_functions(shell, f"SCRATCH=x\n{fault}\nsweep_folders *\n", places)
    assert (ran.returncode, [path.name for path in places.iterdir()]) == (0, ["alive"])


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_a_folder_that_is_handed_over_in_this_moment_stays(
    tmp_path: Path, shell: tuple[str, ...], living: subprocess.Popen[bytes]
) -> None:
    places = tmp_path / "places"
    (places / "provisional").mkdir(parents=True)
    (places / "provisional" / "owner").write_text("4194999 1\n")
    handed_over = f"kill() {{ echo '{living.pid} {_start(living)}' >provisional/owner; command kill \"$@\"; }}"
    ran = run_functions(shell, f"SCRATCH=x\n{handed_over}\nsweep_folders *\n", places)
    assert (ran.returncode, [path.name for path in places.iterdir()]) == (0, ["provisional"])
