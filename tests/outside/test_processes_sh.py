"""What a host's side of a session has started ends with all that belongs to it, under each shell."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.lab.processes import alive, wait_until
from tests.outside.host_script import FUNCTIONS

SHELLS = [shell for shell in ("dash", "bash", "busybox sh") if shutil.which(shell.partition(" ")[0])]


def run(script: str, shell: str, folder: Path) -> str:
    whole = f"{FUNCTIONS}\n{script}"
    ran = subprocess.run([*shell.split(), "-c", whole], cwd=folder, capture_output=True, timeout=30, check=False)
    return ran.stdout.decode().strip()


@pytest.mark.parametrize("shell", SHELLS)
def test_a_signal_ends_the_step_that_runs(tmp_path: Path, shell: str) -> None:
    step = "sh -c 'sleep 300 & echo $! >pid; wait'"
    begun = f"(until [ -s pid ]; do sleep 0.1; done; kill -TERM $$) & bounded 25 out {step}"
    assert run(f'{begun}; echo "$result $TERMINATED"', shell, tmp_path) == "143 1"
    wait_until(lambda: not alive(int((tmp_path / "pid").read_text())), "the end of what the step started")


@pytest.mark.parametrize("shell", SHELLS)
def test_a_step_whose_time_is_over_leaves_nothing_behind_that_ignores_it(tmp_path: Path, shell: str) -> None:
    step = """sh -c '(trap "" TERM; exec sleep 300) & echo $! >pid; wait'"""
    assert run(f'bounded 1 out {step}; echo "$result"', shell, tmp_path) == "124"
    wait_until(lambda: not alive(int((tmp_path / "pid").read_text())), "the end of what the step started")
