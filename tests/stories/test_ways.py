"""Every way to a host that ~/.ssh/config can describe, over real sshds: jump hosts, proxy commands, addresses."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from rolloutctl.errors import NoAnswer, NotLetIn, WrongHostKey
from rolloutctl.outside.ssh.journey import first_stranger
from rolloutctl.outside.ssh.remembering import remember
from rolloutctl.rules.config import Host
from tests.lab.clients import Client
from tests.lab.doors import Door, Doors, fingerprint, login_name, make_key, public_half
from tests.lab.processes import processes, wait_until
from tests.stories.visitors import at_home, refusal, visit

pytestmark = pytest.mark.lab


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Client:
    return at_home(Client(tmp_path / "client"), monkeypatch)


@pytest.fixture
def way(doors: Doors, client: Client) -> tuple[Door, Door, Door]:
    """Three doors: the outer jump host, the inner one, and the host; each takes a key of its own."""
    opened = (doors(), doors("MaxSessions 7"), doors("MaxSessions 8"))
    names = ("outer", "inner", "web")
    lines = []
    for name, door in zip(names, opened, strict=True):
        door.let_in(public_half(client.key(name)))
        lines += [f"Host {name}", "HostName 127.0.0.1", f"Port {door.port}", f"IdentityFile {client.ssh / name}"]
    client.configure(*lines, "Host web", "ProxyJump outer,inner", "Host *", "IdentitiesOnly yes")
    client.know(*(door.known() for door in opened))
    return opened


def web(**settings: object) -> Host:
    return Host(name="web-1", **{"address": "web", "app": "/nowhere", **settings})  # type: ignore[arg-type]


def test_two_jump_hosts_are_passed_each_with_its_own_key(way: tuple[Door, Door, Door]) -> None:
    assert visit(web()) == f"{login_name()} at 127.0.0.1:{way[2].port} over outer over inner by ~/.ssh/web"


def test_a_jump_host_may_have_a_jump_host_of_its_own(way: tuple[Door, Door, Door], client: Client) -> None:
    client.configure(
        *(client.config.read_text().replace("outer,inner", "inner").splitlines()[:-3]),
        *("Host inner", "ProxyJump outer"),
    )

    assert visit(web()) == f"{login_name()} at 127.0.0.1:{way[2].port} over outer over inner by ~/.ssh/web"


def test_proxy_jump_none_goes_straight(way: tuple[Door, Door, Door], client: Client) -> None:
    client.configure("Host web", "ProxyJump none", *client.config.read_text().splitlines()[:-3])

    assert " over " not in visit(web())


def test_jump_hosts_in_a_circle_are_refused(client: Client) -> None:
    client.configure("Host a", "ProxyJump b", "Host b", "ProxyJump a")

    assert "leads in a circle: a to b to a to b" in refusal(web(address="a")).message


def test_a_jump_host_that_is_not_known_is_refused_by_name_before_anything_is_tried_there(
    way: tuple[Door, Door, Door], client: Client
) -> None:
    client.know(way[0].known(), way[2].known())
    before = way[1].log

    refused = refusal(web())

    assert isinstance(refused, WrongHostKey)
    assert refused.verdict == "unknown"
    assert refused.message.startswith(
        f"The host key of the jump host inner ([127.0.0.1]:{way[1].port}) is not known: ssh-ed25519 SHA256:"
    )
    assert refused.hint.endswith(f"ssh -J outer {login_name()}@inner -p {way[1].port}")
    assert "publickey" not in way[1].log.removeprefix(before)


def test_a_jump_host_that_lets_nobody_in_is_named(way: tuple[Door, Door, Door], client: Client) -> None:
    make_key(client.ssh / "stranger")
    client.configure(*client.config.read_text().replace(f"{client.ssh}/inner", f"{client.ssh}/stranger").splitlines())

    refused = refusal(web())

    assert isinstance(refused, NotLetIn)
    assert refused.message.startswith(
        f"The jump host inner (127.0.0.1 port {way[1].port}) over outer does not let {login_name()} in. Tried: "
    )
    assert refused.hint == (
        f"Try: ssh -J outer {login_name()}@inner -p {way[1].port}; "
        "then set User or IdentityFile of inner in ~/.ssh/config, or ssh-add the key."
    )


def test_a_jump_host_that_does_not_forward_is_named_with_the_line_that_allows_it(
    doors: Doors, client: Client, way: tuple[Door, Door, Door]
) -> None:
    shut = doors("AllowTcpForwarding no")
    shut.let_in(public_half(client.ssh / "outer"))
    client.know(shut.known(), way[2].known())
    client.configure(
        *("Host shut", "HostName 127.0.0.1", f"Port {shut.port}", "Host web", "ProxyJump shut"),
        *client.config.read_text().splitlines()[:-3],
        *("Host shut", f"IdentityFile {client.ssh / 'outer'}"),
    )

    refused = refusal(web())

    assert isinstance(refused, NoAnswer)
    assert f"The jump host shut does not lead on to 127.0.0.1 port {way[2].port}: " in refused.message
    assert "AllowTcpForwarding yes" in refused.hint


def test_a_host_that_the_jump_host_does_not_reach_is_told_from_one_that_we_do_not(
    way: tuple[Door, Door, Door],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    refused = refusal(web(port=port))

    assert refused.message == f"The jump host inner does not reach 127.0.0.1 port {port}: Connect failed."
    assert refused.hint == "Is the host up, and its name known on inner?"


def proxied(client: Client, door: Door, command: str) -> None:
    client.configure("Host web", f"HostName 127.0.0.1\nPort {door.port}\nProxyCommand {command}")


def test_a_proxy_command_leads_there_by_the_shell_and_ends_with_the_connection(
    doors: Doors, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = doors()
    door.let_in(public_half(client.key()))
    client.know(door.known())
    monkeypatch.setenv("SHELL", "/bin/sh")
    relay = Path(__file__).with_name("relay.py")
    proxied(client, door, f"{sys.executable} -P {relay} %h %p 2>&1")

    came = visit(web())

    assert f"{login_name()} at 127.0.0.1:{door.port} over a proxy command by ~/.ssh/id_ed25519" == came
    wait_until(lambda: not [one for one in processes().values() if str(relay) in one.command], "the relay gone")


def test_ssh_itself_may_be_the_proxy_command(way: tuple[Door, Door, Door], client: Client) -> None:
    own = client.config.read_text().replace(
        "ProxyJump outer,inner", f"ProxyCommand ssh -F {client.config} -W %h:%p outer"
    )
    client.configure(*own.splitlines()[:-3])

    assert "over a proxy command by" in visit(web())


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("echo no route to %h >&2; exit 3", "exit 3: no route to 127.0.0.1"),
        ("nonexistent-proxy %h", "exit 127: "),
        ("false", "exit 1"),
    ],
)
def test_a_proxy_command_that_fails_is_quoted(
    doors: Doors, client: Client, monkeypatch: pytest.MonkeyPatch, command: str, said: str
) -> None:
    monkeypatch.setenv("SHELL", "/bin/sh")
    proxied(client, doors(), f"sh -c '{command}'")

    refused = refusal(web())

    assert isinstance(refused, NoAnswer)
    assert f"The proxy command for 127.0.0.1 ended before a server greeted us: {said}" in refused.message
    assert "See ProxyCommand for web in ~/.ssh/config" in refused.hint


def test_what_only_ssh_can_do_is_told_with_the_connection_that_does_it(client: Client) -> None:
    client.configure("Host web", "KnownHostsCommand /bin/echo %H")

    refused = refusal(web())

    assert (
        "~/.ssh/config says knownhostscommand /bin/echo %H for web, which only ssh itself can follow."
        in refused.message
    )
    assert "connection: openssh" in refused.hint


def test_a_configuration_that_ssh_cannot_read_is_quoted(client: Client) -> None:
    client.configure("Host web", "NoSuchWord yes")

    said = refusal(web()).message
    assert said.startswith("`ssh -G web` fails: ")
    assert "nosuchword" in said.lower()


def test_ipv6_and_its_port_are_one_name_in_known_hosts(doors: Doors, client: Client) -> None:
    if not _has_ipv6():
        pytest.skip("this machine has no IPv6")
    door = doors(ipv6=True)
    door.let_in(public_half(client.key()))
    client.know(door.known(address="::1"))

    came = visit(door.host(address="::1"))
    client.configure("Host web", "HostName ::1", "AddressFamily inet6", f"Port {door.port}", "HostKeyAlias ::1")
    client.know(door.known(address="::1").replace(f"[::1]:{door.port}", "::1"))
    by_family = visit(web())

    assert came == f"{login_name()} at [::1]:{door.port} by ~/.ssh/id_ed25519"
    assert by_family.startswith(f"{login_name()} at [::1]:{door.port} ")


def test_the_first_stranger_on_the_way_is_shown_without_logging_in_there(
    way: tuple[Door, Door, Door], client: Client
) -> None:
    client.know(way[0].known())
    hop = first_stranger(web())
    client.know(*(door.known() for door in way[:2]))
    before = way[2].log
    target = first_stranger(web())
    known = client.known_hosts.read_text()
    assert hop is not None
    assert target is not None
    remember(target)

    assert (hop.name, hop.jump) == (f"[127.0.0.1]:{way[1].port}", True)
    assert (target.name, target.jump) == (f"[127.0.0.1]:{way[2].port}", False)
    assert (target.kind, target.fingerprint) == ("ssh-ed25519", fingerprint(way[2].host_key()))
    assert client.known_hosts.read_text() == f"{known}{way[2].known()}\n"
    assert "publickey" not in way[2].log.removeprefix(before)
    assert first_stranger(web()) is None


def _has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False
