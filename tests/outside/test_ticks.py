"""The clock inside a session: it stops when it is told to, however young it is."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from rolloutctl.outside.command import session_script

SCRIPT = session_script()
SHELLS = [shell for shell in ("dash", "bash", "busybox sh") if shutil.which(shell.partition(" ")[0])]


def function(name: str) -> str:
    found = re.search(rf"^{name}\(\) {{\n.*?^}}\n", SCRIPT, re.MULTILINE | re.DOTALL)
    assert found is not None, name
    return found[0]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_clock_that_has_hardly_begun_can_be_stopped(shell: str) -> None:
    """A subshell still has its parent's trap for a moment: a TERM is lost there, and the wait for it never ends."""
    traps = "".join(re.findall(r"^trap .*\n", SCRIPT, re.MULTILINE)[:2])
    functions = function("start_ticks") + function("stop_ticks")
    many = "n=0; while [ $n -lt 300 ]; do n=$((n + 1)); start_ticks; stop_ticks; done; echo stopped $n"
    script = f"{traps}kill_group() {{ :; }}\nTICKER=\nexec 8>/dev/null 9>/dev/null\n{functions}{many}"

    ran = subprocess.run([*shell.split(), "-c", script], capture_output=True, text=True, timeout=30, check=False)

    assert ran.stdout == "stopped 300\n"
