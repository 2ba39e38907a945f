"""The command that starts a session: one line that any login shell hands on unchanged."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from rolloutctl.outside.command import eyes, session_command
from rolloutctl.outside.wire import decode
from rolloutctl.rules.config import Host

SHELLS = [s for s in ("sh", "dash", "bash", "busybox sh", "zsh", "fish", "tcsh") if shutil.which(s.partition(" ")[0])]
HOST = Host(name="web-1", address="web-1", connection="local", app="/nowhere/at-all")


def said(command: str, shell: str = "sh") -> list[list[str]]:
    """What a session says when it is not asked anything."""
    ran = subprocess.run([*shell.split(), "-c", command], input=b"bye\n", capture_output=True, timeout=60, check=False)
    return [line.split() for line in ran.stdout.decode().splitlines() if line]


@pytest.fixture
def application(tmp_path: Path) -> Callable[[str], Host]:
    def made(name: str) -> Host:
        app = tmp_path / name
        app.mkdir()
        (app / ".env").write_text("FEATURE_PORTAL=false\n")
        return replace(HOST, app=str(app), state_dir=str(tmp_path / "state"))

    return made


@pytest.mark.parametrize("shell", SHELLS)
def test_every_login_shell_starts_the_session(application: Callable[[str], Host], shell: str) -> None:
    host = application("app")
    (hello,) = said(session_command(host), shell)
    assert hello[:3] == ["@rc1", "hello", "1"]
    assert decode(hello[6]).decode() == host.app


@pytest.mark.parametrize("name", ["it's", 'a "b" c', "$HOME `id`", "ümlaut \\ *", "a\nb", "-n", "!!"])
def test_a_folder_with_any_name_is_found(application: Callable[[str], Host], name: str) -> None:
    host = application(name)
    (hello,) = said(session_command(host))
    assert decode(hello[6]).decode() == host.app


def test_a_missing_folder_is_said_and_not_a_syntax_error() -> None:
    (answer,) = said(session_command(HOST))
    assert answer[1:3] == ["fatal", "no-app"]
    assert decode(answer[3]) == b"/nowhere/at-all"


def test_a_shell_prefix_stands_in_front(application: Callable[[str], Host]) -> None:
    host = replace(application("app"), shell="env -u SSH_CONNECTION")  # noqa: S604 - a setting of the host
    command = session_command(host)
    assert command.startswith("env -u SSH_CONNECTION sh -c ")
    assert said(command)[0][1] == "hello"


def test_the_command_is_one_line_that_a_kernel_takes_as_one_argument() -> None:
    command = session_command(HOST)
    assert "\n" not in command
    assert command.isascii()
    assert len(command) < 100_000


def test_the_eyes_are_a_php_program() -> None:
    assert eyes().startswith(b"<?php")
