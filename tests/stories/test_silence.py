"""A network that drops packets without a word: the connection is given up, and nobody else waits for it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import paramiko
import pytest

from rolloutctl.errors import Unreachable
from rolloutctl.outside.ssh.journey import Journey
from rolloutctl.outside.ssh.keyring import Keyring
from rolloutctl.outside.ssh.paramiko_connection import ParamikoChannel
from rolloutctl.outside.ssh.pulse import Pulse
from tests.lab.doors import Doors
from tests.lab.processes import wait_until
from tests.stories.behind_doors import Visitor

pytestmark = pytest.mark.lab


class Line:
    """A listening port before another one; once `dropping`, it takes what comes and passes nothing on."""

    def __init__(self, port: int) -> None:
        self.dropping = False
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                if not self.dropping:
                    other.sendall(data)
        with suppress(OSError):
            other.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def line(doors: Doors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Line, paramiko.Transport]]:
    """A line to a real sshd, and a login over it."""
    visitor, door = Visitor(tmp_path / "client", monkeypatch), doors()
    visitor.visit(door)
    with closing(Line(door.port)) as between:
        visitor.know(door.known().replace(str(door.port), str(between.port)))
        journey = Journey(visitor.host(door, "paramiko", port=between.port), Keyring())
        with closing(journey):
            for leg in journey.legs:
                journey.enter(leg)
            yield between, journey.transports[-1]


def test_a_server_that_answers_is_left_alone_and_one_that_fell_silent_is_given_up(
    line: tuple[Line, paramiko.Transport],
) -> None:
    between, transport = line
    pulse = Pulse(transport, period=0.05, silence=1.0)
    channel = transport.open_session()
    channel.exec_command("cat")
    commanded = ParamikoChannel(channel, pulse)
    commanded.send(b"hello")
    assert commanded.receive(10) == b"hello"
    with pytest.raises(TimeoutError):
        commanded.receive(1.5)  # longer than the silence that it bears, so answers were heard

    between.dropping = True

    with pytest.raises(Unreachable, match="the host fell silent"):
        commanded.receive(30)


def test_a_send_that_is_stuck_in_the_silence_ends_with_it(line: tuple[Line, paramiko.Transport]) -> None:
    between, transport = line
    pulse = Pulse(transport, period=0.05, silence=1.0)
    channel = transport.open_session()
    channel.exec_command("sleep 60")  # reads nothing: the window fills
    between.dropping = True

    with pytest.raises(Unreachable, match="the host fell silent"):
        ParamikoChannel(channel, pulse).send(b"x" * 2**24)

    wait_until(lambda: not transport.is_active(), "the end of the connection")
