"""Whether logind ends what a login leaves behind, read from its configuration, under each shell that may be a sh."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from pathlib import Path

import pytest

from rolloutctl.outside.command import examiner

SHELLS = [shell for shell in ("dash", "bash", "busybox sh") if shutil.which(shell.partition(" ")[0])]
FUNCTIONS = examiner().decode().removesuffix("examine\n")
ME = pwd.getpwuid(os.geteuid()).pw_name
ANYBODY = "[Login]\nKillUserProcesses=yes\nKillExcludeUsers=nobody-else\n"
SESSION = f"0::/user.slice/user-{os.geteuid()}.slice/session-7.scope\n"


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("files", "killed"),
    [
        ({}, False),
        ({"etc/systemd/logind.conf": "[Login]\n#KillUserProcesses=yes\n"}, False),
        ({"etc/systemd/logind.conf": ANYBODY}, True),
        ({"etc/systemd/logind.conf": ANYBODY, "usr/lib/systemd/logind.conf": "KillUserProcesses=no\n"}, True),
        ({"usr/lib/systemd/logind.conf": ANYBODY, "run/systemd/logind.conf.d/z.conf": "KillUserProcesses=no\n"}, False),
        (
            {
                "etc/systemd/logind.conf.d/10.conf": " KillUserProcesses = on \nKillExcludeUsers=x\n",
                "usr/lib/systemd/logind.conf.d/10.conf": "KillUserProcesses=no\n",
            },
            True,
        ),
        ({"etc/systemd/logind.conf": f"KillUserProcesses=yes\nKillExcludeUsers=a {ME} b\n"}, False),
        ({"etc/systemd/logind.conf": f"{ANYBODY}KillOnlyUsers=somebody\n"}, False),
        ({"etc/systemd/logind.conf": f"{ANYBODY}KillOnlyUsers=somebody {ME}\n"}, True),
        ({"etc/systemd/logind.conf": ANYBODY, "proc/self/cgroup": "0::/system.slice/ssh.service\n"}, False),
    ],
)
def test_logind_ends_what_its_configuration_says(
    tmp_path: Path, shell: str, files: dict[str, str], killed: bool
) -> None:
    for name, text in {"proc/self/cgroup": SESSION, **files}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    script = f'{FUNCTIONS}\nfact() {{ echo "$1 $2"; }}\nexamine_logind {tmp_path}'

    ran = subprocess.run([*shell.split(), "-c", script], capture_output=True, text=True, timeout=20, check=True)

    assert (ran.stdout, ran.stderr) == (f"logout-kills {ME}\n" if killed else "", "")
