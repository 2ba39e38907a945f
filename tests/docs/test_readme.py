"""README.md against the program: its targets, its exit statuses, its help, the words of its error table."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from rolloutctl import errors
from tests.docs.pages import README, ROOT, read, rows, section


@pytest.mark.parametrize("target", ["demo", "test"])
def test_the_first_screen_names_the_two_commands_and_the_makefile_has_them(target: str) -> None:
    assert f"\n    make {target} " in "\n".join(read(README).splitlines()[:25])
    assert re.search(rf"^{target}:", read(ROOT / "Makefile"), re.MULTILINE)


def test_the_table_of_exit_statuses_is_that_of_the_errors() -> None:
    classes = [value for value in vars(errors).values() if isinstance(value, type)]
    statuses = {each.exit_status for each in classes if issubclass(each, errors.RolloutctlError)}
    written = [int(row[0]) for row in rows(section(README, "Commands")) if row[0].isdigit()]
    assert written == [0, *sorted(statuses)]


def test_every_help_block_is_current() -> None:
    found = re.findall(r"^```\n\$ rolloutctl( [a-z]+)* --help\n(.*?)^```$", read(README), re.MULTILINE | re.DOTALL)
    assert found
    for command, text in found:
        assert text.strip() == help_of(*command.split()).strip()


def test_the_switches_of_the_demo_are_those_that_it_knows() -> None:
    demo = read(ROOT / "rolloutctl" / "demo" / "host.py")
    known = re.findall(r"^    (break/[\w-]+) {2,}\S", demo, re.MULTILINE)
    written = [row[0].strip("`") for row in rows(section(README, "Break the demo"))]
    assert written == known


def help_of(*words: str) -> str:
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "rolloutctl", *words, "--help"]
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, cwd=ROOT)
    return "\n".join(line.rstrip() for line in run.stdout.splitlines())
