"""Every way to log in with a key, at real sshds: the right key is found, and what keeps one out is told apart."""

from __future__ import annotations

import base64
import shutil
from pathlib import Path

import pytest
from paramiko import Message

from rolloutctl.errors import NotLetIn
from tests.lab.clients import Client
from tests.lab.doors import Authority, Door, Doors, keygen, login_name, public_half
from tests.stories.visitors import Person, at_home, refusal, visit, with_agent

pytestmark = pytest.mark.lab

SECRET = "correct horse"  # noqa: S105 - of keys that live as long as a test


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Client:
    return at_home(Client(tmp_path / "client"), monkeypatch)


@pytest.fixture
def door(doors: Doors, client: Client) -> Door:
    opened = doors()
    client.know(opened.known())
    return opened


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_a_default_key_file_lets_in(door: Door, client: Client, kind: str) -> None:
    door.let_in(public_half(client.key(f"id_{kind}", kind)))

    assert visit(door.host()) == f"{login_name()} at 127.0.0.1:{door.port} by ~/.ssh/id_{kind}"


def test_an_ecdsa_key_without_a_comment_lets_in(door: Door, client: Client) -> None:
    path = client.ssh / "id_ecdsa"
    keygen("-q", "-t", "ecdsa", "-N", "", "-C", "", "-f", path)
    door.let_in(public_half(path))

    assert visit(door.host()).endswith("by ~/.ssh/id_ecdsa")


def test_of_several_keys_the_one_that_the_server_knows_is_found(door: Door, client: Client) -> None:
    keys = [client.key(f"key-{number}") for number in range(3)]
    client.configure(*(f"IdentityFile {key}" for key in keys))
    door.let_in(public_half(keys[2]))

    assert visit(door.host()).endswith("by ~/.ssh/key-2")


def test_a_refused_key_is_named_with_what_the_server_accepts(door: Door, client: Client) -> None:
    client.key()

    refused = refusal(door.host())

    assert isinstance(refused, NotLetIn)
    assert refused.message == (
        f"127.0.0.1 port {door.port} does not let {login_name()} in. Tried: ~/.ssh/id_ed25519. It accepts publickey."
    )
    assert refused.hint.startswith(f"Try: ssh {login_name()}@127.0.0.1 -p {door.port}; then set user: or key:")


def test_without_any_key_it_says_so(door: Door) -> None:
    assert "Tried: no key was found: no agent, no key file. It accepts publickey." in refusal(door.host()).message


def test_an_encrypted_key_is_asked_for_and_opened(door: Door, client: Client) -> None:
    door.let_in(public_half(client.key(passphrase=SECRET)))
    person = Person("wrong", SECRET)

    assert visit(door.host(), person).endswith("by ~/.ssh/id_ed25519")
    assert person.asked == [("id_ed25519", False), ("id_ed25519", True)]


def test_a_passphrase_that_is_wrong_three_times_is_told_from_a_refusal(door: Door, client: Client) -> None:
    door.let_in(public_half(client.key(passphrase=SECRET)))
    person = Person("1", "2", "3", "4")

    refused = refusal(door.host(), person)

    assert len(person.asked) == 3
    assert "~/.ssh/id_ed25519 (the server would take it; wrong passphrase)." in refused.message
    assert refused.hint == "ssh-add ~/.ssh/id_ed25519"


def test_with_nobody_to_ask_an_encrypted_key_is_named_with_ssh_add(door: Door, client: Client) -> None:
    door.let_in(public_half(client.key(passphrase=SECRET)))

    refused = refusal(door.host())

    assert "~/.ssh/id_ed25519 (the server would take it; encrypted)." in refused.message
    assert refused.hint == "ssh-add ~/.ssh/id_ed25519"


def test_nobody_is_asked_for_a_key_that_the_server_does_not_take(door: Door, client: Client) -> None:
    client.key("id_rsa", "ed25519", passphrase=SECRET)
    door.let_in(public_half(client.key()))
    person = Person(SECRET)

    assert visit(door.host(), person).endswith("by ~/.ssh/id_ed25519")
    assert person.asked == []


def test_an_old_encrypted_key_without_its_public_half_is_asked_for(door: Door, client: Client) -> None:
    key = client.key("id_ecdsa", "ecdsa")
    door.let_in(public_half(key))
    keygen("-q", "-p", "-m", "PEM", "-P", "", "-N", SECRET, "-f", key)
    key.with_name("id_ecdsa.pub").unlink()

    assert visit(door.host(), Person(SECRET)).endswith("by ~/.ssh/id_ecdsa")
    assert refusal(door.host()).hint == "ssh-add ~/.ssh/id_ecdsa"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda key: key.chmod(0o644), "others may read it: chmod 600 "),
        (lambda key: key.write_bytes(b"no key"), "it holds no key that can be read"),
        (lambda key: shutil.copy(f"{key}.pub", key), "only its public half is here, and the agent does not have"),
        (lambda key: (key.unlink(), key.mkdir()), "is a directory"),
    ],
    ids=["readable-by-others", "garbage", "public", "folder"],
)
def test_why_a_key_file_is_of_no_use_is_said(door: Door, client: Client, spoil: object, said: str) -> None:
    key = client.key()
    door.let_in(public_half(key))
    spoil(key)  # type: ignore[operator]

    refused = refusal(door.host())

    assert "~/.ssh/id_ed25519 (the server would take it; " in refused.message
    assert said in refused.message
    assert said.capitalize() in refused.hint


def test_the_agent_lets_in_and_its_key_comes_before_files(
    door: Door, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Client(tmp_path / "other").key("other", passphrase=SECRET)
    door.let_in(public_half(other), public_half(client.key()))

    with with_agent() as agent:
        agent.add(other, SECRET)
        way = visit(door.host())

    assert way.endswith("by other@lab from the agent")


def test_the_agent_opens_an_encrypted_file_without_asking(
    door: Door, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = client.key(passphrase=SECRET)
    door.let_in(public_half(key))

    with with_agent() as agent:
        agent.add(key, SECRET)
        assert visit(door.host(key=str(key))).endswith("by ~/.ssh/id_ed25519 from the agent")


def test_an_agent_full_of_other_keys_does_not_get_in_the_way_of_a_named_one(
    doors: Doors, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = doors("MaxAuthTries 3")
    client.know(door.known())
    key = client.key("deploy")
    door.let_in(public_half(key))

    with with_agent() as agent:
        others = Client(tmp_path / "others")
        for number in range(5):
            agent.add(others.key(f"other-{number}"))
        client.configure(f"IdentityFile {key}")
        refused = refusal(door.host())
        client.configure(f"IdentityFile {key}", "IdentitiesOnly yes")
        only = visit(door.host())
        client.configure()
        named = visit(door.host(key=str(key)))
        client.configure(f"IdentityFile {key}", "IdentityAgent none")
        alone = visit(door.host())

    assert "It ended the connection after 3 keys." in refused.message
    assert refused.hint.startswith("Offer fewer: set key: in environments.yaml, or IdentityFile and IdentitiesOnly yes")
    assert all(way.endswith("by ~/.ssh/deploy") for way in (only, named, alone))


def test_identity_agent_names_another_agent(door: Door, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    key = client.key("far")
    door.let_in(public_half(key))

    with with_agent() as agent:
        agent.add(key)
        client.configure(f"IdentityAgent {agent.socket}")
        monkeypatch.setenv("SSH_AUTH_SOCK", "/nonexistent/agent")
        assert visit(door.host()).endswith("from the agent")


def test_only_the_public_half_of_a_key_may_lie_here_and_the_agent_has_the_rest(
    door: Door, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = client.key("far")
    door.let_in(public_half(key))

    with with_agent() as agent:
        agent.add(key)
        key.unlink()
        client.configure(f"IdentityFile {key}.pub", "IdentitiesOnly yes")
        assert visit(door.host()).endswith("by ~/.ssh/far.pub from the agent")


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.made(tmp_path_factory.mktemp("authority"), "people")


@pytest.fixture
def guarded(doors: Doors, client: Client, people: Authority) -> Door:
    """A door that takes certificates."""
    opened = doors(user_authority=people)
    client.know(opened.known())
    return opened


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
@pytest.mark.parametrize("held", ["file", "agent", "listed"])
def test_a_certificate_of_a_trusted_authority_lets_in(
    guarded: Door, client: Client, people: Authority, kind: str, held: str
) -> None:
    key = client.key(f"id_{kind}", kind)
    certificate = people.sign_user(key)

    with with_agent() as agent:
        if held == "agent":
            agent.add(key)
            key.unlink()
            certificate.unlink()
        if held == "listed":
            certificate = certificate.rename(client.ssh / "signed")
            client.configure(f"CertificateFile {certificate}")
        way = visit(guarded.host())

    assert {"file": f"id_{kind}-cert.pub", "agent": "from the agent", "listed": "~/.ssh/signed"}[held] in way
    assert f"Accepted publickey for {login_name()} from 127.0.0.1" in guarded.log
    assert "CA ED25519" in guarded.log


def test_an_expired_certificate_is_refused_by_name(guarded: Door, client: Client, people: Authority) -> None:
    people.sign_user(client.key(), valid="20200101:20200102")

    assert "Tried: ~/.ssh/id_ed25519-cert.pub; ~/.ssh/id_ed25519." in refusal(guarded.host()).message


def test_a_certificate_file_goes_with_a_key_that_only_the_agent_has(
    guarded: Door, client: Client, people: Authority
) -> None:
    key = client.key("far")
    certificate = people.sign_user(key)
    client.configure(f"CertificateFile {certificate}")

    with with_agent() as agent:
        agent.add(key, "", "-k")  # without the certificate
        key.unlink()
        assert visit(guarded.host()).endswith("by ~/.ssh/far-cert.pub")


def test_a_security_key_s_file_is_for_openssh(door: Door, client: Client) -> None:
    key, line = client.key("id_ed25519_sk"), security_key()
    body = Message()
    for word in ("none", "none", ""):
        body.add_string(word)
    body.add_int(1)
    body.add_string(base64.b64decode(line.split()[1]))
    body.add_string("what only the device could use")
    text = base64.encodebytes(b"openssh-key-v1\0" + body.asbytes()).decode()
    key.write_text(f"-----BEGIN OPENSSH PRIVATE KEY-----\n{text}-----END OPENSSH PRIVATE KEY-----\n")
    door.let_in(line)

    refused = refusal(door.host())

    assert "~/.ssh/id_ed25519_sk (the server would take it; a security key, which only ssh itself can use" in (
        refused.message
    )
    assert "set connection: openssh" in refused.hint


def security_key() -> str:
    """The public half of a security key, as a line: nobody has the other half."""
    blob = Message()
    blob.add_string("sk-ssh-ed25519@openssh.com")
    blob.add_string(b"\x58" + b"\x66" * 31)  # a point of the curve
    blob.add_string("ssh:")
    return f"sk-ssh-ed25519@openssh.com {base64.b64encode(blob.asbytes()).decode()}"


def test_a_server_that_wants_more_than_a_key_is_for_openssh(doors: Doors, client: Client) -> None:
    door = doors("AuthenticationMethods publickey,password", "PasswordAuthentication yes")
    client.know(door.known())
    door.let_in(public_half(client.key()))

    refused = refusal(door.host())

    assert f"takes the key of {login_name()} (~/.ssh/id_ed25519), and wants password besides." in refused.message
    assert "connection: openssh" in refused.hint
    assert "ControlMaster" in refused.hint


def test_a_server_that_takes_no_keys_says_what_it_takes(doors: Doors, client: Client) -> None:
    door = doors("PubkeyAuthentication no", "PasswordAuthentication yes", "PermitRootLogin yes")
    client.know(door.known())
    client.key()

    refused = refusal(door.host())

    assert "It accepts password." in refused.message
    assert "ssh-copy-id" in refused.hint


def test_one_agent_key_that_does_not_sign_leaves_the_next_its_turn(
    door: Door, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Client(tmp_path / "asked").key()
    door.let_in(public_half(asked), public_half(client.key()))
    monkeypatch.setenv("SSH_ASKPASS", "/bin/false")

    with with_agent() as agent:
        agent.add(asked, "", "-c")  # to be confirmed, and nobody confirms
        assert visit(door.host()).endswith("by ~/.ssh/id_ed25519")
