"""Somebody who goes through doors with the real connections: a home with a key and known_hosts, and what they saw."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from msgspec.structs import replace

from rolloutctl.errors import Unreachable
from rolloutctl.outside.opening import open_session
from rolloutctl.rules.config import Host
from tests.lab.clients import Client
from tests.lab.doors import Door, public_half

CONNECTIONS = ("paramiko", "openssh")


class Visitor(Client):
    """A client with one key, who is let in by the doors that they `visit` and knows their host keys."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(home)
        monkeypatch.setenv("HOME", str(home))
        monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
        self.own_key = self.key()

    def visit(self, *doors: Door) -> None:
        """Be let in by these, and know them alone."""
        for door in doors:
            door.let_in(public_half(self.own_key))
        self.know(*(door.known() for door in doors))

    def host(self, door: Door, connection: str = "openssh", **settings: object) -> Host:
        """The door as a host of environments.yaml, with the own key."""
        own = door.host(connection=connection, key=str(self.own_key))
        return replace(own, **settings)


def hello(host: Host) -> str:
    """The application's folder, as a session told by itself."""
    session = open_session(host, lambda _event: None)
    try:
        return session.hello.text(4)
    finally:
        session.close()


def refusal(host: Host) -> Unreachable:
    """Why no session began."""
    with pytest.raises(Unreachable) as refused:
        hello(host)
    return refused.value


def many(host: Host, number: int) -> Iterable[Host]:
    """The same host under many names."""
    return (replace(host, name=f"web-{each}") for each in range(1, number + 1))
