"""Whether sudo lets a step run without a password, read from what sudo 1.9 says, under each shell that may be a sh."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from rolloutctl.outside.command import session_script

SHELLS = [shell for shell in ("dash", "bash", "busybox sh") if shutil.which(shell.partition(" ")[0])]
FUNCTIONS = session_script().partition("\nME=$(id -u)")[0]
RULES = """\
Matching Defaults entries for deploy on web-1:
    env_reset, mail_badpass,
    secure_path=/usr/local/sbin\\:/usr/bin

User deploy may run the following commands on web-1:

Sudoers entry:
    RunAsUsers: root
    Options: !authenticate
    Commands:
\t/usr/bin/systemctl restart php8.2-fpm
\t/usr/sbin/

Sudoers entry: /etc/sudoers.d/more
    RunAsUsers: root
    Options: authenticate
    Commands:
\t/usr/bin/systemctl stop nginx

Sudoers entry:
    RunAsUsers: www-data, backup
    Options: setenv, !authenticate
    Commands:
\t/usr/bin/id

Sudoers entry:
    RunAsUsers: root
    Options: !authenticate
    Commands:
\t/usr/bin/cat *

Sudoers entry:
    RunAsUsers: root
    Commands:
\t/usr/bin/cat /etc/shadow
"""
ALL_FOR_A_PROMPT = """\
Sudoers entry:
    RunAsUsers: ALL
    Commands:
\tALL
"""
LINES_OF_OLD = "User demo may run the following commands on demo:\n    (ALL) NOPASSWD: ALL\n"


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("rules", "asked", "free"),
    [
        (RULES, "/usr/bin/systemctl restart php8.2-fpm", True),
        (RULES, "/usr/bin/systemctl stop nginx", False),
        (RULES, "-u www-data /usr/bin/id", True),
        (RULES, "/usr/bin/cat /etc/hosts", True),
        (RULES, "/usr/bin/cat /etc/shadow", False),
        (RULES, "/usr/sbin/service php restart", True),
        (RULES + ALL_FOR_A_PROMPT, "/usr/bin/systemctl restart php8.2-fpm", False),
        (ALL_FOR_A_PROMPT, "/usr/bin/true", False),
        ("    env_reset, !authenticate\n" + ALL_FOR_A_PROMPT, "/usr/bin/true", True),
        (LINES_OF_OLD, "/usr/bin/true", True),
        ("", "/usr/bin/true", False),
        (
            RULES.replace("/usr/bin/systemctl restart", "/bin/systemctl restart"),
            "/usr/bin/systemctl restart php8.2-fpm",
            True,
        ),
        (RULES.replace("RunAsUsers: root", "RunAsUsers: #0"), "/usr/bin/systemctl restart php8.2-fpm", True),
        (RULES + "\t/usr/bin/printf ^x[0-9.]+$\n", "/usr/bin/printf x1", True),
        (RULES, "-H /usr/bin/cat /etc/shadow", True),  # not ours to read: sudo itself says it in time
    ],
)
def test_of_the_rules_that_cover_a_command_the_last_one_says_whether_it_wants_a_password(
    tmp_path: Path, shell: str, rules: str, asked: str, free: bool
) -> None:
    (tmp_path / "rules").write_text(rules)
    sudo = tmp_path / "sudo"
    sudo.write_text(f"#!/bin/sh\ncat {tmp_path}/rules\n")
    sudo.chmod(0o755)
    words = asked.split()
    command = " ".join(words[2:] if words[0] == "-u" else words)
    script = f"{FUNCTIONS}\nSCRATCH={tmp_path}\nneeds_no_password '{command}' {asked} && echo free\ntrap - EXIT\n"
    ran = subprocess.run(
        [*shell.split(), "-c", script],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (ran.stdout, ran.stderr) == ("free\n" if free else "", "")
