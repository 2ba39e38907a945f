"""Routes, by the real `ssh -G`: what ~/.ssh/config and environments.yaml say together."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from rolloutctl.errors import Unreachable
from rolloutctl.outside.ssh.ssh_config import expand, paths_in
from rolloutctl.outside.ssh.ssh_route import Leg, route_to
from rolloutctl.rules.config import Host


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if shutil.which("ssh") is None:
        if os.environ.get("CI"):
            pytest.fail("ssh is not installed here")
        pytest.skip("ssh is not installed here")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/agent")
    (tmp_path / ".ssh").mkdir(mode=0o700)
    return tmp_path


def configured(home: Path, *lines: str) -> None:
    config = home / ".ssh" / "config"
    config.write_text("".join(f"{line}\n" for line in lines))
    config.chmod(0o600)


def legs(address: str = "web", **settings: object) -> tuple[Leg, ...]:
    return route_to(Host(name="web-1", address=address, app="/app", **settings))  # type: ignore[arg-type]


def last(address: str = "web", **settings: object) -> Leg:
    return legs(address, **settings)[-1]


def test_without_a_configuration_the_name_is_the_address_and_keys_are_below_home(home: Path) -> None:
    found = last("web-1.example.com")

    assert (found.address, found.port, found.agent, found.only_these) == ("web-1.example.com", 22, "/run/agent", False)
    assert home / ".ssh" / "id_ed25519" in found.keys
    assert found.known_hosts[:2] == (home / ".ssh" / "known_hosts", home / ".ssh" / "known_hosts2")
    assert Path("/etc/ssh/ssh_known_hosts") in found.known_hosts


def test_what_the_configuration_says_is_followed(home: Path) -> None:
    configured(
        home,
        *("Host web", "HostName 10.0.0.7", "Port 2200", "User deploy", "IdentityFile ~/.ssh/%r_%h_%%_%n"),
        *("CertificateFile ~/.ssh/signed-cert.pub", "IdentitiesOnly yes", "IdentityAgent ~/agent"),
        *("HostKeyAlias blue", 'UserKnownHostsFile "/a b/known" ~/.ssh/more', "GlobalKnownHostsFile none"),
        *("AddressFamily inet6", "BindAddress ::1", "ConnectTimeout 3"),
    )

    assert last() == Leg(
        name="web",
        address="10.0.0.7",
        port=2200,
        user="deploy",
        keys=(home / ".ssh" / "deploy_10.0.0.7_%_web",),
        certificates=(home / ".ssh" / "signed-cert.pub",),
        only_these=True,
        agent=str(home / "agent"),
        known_as="blue",
        known_hosts=(Path("/a b/known"), home / ".ssh" / "more"),
        family="inet6",
        source="::1",
        patience=3.0,
        learned=Path("/a b/known"),
    )


def test_user_and_port_of_environments_yaml_come_first(home: Path) -> None:
    configured(home, "Host web", "User someone", "Port 2200")

    found = last(user="deploy", port=22)

    assert (found.user, found.port) == ("deploy", 22)


def test_a_key_of_environments_yaml_is_offered_alone(home: Path) -> None:
    configured(home, "Host web", "IdentityFile ~/.ssh/other")
    (home / ".ssh" / "deploy").touch()

    there, missing = last(key="~/.ssh/deploy"), last(key="~/.ssh/missing")

    assert (there.keys, there.only_these) == ((home / ".ssh" / "deploy",), True)
    assert (missing.keys, missing.only_these) == ((home / ".ssh" / "missing",), False)


@pytest.mark.parametrize(
    ("line", "socket"),
    [
        ("IdentityAgent none", None),
        ("IdentityAgent SSH_AUTH_SOCK", "/run/agent"),
        ("IdentityAgent $OTHER_AGENT", "/run/other"),
        ("IdentityAgent /run/%n", "/run/web"),
        ("", "/run/agent"),
    ],
)
def test_the_agent_is_the_one_that_is_named(
    home: Path, monkeypatch: pytest.MonkeyPatch, line: str, socket: str | None
) -> None:
    monkeypatch.setenv("OTHER_AGENT", "/run/other")
    configured(home, "Host web", line)

    assert last().agent == socket


def test_jump_hosts_come_first_each_with_its_own_settings(home: Path) -> None:
    configured(
        home,
        *("Host web", "ProxyJump anna@outer:2201,[::1]:2202"),
        *("Host outer", "HostName 10.0.0.1", "User nobody", "IdentityFile /outer"),
        *("Host ::1", "User jump"),
    )

    found = legs()

    assert [(leg.name, leg.user, leg.address, leg.port, leg.over) for leg in found[:2]] == [
        ("outer", "anna", "10.0.0.1", 2201, ""),
        ("::1", "jump", "::1", 2202, "outer"),
    ]
    assert found[0].keys == (Path("/outer"),)
    assert found[2].over == "::1"
    assert found[2].where == "web port 22 over the jump host ::1"


def test_only_the_first_jump_host_is_reached_by_its_own_configuration_as_by_ssh(home: Path) -> None:
    configured(home, "Host web", "ProxyJump a,b", "Host a", "ProxyCommand nc %h %p", "Host b", "ProxyJump c")

    found = legs()

    assert [leg.name for leg in found] == ["a", "b", "web"]
    assert [leg.command for leg in found] == ["nc a 22", None, None]


def test_the_marks_of_a_proxy_command_are_filled_in(home: Path) -> None:
    configured(home, "Host web", "HostName 10.0.0.7", "User deploy", "ProxyCommand connect %r@%h:%p %n 100%%")

    assert last().command == "connect deploy@10.0.0.7:22 web 100%"


def test_a_match_exec_counts(home: Path) -> None:
    configured(home, 'Match host web exec "true"', "HostName 10.0.0.8", 'Match host web exec "false"', "Port 1")

    assert (last().address, last().port) == ("10.0.0.8", 22)


@pytest.mark.parametrize("line", ["BindInterface lo", "KnownHostsCommand /bin/echo", "ProxyUseFdpass yes"])
def test_what_paramiko_cannot_do_is_refused_with_the_connection_that_can(home: Path, line: str) -> None:
    configured(home, "Host web", line)

    with pytest.raises(Unreachable, match=line.partition(" ")[0].lower()) as refused:
        legs()

    assert "connection: openssh" in refused.value.hint


def test_without_an_ssh_client_the_usual_places_count(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configured(home, "Host web", "HostName 10.0.0.7")
    monkeypatch.setenv("PATH", "/nonexistent")

    found = last(user="deploy", port=2200)

    assert (found.address, found.port, found.user) == ("web", 2200, "deploy")
    assert found.keys == tuple(home / ".ssh" / name for name in ("id_rsa", "id_ecdsa", "id_ed25519"))
    assert found.known_hosts[0] == home / ".ssh" / "known_hosts"


@pytest.mark.parametrize(
    ("leg", "command"),
    [
        (Leg(name="web", address="10.0.0.7"), "ssh web"),
        (Leg(name="web", address="web", user="deploy", port=2200), "ssh deploy@web -p 2200"),
        (Leg(name="web", address="web", user="deploy", port=2200, over="bastion"), "ssh deploy@web -p 2200"),
        (Leg(name="inner", address="10.0.0.7", user="deploy", over="outer", hop=True), "ssh -J outer deploy@inner"),
    ],
)
def test_the_command_to_try_is_the_one_that_goes_the_same_way(leg: Leg, command: str) -> None:
    assert leg.ssh == command


def test_percent_signs_stand_for_values_and_unknown_ones_stay() -> None:
    assert expand("%h:%p 100%% %Z %", {"h": "web", "p": "22"}) == "web:22 100% %Z %"


def test_paths_with_blanks_are_told_from_several_paths() -> None:
    assert paths_in("/a b/c /d none") == (Path("/a b/c"), Path("/d none"))
    assert paths_in("none") == ()
