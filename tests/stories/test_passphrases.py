"""The real command asks a person for a key's passphrase: once for all hosts, on the terminal, and Ctrl-C ends it."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from rolloutctl.cli import setting_out
from rolloutctl.cli.setting_out import set_out
from rolloutctl.cli.terminal import TERMINAL
from rolloutctl.errors import Unfit
from tests.cli.shell import ROOT
from tests.lab.clients import Client
from tests.lab.doors import Door, Doors, login_name, public_half
from tests.lab.processes import wait_until

pytestmark = pytest.mark.lab

SECRET = "correct horse"  # noqa: S105 - of keys that live as long as a test
QUESTION = "Passphrase for ~/.ssh/id_ed25519: "
_PATIENCE = 30.0  # seconds


class Typist:
    """The command on a terminal of its own, and somebody who reads and types there."""

    def __init__(self, command: list[str], env: dict[str, str]) -> None:
        self.screen = ""
        self.pid, self.leader = pty.fork()
        if self.pid == 0:
            os.execve(command[0], command, env)  # noqa: S606 - no shell is wanted

    def read_until(self, met: Callable[[str], bool]) -> None:
        """Read the screen until it shows something."""
        end = time.monotonic() + _PATIENCE
        while not met(self.screen):
            assert time.monotonic() < end, self.screen
            if select.select([self.leader], [], [], 0.2)[0]:
                try:
                    self.screen += os.read(self.leader, 65536).decode(errors="replace")
                except OSError:  # nobody has the terminal any more
                    assert met(self.screen), self.screen
                    return

    def type(self, text: str) -> None:
        os.write(self.leader, text.encode())

    @property
    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self.leader)[3] & termios.ECHO)

    def exit_status(self) -> int:
        """Read to the end."""
        end = time.monotonic() + _PATIENCE
        while (ended := os.waitpid(self.pid, os.WNOHANG))[0] == 0:
            assert time.monotonic() < end, self.screen
            self._glance()
        self._glance()
        self.pid = 0
        return os.waitstatus_to_exitcode(ended[1])

    def close(self) -> None:
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.leader)

    def _glance(self) -> None:
        if select.select([self.leader], [], [], 0.05)[0]:
            try:
                self.screen += os.read(self.leader, 65536).decode(errors="replace")
            except OSError:
                time.sleep(0.01)


@pytest.fixture
def opened(doors: Doors, client: Client) -> tuple[Door, ...]:
    """Three doors for one encrypted key."""
    found = (doors(), doors("MaxSessions 7"), doors("MaxSessions 8"))
    key = client.key(passphrase=SECRET)
    for door in found:
        door.let_in(public_half(key))
    client.know(*(door.known() for door in found))
    return found


@pytest.fixture
def client(tmp_path: Path) -> Client:
    return Client(tmp_path / "client")


@pytest.fixture
def command(opened: tuple[Door, ...], client: Client) -> list[str]:
    hosts = [
        {"name": f"web-{number}", "address": "127.0.0.1", "port": door.port, "user": login_name()}
        for number, door in enumerate(opened, 1)
    ]
    document = {
        "version": 1,
        "flags": {"customer_portal": {}},
        "environments": {"lab": {"app": str(opened[0].app), "hosts": hosts, "steps": []}},
    }
    path = client.home / "environments.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return [sys.executable, "-m", "rolloutctl", "--config", str(path), "status", "lab"]


@pytest.fixture
def typist(command: list[str], client: Client) -> Iterator[Typist]:
    started = Typist(command, environment(client))
    try:
        yield started
    finally:
        started.close()


def environment(client: Client) -> dict[str, str]:
    return {**client.env(), "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "TERM": "xterm", "COLUMNS": "100"}


def logins(opened: tuple[Door, ...]) -> list[int]:
    return [door.log.count("Accepted publickey") for door in opened]


def test_three_hosts_need_one_answer_and_a_wrong_one_is_asked_again(opened: tuple[Door, ...], typist: Typist) -> None:
    before = logins(opened)

    typist.read_until(lambda screen: QUESTION in screen)
    assert not typist.echoes
    typist.type("wrong\n")
    typist.read_until(lambda screen: f"Wrong. {QUESTION}" in screen)
    typist.type(f"{SECRET}\n")
    typist.exit_status()

    assert logins(opened) == [count + 1 for count in before]
    assert typist.screen.count(QUESTION) == 2
    assert SECRET not in typist.screen
    assert "ssh-add" not in typist.screen


def test_without_an_answer_each_host_names_ssh_add(opened: tuple[Door, ...], typist: Typist) -> None:
    typist.read_until(lambda screen: QUESTION in screen)
    typist.type("\n")
    typist.exit_status()

    assert typist.screen.count(QUESTION) == 1
    assert typist.screen.count("\r\n    ssh-add ~/.ssh/id_ed25519\r\n") == len(opened)


def someone_waits_to_ask() -> bool:
    """Whether a thread of this process stands where a passphrase is asked for."""
    frames = (each for frame in sys._current_frames().values() for each, _ in traceback.walk_stack(frame))
    codes = {(frame.f_code.co_filename, frame.f_code.co_name) for frame in frames}
    return (setting_out.__file__, "passphrase") in codes


def test_nobody_is_asked_before_the_command_line_is_understood(
    opened: tuple[Door, ...], command: list[str], client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def passphrase(path: str, *, again: bool) -> str:
        asked.append(path)
        return SECRET

    for name, value in environment(client).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(TERMINAL, "passphrase", passphrase)

    departure = set_out(command[3:])

    assert departure is not None
    wait_until(lambda: bool(asked) or someone_waits_to_ask(), "a host takes the key, and somebody would ask for it")
    assert asked == []
    departure.agreed()
    for host in departure.configuration.environment("lab").hosts:
        with suppress(Unfit):  # behind a door there is no application
            departure.sessions(host, lambda _event: None).close()
    assert len(asked) == 1


@pytest.mark.parametrize("key", ["\x03", signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_an_interruption_while_being_asked_ends_the_command_and_gives_the_terminal_back(
    typist: Typist, key: str | signal.Signals
) -> None:
    typist.read_until(lambda screen: QUESTION in screen)
    begun = time.monotonic()
    if isinstance(key, str):
        typist.type(key)
    else:
        os.kill(typist.pid, key)
    status = typist.exit_status()

    assert status == 3
    assert time.monotonic() - begun < 5
    assert typist.echoes
    assert typist.screen.count(QUESTION) == 1
    assert "\n✗ Interrupted." in typist.screen.replace("\r\n", "\n")


def test_where_there_is_no_terminal_nobody_is_asked(
    opened: tuple[Door, ...], command: list[str], client: Client
) -> None:
    done = subprocess.run(
        command,
        env=environment(client),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,
        timeout=_PATIENCE,
        check=False,
    )

    assert QUESTION not in done.stderr + done.stdout
    assert done.stdout.count("\n    ssh-add ~/.ssh/id_ed25519\n") == len(opened)
