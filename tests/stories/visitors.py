"""Somebody with a ~/.ssh of their own, who goes to a host by paramiko and runs one command there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rolloutctl.contracts import Passphrases
from rolloutctl.errors import Unreachable
from rolloutctl.outside.ssh.keyring import Keyring
from rolloutctl.outside.ssh.paramiko_connection import connect
from rolloutctl.rules.config import Host
from tests.lab.clients import Agent, Client
from tests.lab.clients import agent as running_agent


class Person:
    """Answers when asked for a passphrase, and remembers for which files."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, bool]] = []

    def __call__(self, path: str, *, again: bool) -> str | None:
        self.asked.append((Path(path).name, again))
        return self.answers.pop(0) if self.answers else None


def visit(host: Host, passphrases: Passphrases | None = None) -> str:
    """Connect, run a command, hear what it says, and leave; gives how we came in."""
    connection = connect(host, Keyring(passphrases))
    try:
        channel = connection.start("cat")
        channel.send(b"hello\n")
        assert channel.receive(10) == b"hello\n"
        channel.close()
        return connection.way
    finally:
        connection.close()


def refusal(host: Host, passphrases: Passphrases | None = None) -> Unreachable:
    """Why a host is not reached."""
    with pytest.raises(Unreachable) as refused:
        connect(host, Keyring(passphrases))
    assert refused.value.subject == host.name
    return refused.value


def at_home(client: Client, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Be this client, without an agent."""
    monkeypatch.setenv("HOME", str(client.home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return client


@contextmanager
def with_agent() -> Iterator[Agent]:
    """An agent that SSH_AUTH_SOCK names."""
    with running_agent() as started, pytest.MonkeyPatch.context() as patched:
        patched.setenv("SSH_AUTH_SOCK", str(started.socket))
        yield started
