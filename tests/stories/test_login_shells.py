"""Login shells and tight sshds: whatever runs `sh` at the end lets a session begin, over both connections."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.conftest import need
from tests.lab.doors import Doors, login_shell, noisy_login_shell
from tests.stories.behind_doors import CONNECTIONS, Visitor, hello

pytestmark = [pytest.mark.lab, pytest.mark.parametrize("connection", CONNECTIONS)]

TIGHT = ("DisableForwarding yes", "PermitTTY no", "PermitUserRC no", "MaxSessions 1", "MaxAuthTries 1")


@pytest.mark.parametrize("shell", ["bash", "dash", "fish", "tcsh"])
def test_a_session_begins_under_every_login_shell(
    doors: Doors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, connection: str, shell: str
) -> None:
    need(shell)
    visitor, door = Visitor(tmp_path / "home", monkeypatch), doors(login_shell(shell))
    visitor.visit(door)

    assert hello(visitor.host(door, connection)) == str(door.app)


def test_a_login_shell_may_print_on_both_streams(
    doors: Doors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, connection: str
) -> None:
    visitor, door = Visitor(tmp_path / "home", monkeypatch), doors(noisy_login_shell())
    visitor.visit(door)

    assert hello(visitor.host(door, connection)) == str(door.app)


def test_neither_forwarding_nor_sftp_nor_a_terminal_is_needed(
    doors: Doors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, connection: str
) -> None:
    visitor, door = Visitor(tmp_path / "home", monkeypatch), doors(*TIGHT)
    visitor.visit(door)

    assert hello(visitor.host(door, connection)) == str(door.app)
