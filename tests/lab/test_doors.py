"""The doors themselves: each lets in whom it is made for, with the real ssh."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.lab.clients import Agent, Client
from tests.lab.clients import agent as running_agent
from tests.lab.conftest import need
from tests.lab.doors import LOOPBACK, Authority, Door, Doors, login_name, login_shell, noisy_login_shell, public_half

pytestmark = pytest.mark.lab


def ssh(client: Client, door: Door, command: str, *options: str, agent: Agent | None = None) -> tuple[int, str, str]:
    """What the real ssh says; of its stderr, the last line."""
    arguments = ["ssh", "-F", str(client.config), "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"]
    where = ["-p", str(door.port), f"{login_name()}@{LOOPBACK}", command]
    done = subprocess.run(
        [*arguments, *options, *where],
        env=client.env(agent),
        capture_output=True,
        text=True,
        timeout=20,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr.strip().rpartition("\n")[2]


@pytest.fixture
def client(tmp_path: Path) -> Client:
    return Client(tmp_path / "client")


@pytest.mark.parametrize(("kind", "hashed"), [("ed25519", False), ("ecdsa", True)])
def test_a_door_shows_its_host_key_and_takes_an_authorized_key(
    doors: Doors, client: Client, kind: str, hashed: bool
) -> None:
    door = doors(host_keys=("ed25519", "ecdsa"))
    key = client.key(kind=kind)
    client.know(door.known(kind), hashed=hashed)
    refused = ssh(client, door, "true", "-i", str(key))
    door.let_in(public_half(key))

    assert refused[::2] == (255, f"{login_name()}@{LOOPBACK}: Permission denied (publickey).")
    assert ssh(client, door, "echo $HOME", "-i", str(key)) == (0, f"{door.home}\n", "")


def test_certificates_of_host_and_user_are_enough(doors: Doors, client: Client, tmp_path: Path) -> None:
    hosts, people = Authority.made(tmp_path, "hosts"), Authority.made(tmp_path, "people")
    door = doors.new(host_authority=hosts, user_authority=people)
    key = client.key()
    people.sign_user(key)
    client.know(f"@cert-authority [{LOOPBACK}]:* {hosts.public}")

    assert ssh(client, door, "echo in", "-i", str(key)) == (0, "in\n", "")


def test_an_agent_holds_an_encrypted_key(doors: Doors, client: Client) -> None:
    door = doors()
    key = client.key("locked", "ed25519", "not a secret")
    door.let_in(public_half(key))
    client.know(door.known())

    with running_agent() as agent:
        without = ssh(client, door, "true", "-i", str(key), agent=agent)
        agent.add(key, "not a secret")
        assert ssh(client, door, "echo in", agent=agent) == (0, "in\n", "")
    assert without[0] == 255


def test_a_door_that_was_set_up_anew_shows_another_key_at_the_same_port(doors: Doors, client: Client) -> None:
    door = doors.new()
    client.know(door.known())
    before = door.known()
    door.show_new_host_keys()

    assert door.known() != before
    assert ssh(client, door, "true")[::2] == (255, "Host key verification failed.")


@pytest.mark.parametrize(
    ("shell", "line", "said"),
    [
        ("fish", login_shell("fish"), ""),
        ("tcsh", login_shell("tcsh"), ""),
        ("sh", noisy_login_shell(), "Welcome to the machine\n"),
    ],
    ids=["fish", "tcsh", "noisy"],
)
def test_a_login_shell_is_chosen_without_a_user_of_its_own(
    doors: Doors, client: Client, shell: str, line: str, said: str
) -> None:
    need(shell)
    door = doors(line)
    key = client.key()
    door.let_in(public_half(key))
    client.know(door.known())

    assert ssh(client, door, "echo in", "-i", str(key))[:2] == (0, f"{said}in\n")


def test_a_door_on_ipv6_has_the_same_port(doors: Doors, client: Client) -> None:
    door = doors(ipv6=True)
    key = client.key()
    door.let_in(public_half(key))
    client.know(door.known(address="::1"))

    answer = ssh(client, door, "echo in", "-i", str(key), "-o", "HostName=::1")

    assert answer == (0, "in\n", "")
