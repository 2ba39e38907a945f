"""Every exception of paramiko and of the network has words of its own; a new one fails here first."""

from __future__ import annotations

import errno
import importlib
import pkgutil
import socket
from collections.abc import Iterator

import paramiko
import pytest
from paramiko import ssh_exception
from paramiko.auth_strategy import AuthFailure
from paramiko.hostkeys import InvalidHostKey
from paramiko.pkey import UnknownKeyType

from rolloutctl.errors import NoAnswer, NotLetIn, Unfit, Unreachable
from rolloutctl.outside.ssh.ssh_route import Leg
from rolloutctl.outside.ssh.ssh_words import WORDS, in_words

LEG = Leg(name="web", address="web-1.example.com", user="deploy", port=2222, over="bastion")


KEY = paramiko.ECDSAKey.generate()
ARGUMENTS: dict[type[BaseException], tuple[object, ...]] = {
    paramiko.ChannelException: (1, "Administratively prohibited"),
    paramiko.ProxyCommandFailure: ("nc", "exit 1"),
    paramiko.BadHostKeyException: ("web", KEY, KEY),
    paramiko.BadAuthenticationType: ("Bad authentication type", ["password"]),
    ssh_exception.NoValidConnectionsError: ({("10.0.0.7", 22): OSError()},),
    ssh_exception.PartialAuthentication: (["password"],),
    AuthFailure: ([],),
    InvalidHostKey: ("web ssh-rsa", ValueError()),
}


def classes_of_paramiko() -> Iterator[type[BaseException]]:
    """Every exception class that a module of paramiko defines; some are for Windows alone and can't be imported."""
    for found in pkgutil.iter_modules(paramiko.__path__):
        if found.name in {"_winapi", "win_pageant", "win_openssh"}:
            continue
        for value in vars(importlib.import_module(f"paramiko.{found.name}")).values():
            if isinstance(value, type) and issubclass(value, BaseException) and value.__module__.startswith("paramiko"):
                yield value


def test_every_exception_class_of_paramiko_has_words_of_its_own() -> None:
    unmapped = {each.__name__ for each in classes_of_paramiko() if each not in WORDS}
    assert unmapped == set()


def test_no_words_are_kept_for_a_class_that_is_gone() -> None:
    ours = {each for each in WORDS if each.__module__.startswith("paramiko")}
    assert ours == set(classes_of_paramiko())


@pytest.mark.parametrize("kind", WORDS, ids=lambda kind: kind.__name__)
def test_words_name_the_place_and_one_thing_to_do(kind: type[BaseException]) -> None:
    said = in_words(LEG, kind(*ARGUMENTS.get(kind, ())))

    assert kind is paramiko.ChannelException or type(said) is WORDS[kind].kind
    assert issubclass(type(said), Unreachable)
    assert said.message.endswith(".")
    assert "web-1.example.com" in said.message
    assert said.hint


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (socket.gaierror(-2, "Name or service not known"), NoAnswer, "The name web-1.example.com is not known."),
        (TimeoutError("timed out"), NoAnswer, "{where} did not answer within 10 s."),
        (ConnectionRefusedError(111, "Connection refused"), NoAnswer, "{where}: connection refused."),
        (
            ConnectionResetError(104, "Connection reset by peer"),
            NoAnswer,
            "{where} ended the connection: Connection reset by peer.",
        ),
        (OSError(errno.EHOSTUNREACH, "No route to host"), NoAnswer, "{where}: no route to host."),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), NoAnswer, "{where}: the network is unreachable."),
        (OSError(errno.EIO, "Input/output error"), NoAnswer, "{where}: Input/output error."),
        (EOFError(), NoAnswer, "{where} ended the connection."),
        (
            paramiko.SSHException("Indecipherable protocol version"),
            NoAnswer,
            "{where} answers, but not as an SSH server should: Indecipherable protocol version.",
        ),
        (
            ssh_exception.IncompatiblePeer("no acceptable kex algorithm"),
            NoAnswer,
            "{where} and paramiko have no algorithm in common: no acceptable kex algorithm.",
        ),
        (
            paramiko.ChannelException(1, "Administratively prohibited"),
            NoAnswer,
            "The jump host bastion does not lead on to web-1.example.com port 2222: Administratively prohibited.",
        ),
        (paramiko.ChannelException(9, "no more sessions"), Unfit, "{where} opens no session: no more sessions."),
        (
            UnknownKeyType(),
            NotLetIn,
            "A key for {where} is of a kind that paramiko does not know.",
        ),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "odd"), NoAnswer, "{where} does not answer as it should: "),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_what_was_tried_and_what_was_answered(error: BaseException, kind: type[Unreachable], message: str) -> None:
    said = in_words(LEG, error)

    where = "web-1.example.com port 2222 over the jump host bastion"
    assert type(said) is kind
    assert said.message.startswith(message.replace("{where}", where))
