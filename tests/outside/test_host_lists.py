"""Hosts that are listed elsewhere: real shell lines and inventories, and what is told when they fail."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any

import pytest

from rolloutctl.errors import Unlisted
from rolloutctl.outside.host_lists import HostLists
from rolloutctl.outside.yaml_file import load
from rolloutctl.rules.config import Environment, Host

FILE = """\
version: 1
defaults: {app: /var/www/app, user: deploy, php: php8.2}
environments:
  production: {key: keys/web, hosts: %s}
"""
HOST = "echo '[\"a\"]'"
COUNTED = "echo once >> asked; echo '[\"web-1\"]'"


def environment(folder: Path, hosts: str) -> Environment:
    path = folder / "environments.yaml"
    path.write_text(FILE % hosts)
    return load(path, {}).environment("production")


def found(folder: Path, hosts: str) -> tuple[Host, ...]:
    return HostLists(folder / "state")(environment(folder, hosts)).hosts


def refusal(folder: Path, hosts: str) -> Unlisted:
    with pytest.raises(Unlisted) as caught:
        found(folder, hosts)
    assert caught.value.exit_status == 3
    assert caught.value.subject == "production"
    assert caught.value.state == "Nothing was changed on any host."
    return caught.value


def script(folder: Path, *lines: str) -> str:
    (folder / "hosts.sh").write_text("\n".join(["#!/bin/sh", *lines, ""]))
    (folder / "hosts.sh").chmod(0o755)
    return "{run: ./hosts.sh, timeout: 5s}"


def test_a_lines_hosts_take_what_they_leave_out_from_the_environment_and_the_defaults(tmp_path: Path) -> None:
    line = script(tmp_path, 'echo \'["www@10.0.0.1:2222", {"name": "web-2", "php": "php8.3", "port": 22}]\'')
    shared: dict[str, Any] = {"app": "/var/www/app", "key": str(tmp_path / "keys" / "web")}
    assert found(tmp_path, line) == (
        Host(name="10.0.0.1", address="10.0.0.1", user="www", port=2222, php="php8.2", **shared),
        Host(name="web-2", address="web-2", user="deploy", port=22, php="php8.3", **shared),
    )


def test_a_group_of_what_ansible_lists_is_found(tmp_path: Path) -> None:
    said = '{"_meta": {"hostvars": {"b": {"ansible_host": "10.0.0.2"}}}, "web": {"hosts": ["b", "a"]}, "db": ["c"]}'
    script(tmp_path, f"echo '{said}'")
    assert [(host.name, host.address) for host in found(tmp_path, "{run: ./hosts.sh, group: web}")] == [
        ("b", "10.0.0.2"),
        ("a", "a"),
    ]


@pytest.mark.parametrize("name", ["hosts.ini", "hosts"])
def test_an_inventory_lies_beside_environments_yaml(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("[web]\nweb[1:2] ansible_user=www\n[db]\ndb-1\n")
    hosts = found(tmp_path, f"{{inventory: {name}, group: web}}")
    assert [(host.name, host.user, host.app) for host in hosts] == [
        ("web1", "www", "/var/www/app"),
        ("web2", "www", "/var/www/app"),
    ]


def test_an_inventory_in_yaml_may_hold_secrets_that_nobody_asks_for(tmp_path: Path) -> None:
    text = "web:\n  hosts:\n    a: {password: !vault x}\n  vars:\n    token: !vault |\n      $ANSIBLE_VAULT;1.1\n"
    (tmp_path / "hosts.yml").write_text(text)
    assert [host.name for host in found(tmp_path, "{inventory: hosts.yml}")] == ["a"]


def test_a_line_runs_beside_environments_yaml_with_nothing_to_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET", "from-outside")
    (tmp_path / ".env").write_text("FLEET=from-file\nSECRET=hidden\n")
    line = script(tmp_path, 'printf \'["%s-%s%s"]\' "$FLEET" "$(cat | wc -c)" "$SECRET"')
    assert [host.name for host in found(tmp_path, line)] == ["from-outside-0"]


def test_each_source_is_asked_once_whatever_it_said(tmp_path: Path) -> None:
    lists, good = HostLists(tmp_path / "state"), environment(tmp_path, script(tmp_path, COUNTED))
    assert lists(good) is lists(good)
    bad = environment(tmp_path, script(tmp_path, "echo once >> asked", "exit 1"))
    again = HostLists(tmp_path / "state")
    for _ in range(2):
        with pytest.raises(Unlisted):
            again(bad)
    assert (tmp_path / "asked").read_text() == "once\n" * 2


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("echo out; echo 'first' >&2; echo 'no token' >&2; exit 7", "exit 7, no token."),
        ("exit 1", "exit 1, and nothing on stderr."),
        ("no-such-program", "exit 127, "),
        ("printf 'bad\\033[31m' >&2; exit 2", "exit 2, bad\\x1b[31m."),
        ("echo '{\"web\"'", 'it printed no JSON: {"web".'),
        ("true", "it printed no JSON: nothing."),
        ("echo '[]'", "environments.production.hosts.run lists no host."),
        ("echo 5", "it printed neither a list of hosts nor Ansible's listing."),
        ("echo '[5]'", "environments.production.hosts.run[0] must be a mapping or"),
        ("echo '[\"-x\"]'", "environments.production.hosts.run[0] must be a mapping or"),
        ('echo \'[{"name": "a", "port": 0}]\'', "environments.production.hosts.run[0].port must be a port"),
        ('echo \'[{"nam": "a"}]\'', "environments.production.hosts.run[0] needs a name or an address."),
        ('echo \'["a", "a"]\'', "environments.production.hosts.run has two hosts of one name"),
        ('echo \'{"web": ["a"], "db": 5}\'', "db must hold a mapping: 5."),
        ('echo \'[{"name": "a", "local_address": "${HOME}"}]\'', "names a secret"),
    ],
)
def test_a_line_that_fails_or_prints_something_else_is_told(tmp_path: Path, line: str, told: str) -> None:
    error = refusal(tmp_path, script(tmp_path, line))
    assert error.message.startswith("The hosts could not be listed: `./hosts.sh`: ")
    assert told in error.message
    assert error.message.isprintable()
    assert f"Run it by hand in {tmp_path}." in error.hint


def test_a_line_that_is_killed_is_told(tmp_path: Path) -> None:
    assert refusal(tmp_path, "{run: 'kill -9 $$'}").message.endswith(": ended by signal 9, and nothing on stderr.")


def test_a_line_that_hangs_is_ended_with_what_it_started(tmp_path: Path) -> None:
    script(tmp_path, "sleep 60 &", "echo $! > child", "wait")
    error = refusal(tmp_path, "{run: ./hosts.sh, timeout: 0.3s}")
    assert error.message.endswith("no end after 0.3 s.")
    status = Path(f"/proc/{(tmp_path / 'child').read_text().strip()}/stat")
    assert gone(status)


def gone(status: Path) -> bool:
    """Whether a process is no more, or soon: who was killed ends when its time comes."""
    patience = time.monotonic() + 10
    while time.monotonic() < patience:
        with contextlib.suppress(OSError):
            if status.read_text().split()[2] != "Z":
                time.sleep(0.02)
                continue
        return True
    return False


def test_a_host_without_an_application_is_told(tmp_path: Path) -> None:
    path = tmp_path / "environments.yaml"
    path.write_text(f"version: 1\nenvironments: {{web: {{hosts: {script(tmp_path, HOST)}}}}}\n")
    with pytest.raises(Unlisted, match=r"hosts\.run needs app, the folder of the application, for the host a\.$"):
        HostLists(tmp_path / "state")(load(path, {}).environment("web"))


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("gone.ini", None, "/gone.ini: No such file or directory."),
        ("hosts.ini", "[web]\nw ansible_host='{{ x }}'\n", "hosts.ini:2: w's ansible_host is a template"),
        (
            "hosts.ini",
            "[web]\nw ansible_port=99999\n",
            "hosts.ini:2: environments.production.hosts.inventory[0].port must",
        ),
        ("hosts.ini", "[db]\nw\n", "hosts.ini:1: there is no group web."),
        ("hosts.yml", "web:\n  hosts: {a: , b: , a: }\n", "hosts.yml:2: the key stands on line 2 already: a."),
        ("hosts.yml", "web: [\n", "hosts.yml:1: expected the node content"),
        ("hosts.ini", b"\xff", "/hosts.ini: it is not UTF-8."),
    ],
)
def test_an_inventory_that_cannot_be_used_is_told_with_its_line(
    tmp_path: Path, name: str, text: str | bytes | None, told: str
) -> None:
    if text is not None:
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    error = refusal(tmp_path, f"{{inventory: {name}, group: web}}")
    assert told in error.message
    assert f"ansible-inventory -i {tmp_path / name} --list, group: web" in error.hint


def test_the_list_that_was_good_last_is_remembered_without_what_stands_beneath_it(tmp_path: Path) -> None:
    lists = HostLists(tmp_path / "state")
    good = environment(tmp_path, script(tmp_path, COUNTED))
    assert lists.last(good) is None
    now = lists(good)
    script(tmp_path, "exit 1")
    later = HostLists(tmp_path / "state")
    with pytest.raises(Unlisted):
        later(good)
    found = later.last(good)
    assert found is not None
    assert found[0] == now
    assert abs(found[1].timestamp() - time.time()) < 60
    assert (tmp_path / "state" / "production" / "hosts.json").read_text() == '["web-1"]'
    assert (tmp_path / "state" / "production" / "hosts.json").stat().st_mode & 0o777 == 0o600
    (tmp_path / "state" / "production" / "hosts.json").write_text('[{"name": 5}]')
    assert later.last(good) is None


def test_hosts_that_stand_in_the_file_are_not_asked_for(tmp_path: Path) -> None:
    written = environment(tmp_path, "[web-1]")
    assert HostLists(tmp_path / "state")(written) is written


def test_reading_the_file_asks_nobody(tmp_path: Path) -> None:
    where = environment(tmp_path, script(tmp_path, COUNTED))
    assert where.hosts == ()
    assert not (tmp_path / "asked").exists()
