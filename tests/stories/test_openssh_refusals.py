"""Each way in which the real ssh does not get to a session: what kind of failure it is, what is said, what to do."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

from rolloutctl.errors import NoAnswer, NotLetIn, Unfit, Unreachable, WrongHostKey
from rolloutctl.outside.ssh import openssh_arguments
from rolloutctl.rules.config import Host
from tests.lab.clients import agent
from tests.lab.doors import Doors, fingerprint, login_name, public_half
from tests.stories.behind_doors import Visitor, hello, refusal
from tests.stories.strangers import GREETINGS, answering

pytestmark = pytest.mark.lab

Case = tuple[type[Unreachable], str, str]  # the kind, and what message and hint hold


@pytest.fixture
def visitor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Visitor:
    return Visitor(tmp_path / "home", monkeypatch)


def assert_refused(host: Host, case: Case) -> Unreachable:
    kind, said, hint = case
    error = refusal(host)
    assert (type(error), error.subject) == (kind, host.name), error.message
    assert said in error.message
    assert hint in error.hint
    assert not error.message.startswith("ssh says"), "the table has no row for it"
    return error


@pytest.mark.parametrize(
    ("settings", "case"),
    [
        ({"port": 1}, (NoAnswer, "127.0.0.1 port 1: connection refused.", "sshd on that port")),
        ({"address": "no-such.invalid"}, (NoAnswer, "The name no-such.invalid is not known.", "hosts:")),
        ({"key": "/nonexistent/k"}, (NotLetIn, "Tried: /nonexistent/k (there is no such file).", "ssh-add")),
        ({"app": "/nonexistent"}, (Unfit, "There is no folder /nonexistent", "app:")),
        ({"shell": "nonsense"}, (Unfit, "does not find the command (exit 127): ", "shell: in environments.yaml")),
    ],
    ids=["refused", "name", "key-file", "app", "shell"],
)
def test_a_wrong_setting_is_named(doors: Doors, visitor: Visitor, settings: dict[str, Any], case: Case) -> None:
    visitor.visit(doors())

    assert_refused(visitor.host(doors(), **settings), case)


@pytest.mark.parametrize(
    ("line", "case"),
    [
        ("KexAlgorithms diffie-hellman-group1-sha1", (NoAnswer, "no key exchange method in common", "KexAlgorithms")),
        ("MaxAuthTries 1", (NotLetIn, "too many keys were offered (MaxAuthTries). Tried: ", "IdentitiesOnly yes")),
        ("DenyUsers *", (NotLetIn, f"does not let {login_name()} in", "Try: ssh -p ")),
        ("MaxSessions 0", (Unfit, "does not run commands: channel 0: open failed", "MaxSessions")),
        ("ForceCommand exit 126", (Unfit, "may not run the command (exit 126)", "sh -c true")),
        ("ForceCommand kill -9 $$", (Unfit, "no session begins: what runs there was ended", "sh -c true")),
        ("ForceCommand echo go away; exit 1", (Unfit, "go away", "login shell")),
        ("AuthenticationMethods publickey,publickey", (NotLetIn, "It accepts publickey.", "Try: ssh -p ")),
    ],
    ids=["kex", "many-keys", "denied", "no-sessions", "126", "killed", "exit-1", "second-factor"],
)
def test_what_a_server_refuses_is_told_from_what_it_does_not_understand(
    doors: Doors, visitor: Visitor, line: str, case: Case
) -> None:
    door = doors(line)
    visitor.visit(door)
    host = visitor.host(door)
    if line.startswith("MaxAuthTries"):
        others = [visitor.key(f"other_{number}") for number in range(2)]
        visitor.configure("Host *", *(f"  IdentityFile {other}" for other in others))
        host = visitor.host(door, key=str(others[0]))

    assert_refused(host, case)


def test_a_server_that_takes_no_connection_more_is_named_as_that(
    doors: Doors, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rolloutctl.outside.ssh.dropped.TRIES", 2)
    door = doors("MaxStartups 1")
    visitor.visit(door)

    with socket.create_connection(("127.0.0.1", door.port)) as held:
        held.recv(16)
        assert_refused(visitor.host(door), (NoAnswer, "too many come at once (MaxStartups)", "sshd_config"))


@pytest.mark.parametrize("pinned", [False, True])
def test_an_unknown_host_key_is_shown(doors: Doors, visitor: Visitor, pinned: bool) -> None:
    door = doors()
    visitor.visit()
    shown = f"ssh-ed25519 {fingerprint(door.host_key())}"
    known = (f"SHA256:{'A' * 43}",) if pinned else ()

    error = refusal(visitor.host(door, known_hosts=known))

    name = f"[127.0.0.1]:{door.port}"
    assert isinstance(error, WrongHostKey)
    if pinned:
        assert (error.verdict, f"OF {name} HAS CHANGED: it now shows {shown}." in error.message) == ("changed", True)
    else:
        assert (error.verdict, error.message) == ("unknown", f"The host key of {name} is not known: {shown}.")
        assert f"ssh -p {door.port} {login_name()}@127.0.0.1" in error.hint


def test_a_changed_host_key_is_a_warning(doors: Doors, visitor: Visitor) -> None:
    door = doors()
    visitor.know(f"[127.0.0.1]:{door.port} {public_half(visitor.own_key)}")

    error = refusal(visitor.host(door))

    assert isinstance(error, WrongHostKey)
    assert (error.verdict, "HAS CHANGED: it now shows ssh-ed25519" in error.message) == ("changed", True)
    assert "ssh-keygen -R" in error.hint


@pytest.mark.parametrize("pinned", [False, True])
def test_a_revoked_host_key_stays_revoked_though_it_is_pinned(doors: Doors, visitor: Visitor, pinned: bool) -> None:
    door = doors()
    visitor.visit(door)
    visitor.know(door.known(), f"@revoked * {public_half(door.host_key())}")
    known = (fingerprint(door.host_key()),) if pinned else ()

    error = refusal(visitor.host(door, known_hosts=known))

    assert isinstance(error, WrongHostKey)
    assert error.verdict == "revoked"


def test_a_pinned_key_needs_no_known_hosts(doors: Doors, visitor: Visitor) -> None:
    door = doors()
    visitor.visit(door)
    visitor.know()

    assert hello(visitor.host(door, known_hosts=(fingerprint(door.host_key()),))) == str(door.app)


def test_a_key_in_known_hosts_does_not_stand_in_for_the_pinned_one(doors: Doors, visitor: Visitor) -> None:
    door = doors()
    visitor.visit(door)

    error = refusal(visitor.host(door, known_hosts=(f"SHA256:{'A' * 43}",)))

    assert isinstance(error, WrongHostKey)
    assert error.verdict == "changed"


def test_strict_checking_cannot_be_turned_off(doors: Doors, visitor: Visitor) -> None:
    visitor.visit()
    visitor.configure("Host *", "  StrictHostKeyChecking no", "  NoHostAuthenticationForLocalhost yes")

    assert_refused(visitor.host(doors()), (WrongHostKey, "is not known", "Compare it"))


def test_a_key_file_that_others_may_read_is_named_with_the_command(doors: Doors, visitor: Visitor) -> None:
    door = doors()
    visitor.visit(door)
    visitor.own_key.chmod(0o644)

    assert_refused(visitor.host(door), (NotLetIn, "bad permissions", f"chmod 600 {visitor.own_key}"))


def test_an_encrypted_key_is_named_and_works_from_the_agent(
    doors: Doors, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = doors()
    visitor.visit(door)
    locked = visitor.key("locked", "ed25519", "a passphrase")
    door.let_in(public_half(locked))
    host = visitor.host(door, key=str(locked))

    assert_refused(host, (NotLetIn, f"Tried: {locked}.", f"ssh-add {locked}"))
    with agent() as running:
        running.add(locked, "a passphrase")
        monkeypatch.setenv("SSH_AUTH_SOCK", str(running.socket))
        assert hello(host) == str(door.app)


@pytest.mark.parametrize(
    ("lines", "case"),
    [
        (("Host x", "  Nonsense yes"), (Unreachable, "line 2: Bad configuration option: nonsense", "Mend that line")),
        (("Host x", "  Port abc"), (Unreachable, "ssh cannot use its configuration", "Mend that line")),
        (("Host *", "  ProxyCommand nonsense-proxy"), (NoAnswer, "a proxy command, ends early: ", "ProxyCommand")),
        (("Host *", "  ProxyJump localhost:1"), (NoAnswer, "port 1: Connection refused", "ProxyJump")),
        (("Host *", "  ProxyJump localhost:{port}"), (WrongHostKey, "a jump host on the way to 127.0.0.1", "ssh -p ")),
    ],
    ids=["option", "value", "proxy", "jump", "jump-key"],
)
def test_a_fault_in_the_configuration_of_ssh_is_named(
    doors: Doors, visitor: Visitor, lines: tuple[str, ...], case: Case
) -> None:
    door = doors()
    visitor.visit(door)
    port = str(door.port)
    visitor.configure(*(line.replace("{port}", port).replace("Host *", "Host 127.0.0.1") for line in lines))

    assert_refused(visitor.host(door), case)


@pytest.mark.parametrize("greeting", GREETINGS.values(), ids=GREETINGS)
def test_a_server_that_is_no_sshd_is_told_from_one_that_is_down(
    doors: Doors, visitor: Visitor, monkeypatch: pytest.MonkeyPatch, greeting: bytes
) -> None:
    monkeypatch.setattr("rolloutctl.outside.ssh.dropped.GUESSES", 1)
    with answering(greeting) as port:
        said = f"127.0.0.1 port {port} answers, but not as an SSH server should"
        assert_refused(visitor.host(doors(), port=port), (NoAnswer, said, "Try: ssh -p "))


def test_a_server_that_says_nothing_is_not_waited_for_for_long(
    doors: Doors, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(openssh_arguments._FIXED, "ConnectTimeout", "1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host = visitor.host(doors(), port=silent.getsockname()[1])
        assert_refused(host, (NoAnswer, "Connection timed out during banner exchange", "Try: ssh -p "))


def test_without_ssh_the_two_ways_out_are_named(
    doors: Doors, visitor: Visitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = visitor.host(doors())
    monkeypatch.setenv("PATH", str(tmp_path))

    assert_refused(host, (Unreachable, "There is no ssh on this machine", "connection: paramiko"))


def test_an_ssh_that_knows_no_pins_says_what_to_use(
    doors: Doors, visitor: Visitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = doors()
    old = tmp_path / "ssh"  # what OpenSSH before 8.5 says of the option
    says = "command-line: line 0: Bad configuration option: knownhostscommand"
    refuses = f"case $* in *KnownHostsCommand*) echo '{says}' >&2; exit 255 ;; esac"
    old.write_text(f'#!/bin/sh\n{refuses}\nexec {shutil.which("ssh")} "$@"\n')
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    known = (fingerprint(door.host_key()),)
    assert_refused(visitor.host(door, known_hosts=known), (Unreachable, "needs OpenSSH 8.5", "connection: paramiko"))
