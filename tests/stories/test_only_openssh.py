"""Ways in that only the machine's own ssh has: host certificates, an open ControlMaster, whatever its config says."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from rolloutctl.errors import Unreachable, WrongHostKey
from tests.cli.shell import Shell
from tests.lab.doors import Authority, Door, Doors, fingerprint, login_name, public_half
from tests.lab.processes import wait_until
from tests.stories.behind_doors import Visitor, hello, refusal

pytestmark = pytest.mark.lab


@pytest.fixture
def visitor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Visitor:
    return Visitor(tmp_path / "home", monkeypatch)


def test_a_host_certificate_is_enough_where_known_hosts_has_its_authority_alone(
    doors: Doors, visitor: Visitor, tmp_path: Path
) -> None:
    hosts, people = Authority.made(tmp_path, "hosts"), Authority.made(tmp_path, "people")
    door = doors.new(host_authority=hosts, user_authority=people)
    people.sign_user(visitor.own_key)
    visitor.know(f"@cert-authority [127.0.0.1]:* {hosts.public}")

    assert hello(visitor.host(door)) == str(door.app)
    assert isinstance(refusal(visitor.host(door, "paramiko")), WrongHostKey)


def test_doctor_finds_that_only_openssh_gets_in_and_says_the_line(
    doors: Doors, visitor: Visitor, tmp_path: Path
) -> None:
    hosts = Authority.made(tmp_path, "hosts")
    door = doors.new(host_authority=hosts)
    door.let_in(public_half(visitor.own_key))
    visitor.know(f"@cert-authority [127.0.0.1]:* {hosts.public}")
    host = {"name": "web-1", "address": "127.0.0.1", "port": door.port, "key": str(visitor.own_key)}
    document = {"version": 1, "environments": {"staging": {"app": str(door.app), "hosts": [host]}}}
    shell = Shell(tmp_path, yaml.safe_dump(document))
    shell.environment["HOME"] = str(visitor.home)

    ran = shell.run("doctor", "staging", "--json")

    (web,) = ran.document["environments"][0]["hosts"]
    checks = {check["check"]: check for check in web["checks"]}
    assert (ran.status, checks["host key"]["status"], checks["host key"]["fix"]) == (6, "fail", "connection: openssh")
    assert "vouched for by an authority" in checks["host key"]["text"]
    assert checks["tools"]["status"] == "ok"  # looked at all the same


def test_a_host_certificate_that_does_not_fit_is_a_refused_key(doors: Doors, visitor: Visitor, tmp_path: Path) -> None:
    hosts, others = Authority.made(tmp_path, "hosts"), Authority.made(tmp_path, "others")
    door = doors.new(host_authority=hosts)
    visitor.visit(door)
    shown = f"ssh-ed25519 {fingerprint(door.host_key())}"

    visitor.know(f"@cert-authority [127.0.0.1]:* {others.public}")
    unsigned = refusal(visitor.host(door))
    visitor.know(f"@cert-authority [127.0.0.1]:*,elsewhere {hosts.public}")
    visitor.configure("Host *", "  HostKeyAlias elsewhere")
    misnamed = refusal(visitor.host(door))

    assert (type(unsigned), type(misnamed)) == (WrongHostKey, WrongHostKey)
    assert unsigned.message == f"The host key of [127.0.0.1]:{door.port} is not known: {shown}."
    assert "elsewhere is not valid, name is not a listed principal" in misnamed.message
    assert isinstance(misnamed, WrongHostKey)
    assert misnamed.verdict == "authority"  # so nobody is told to trust the key


@contextmanager
def master(visitor: Visitor, door: Door, socket: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A connection that somebody has opened and keeps, as `ControlMaster` does."""
    command = ["ssh", "-F", str(visitor.config), "-M", "-N", "-S", str(socket), "-i", str(visitor.own_key)]
    with subprocess.Popen([*command, "-p", str(door.port), f"{login_name()}@127.0.0.1"]) as process:
        try:
            wait_until(lambda: socket.exists() or process.poll() is not None, "the master's socket")
            yield process
        finally:
            process.terminate()


def test_an_open_master_is_used_and_left_open(doors: Doors, visitor: Visitor) -> None:
    door = doors.new()
    visitor.visit(door)
    socket = visitor.home / "s"
    with master(visitor, door, socket) as opened:
        (door.folder / "authorized_keys").write_text("")  # nobody gets in by himself any more
        visitor.configure("Host 127.0.0.1", f"  ControlPath {socket}")

        assert [hello(visitor.host(door)), hello(visitor.host(door))] == [str(door.app)] * 2
        assert isinstance(refusal(visitor.host(door, "paramiko")), Unreachable)
        assert opened.poll() is None


def test_a_master_that_ssh_makes_by_itself_does_not_hold_us_up(doors: Doors, visitor: Visitor) -> None:
    door = doors()
    visitor.visit(door)
    socket = visitor.home / "s"
    visitor.configure("Host 127.0.0.1", "  ControlMaster auto", "  ControlPersist yes", f"  ControlPath {socket}")
    try:
        assert [hello(visitor.host(door)), hello(visitor.host(door))] == [str(door.app)] * 2
        assert socket.exists()
    finally:
        subprocess.run(["ssh", "-F", str(visitor.config), "-O", "exit", "127.0.0.1"], capture_output=True, check=True)


def test_its_own_configuration_finds_the_way(doors: Doors, visitor: Visitor) -> None:
    door = doors()
    visitor.visit(door)
    visitor.know(f"some-alias {public_half(door.host_key())}")
    visitor.configure(
        'Match originalhost web-1 exec "true"',
        "  HostName 127.0.0.1",
        f"  Port {door.port}",
        f"  User {login_name()}",
        f"  IdentityFile {visitor.own_key}",
        "  HostKeyAlias some-alias",
        "  RemoteCommand echo not this",
        "  RequestTTY force",
    )

    assert hello(visitor.host(door, address="web-1", port=None, user=None, key=None)) == str(door.app)


def test_a_jump_host_leads_on(doors: Doors, visitor: Visitor) -> None:
    door = doors()
    visitor.visit(door)
    visitor.know(door.known(), door.known(address="localhost"))
    visitor.configure(
        "Host 127.0.0.1",
        f"  ProxyJump localhost:{door.port}",
        "Host *",
        f"  IdentityFile {visitor.own_key}",
    )

    assert hello(visitor.host(door)) == str(door.app)
