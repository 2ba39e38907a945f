"""Whether a real sshd is the right one: known_hosts as ssh reads it, pinned keys, and what is said otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from rolloutctl.errors import Unreachable, WrongHostKey
from rolloutctl.outside.ssh.journey import first_stranger
from tests.lab.clients import Client
from tests.lab.doors import Authority, Door, Doors, fingerprint, public_half
from tests.stories.visitors import at_home, refusal, visit

pytestmark = pytest.mark.lab


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Client:
    return at_home(Client(tmp_path / "client"), monkeypatch)


@pytest.fixture
def door(doors: Doors, client: Client) -> Door:
    """It shows keys of three kinds."""
    opened = doors(host_keys=("ed25519", "ecdsa", "rsa"))
    opened.let_in(public_half(client.key()))
    return opened


def wrong(door: Door, known_hosts: tuple[str, ...] = ()) -> WrongHostKey:
    refused: Unreachable = refusal(door.host(known_hosts=known_hosts))
    assert isinstance(refused, WrongHostKey)
    return refused


@pytest.mark.parametrize("hashed", [False, True], ids=["plain", "hashed"])
@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_any_known_kind_of_key_is_asked_for_and_found(door: Door, client: Client, kind: str, hashed: bool) -> None:
    client.know(door.known(kind), hashed=hashed)

    assert visit(door.host())


def test_a_name_without_a_port_is_known_on_every_port_as_by_ssh(door: Door, client: Client) -> None:
    client.know(door.known().replace(f"[127.0.0.1]:{door.port}", "127.0.0.1"))

    assert visit(door.host())


def test_a_host_key_alias_is_the_name_that_counts(door: Door, client: Client) -> None:
    client.know(door.known().replace(f"[127.0.0.1]:{door.port}", "the-blue-one"))
    client.configure("Host *", "HostKeyAlias the-blue-one")

    assert visit(door.host())


def test_an_unknown_key_shows_its_fingerprint_also_where_ssh_would_not_check(door: Door, client: Client) -> None:
    client.configure("Host *", "StrictHostKeyChecking no")

    refused = wrong(door)

    assert refused.verdict == "unknown"
    assert refused.message.startswith(f"The host key of [127.0.0.1]:{door.port} is not known: ")
    assert any(fingerprint(door.host_key(kind)) in refused.message for kind in door.host_keys)
    assert refused.hint.endswith(f"ssh-keyscan -p {door.port} 127.0.0.1 >> ~/.ssh/known_hosts")


def test_a_host_that_was_set_up_anew_is_refused_loudly(doors: Doors, client: Client) -> None:
    door = doors.new()
    client.know(door.known())
    door.show_new_host_keys()

    refused = wrong(door)

    assert refused.verdict == "changed"
    assert refused.message.startswith(f"THE HOST KEY OF [127.0.0.1]:{door.port} HAS CHANGED: it now shows ssh-ed25519 ")
    assert f"ssh-keygen -R '[127.0.0.1]:{door.port}'" in refused.hint


@pytest.mark.parametrize("where", ["known_hosts", "RevokedHostKeys"])
def test_a_revoked_key_is_refused_although_it_is_known(door: Door, client: Client, where: str) -> None:
    key = " ".join(door.known().split()[1:])
    client.know(door.known(), *([f"@revoked * {key}"] if where == "known_hosts" else []))
    if where == "RevokedHostKeys":
        (client.ssh / "revoked").write_text(f"{key}\n")
        client.configure("Host *", f"RevokedHostKeys {client.ssh / 'revoked'}")

    assert wrong(door).verdict == "revoked"


@pytest.mark.parametrize("content", [None, b"SSHKRL\n\0"], ids=["missing", "binary"])
def test_a_list_of_revoked_keys_that_cannot_be_read_lets_no_key_pass(
    door: Door, client: Client, content: bytes | None
) -> None:
    client.know(door.known())
    client.configure("Host *", f"RevokedHostKeys {client.ssh / 'revoked'}")
    if content is not None:
        (client.ssh / "revoked").write_bytes(content)

    assert "connection: openssh" in refusal(door.host()).hint


@pytest.mark.parametrize("also", [False, True], ids=["alone", "beside-an-older-key"])
def test_an_authority_s_host_is_for_openssh_and_has_not_changed(
    doors: Doors, client: Client, tmp_path: Path, also: bool
) -> None:
    hosts = Authority.made(tmp_path, "hosts")
    door = doors.new(host_authority=hosts)
    older = [f"[127.0.0.1]:{door.port} {' '.join(hosts.public.split()[:2])}"] if also else []
    client.know(f"@cert-authority [127.0.0.1]:* {hosts.public}", *older)

    refused = wrong(door)

    assert "is vouched for by an authority (@cert-authority in known_hosts), and paramiko cannot check that" in (
        refused.message
    )
    assert "connection: openssh" in refused.hint
    assert "CHANGED" not in refused.message
    with pytest.raises(WrongHostKey, match="vouched for by an authority"):  # nothing to be remembered
        first_stranger(door.host())


def test_a_pinned_key_needs_no_known_hosts_and_another_has_changed(door: Door, client: Client) -> None:
    client.know()
    pins = tuple(fingerprint(door.host_key(kind)) for kind in door.host_keys)

    assert visit(door.host(known_hosts=pins))
    refused = wrong(door, known_hosts=("SHA256:" + "A" * 43,))
    assert refused.verdict == "changed"
    assert "known_hosts: of environments.yaml" in refused.hint


def test_a_jump_host_s_key_may_be_pinned_too(doors: Doors, door: Door, client: Client) -> None:
    jump = doors()
    jump.let_in(public_half(client.ssh / "id_ed25519"))
    client.configure("Host jump", "HostName 127.0.0.1", f"Port {jump.port}", "Host 127.0.0.1", "ProxyJump jump")
    pins = tuple(fingerprint(door.host_key(kind)) for kind in door.host_keys)

    assert wrong(door, known_hosts=pins).message.startswith(
        f"The host key of the jump host jump ([127.0.0.1]:{jump.port}) is not"
    )
    assert " over jump by " in visit(door.host(known_hosts=(*pins, fingerprint(jump.host_key()))))
