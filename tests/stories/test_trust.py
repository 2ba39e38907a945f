"""trust: unknown host keys are shown and remembered after a yes; a changed one never is."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.cli.shell import Shell
from tests.lab.clients import Client
from tests.lab.doors import Door, Doors, fingerprint, public_half

pytestmark = pytest.mark.lab

QUESTION = "Type yes to trust them: "


@pytest.fixture
def client(tmp_path: Path) -> Client:
    return Client(tmp_path / "client")


@pytest.fixture
def doors_behind(doors: Doors, client: Client) -> tuple[Door, Door]:
    """A host, and the jump host before it; both let the client in, and neither is known to it."""
    bastion, web = doors.new(), doors.new()
    key = client.key()
    for door in (bastion, web):
        door.let_in(public_half(key))
    client.configure(
        *(
            "Host bastion",
            "HostName 127.0.0.1",
            f"Port {bastion.port}",
            f"IdentityFile {key}",
        ),
        *("Host web", "HostName 127.0.0.1", f"Port {web.port}", "ProxyJump bastion"),
    )
    return bastion, web


@pytest.fixture
def shell(tmp_path: Path, client: Client) -> Shell:
    document = {
        "version": 1,
        "environments": {"staging": {"app": "/srv/app", "hosts": [{"name": "web-1", "address": "web"}]}},
    }
    made = Shell(tmp_path, yaml.safe_dump(document))
    made.environment["HOME"] = str(client.home)
    return made


def test_a_jump_host_is_trusted_first_and_then_the_host_behind_it(
    shell: Shell, client: Client, doors_behind: tuple[Door, Door]
) -> None:
    ran = shell.type("trust", "staging", answers=[(QUESTION, "yes\n"), (QUESTION, "yes\n")])

    assert ran.status == 0, ran.out
    assert client.known_hosts.read_text() == "".join(f"{door.known()}\n" for door in doors_behind)
    assert all(fingerprint(door.host_key()) in ran.out for door in doors_behind)
    assert "bastion, the jump host of web-1" in ran.out
    assert "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub" in ran.out
    assert "2 host keys added to ~/.ssh/known_hosts" in ran.out
    again = shell.run("trust", "staging")
    assert (again.status, "every host key is known already" in again.out) == (0, True)


def test_whoever_does_not_say_yes_trusts_nobody(shell: Shell, client: Client, doors_behind: tuple[Door, Door]) -> None:
    ran = shell.type("trust", "staging", answers=[(QUESTION, "y\n")])

    assert (ran.status, client.known_hosts.read_text()) == (3, "")
    assert "The keys were not trusted." in ran.out


def test_without_a_terminal_only_a_given_fingerprint_is_trusted(
    shell: Shell, client: Client, doors_behind: tuple[Door, Door]
) -> None:
    bastion, web = (fingerprint(door.host_key()) for door in doors_behind)

    silent = shell.run("trust", "staging")
    other = shell.run("trust", "staging", "--fingerprint", web)
    both = shell.run("trust", "staging", "--json", "--fingerprint", web, "--fingerprint", bastion)

    assert (silent.status, other.status, both.status) == (3, 3, 0), (silent.err, other.err, both.err)
    assert f"--fingerprint {bastion}" in silent.err
    assert "another fingerprint than those given" in other.err
    assert [(key["fingerprint"], key["jump"], key["trusted"]) for key in both.document["keys"]] == [
        (bastion, True, True),
        (web, False, True),
    ]
    assert client.known_hosts.read_text() == "".join(f"{door.known()}\n" for door in doors_behind)


def test_a_changed_key_is_never_trusted(shell: Shell, client: Client, doors_behind: tuple[Door, Door]) -> None:
    bastion, web = doors_behind
    stranger = bastion.known().split()[1:]
    client.know(bastion.known(), " ".join([web.known().split()[0], *stranger]))
    before = client.known_hosts.read_text()

    ran = shell.run("trust", "staging", "--fingerprint", fingerprint(web.host_key()))
    told = shell.run("trust", "staging", "--json")

    assert (ran.status, told.status, client.known_hosts.read_text()) == (3, 3, before)
    assert "HAS CHANGED" in ran.err
    assert f"ssh-keygen -R '[127.0.0.1]:{web.port}'" in ran.err
    assert [problem["error"]["code"] for problem in told.document["problems"]] == ["unreachable"]


def test_names_are_hashed_where_they_are_by_ssh_and_a_line_without_an_end_stays_whole(
    shell: Shell, client: Client, doors: Doors
) -> None:
    door = doors()
    client.configure("Host web", "HostName 127.0.0.1", f"Port {door.port}", "Host *", "HashKnownHosts yes")
    client.known_hosts.write_text("# mine, without an end")

    ran = shell.run("trust", "staging", "--fingerprint", fingerprint(door.host_key()))

    first, second = client.known_hosts.read_text().splitlines()
    assert (ran.status, first) == (0, "# mine, without an end"), ran.err
    assert second.startswith("|1|")
    assert "127.0.0.1" not in second
    assert shell.run("trust", "staging").status == 0


def test_an_unknown_key_is_told_with_the_command_that_remembers_it(
    shell: Shell, client: Client, doors_behind: tuple[Door, Door]
) -> None:
    client.know(doors_behind[0].known())

    ran = shell.run("status", "staging")

    assert "is not known" in ran.out
    assert "rolloutctl trust staging" in ran.out
    assert "rolloutctl trust staging" in shell.run("doctor", "staging").out
