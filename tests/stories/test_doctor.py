"""doctor in front of real faults: sees all in one pass, names the line that mends each, and touches nothing."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from rolloutctl.errors import NotLetIn
from rolloutctl.outside.opening import open_session
from rolloutctl.outside.session import RemoteSession
from rolloutctl.rules.config import Host
from rolloutctl.rules.host import Event
from rolloutctl.rules.verdicts import Status, Verdict
from rolloutctl.workflows.doctor import Diagnosis
from tests.lab.lab import Lab
from tests.stories.conftest import Hire
from tests.stories.traces import EVERYBODYS, until

# One after the other: every php-fpm that runs on the machine is looked at, those of other labs too.
pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("doctor")]

STOWAWAY = ('APP_NAME="Lab Gateway"', "APP_NAME=Zebra-Crossing")


def told(found: Diagnosis, host: str, *statuses: Status, everybodys: bool = False) -> dict[str, Verdict]:
    """The verdicts on one host by check."""
    (verdicts,) = [each.verdicts for each in found.hosts if each.name == host]
    left_out = () if everybodys else EVERYBODYS
    return {each.check: each for each in verdicts if each.status in statuses and each.check not in left_out}


def test_a_sound_host_has_nothing_that_would_stop_a_change_and_nothing_is_left_there(fresh: Lab, hire: Hire) -> None:
    before = [host.snapshot() for host in fresh.hosts]

    found = hire(fresh).doctor()

    assert found.well
    for host in fresh.hosts:
        assert told(found, host.name, "fail", "warn", "skipped") == {}
    assert [host.snapshot() for host in fresh.hosts] == before
    assert [list(host.home.rglob("*")) for host in fresh.hosts] == [[]] * 3


def test_rights_that_are_missing_are_told_in_one_pass_with_the_lines_that_give_them(
    fresh_unprivileged: Lab, hire: Hire
) -> None:
    host = fresh_unprivileged.hosts[0]
    os.chown(host.env_path, 0, 0)
    host.env_path.chmod(0o644)
    host.cache_path.chmod(0o444)
    os.chown(host.cache_path, 0, 0)
    before = host.snapshot()

    found = hire(fresh_unprivileged).doctor()

    failed = told(found, "web-1", "fail", "warn")
    assert {check: verdict.fix.line for check, verdict in failed.items()} == {
        ".env": f"sudo chown nobody: {host.env_path} && sudo chmod u+rw,g+r {host.env_path}",
        ".env mode": f"chmod o-r {host.env_path}",
        "config cache": f"sudo chown -R nobody {host.cache_path.parent}",
        "sudo": "nobody ALL=(root) NOPASSWD: /usr/bin/sh restart-fpm.sh",
    }
    assert (host.snapshot(), list(host.home.rglob("*"))) == (before, [])


def test_what_stands_in_the_way_of_a_flag_is_named_and_no_value_shown(fresh: Lab, hire: Hire) -> None:
    first, second, third = fresh.hosts
    first.edit_env(*STOWAWAY)
    first.edit_env("FEATURE_BULK_EXPORT=false", "FEATURE_BULK_EXPORT=off\nFEATURE_NEW_BILLING=true")
    second.break_config("throws-aside")  # its message quotes the database's password
    boot = third.app / "bootstrap" / "app.php"
    boot.write_text(
        boot.read_text().replace("return $app;", "$app->loadEnvironmentFrom('.env.staging');\nreturn $app;")
    )
    (third.app / ".env.staging").write_text(third.env_path.read_text())
    operator = hire(fresh, edit=lambda document: document["flags"]["bulk_export"].update(config="features.exports"))

    found = operator.doctor()

    assert told(found, "web-1", "fail")["settings"].fix.line == "config: features.bulk_export"
    on_first = told(found, "web-1", "fail", "warn")
    assert {"app.name"} == {name for name in ("app.name", "app.key") if name in on_first["waiting edits"].text}
    assert on_first["flags"].fix.line == "rolloutctl toggle lab bulk_export false"
    assert "FEATURE_NEW_BILLING" in told(found, "web-1", "info")["flags"].text
    assert "Access denied (using password: •••)" in "".join(told(found, "web-2", "fail")["build"].details)
    assert told(found, "web-3", "fail")["application"].fix.line == "env_file: .env.staging"
    assert "Zebra-Crossing" not in operator.everything_seen


def test_what_php_fpm_sets_above_env_and_what_nobody_restarts_is_found(fresh: Lab, hire: Hire) -> None:
    host = fresh.hosts[0]
    conf = host.folder / "fpm.conf"
    conf.write_text(conf.read_text() + 'env[FEATURE_CUSTOMER_PORTAL] = "false"\n')
    worker = subprocess.Popen(["php", "artisan", "queue:work"], cwd=host.app, stdout=subprocess.DEVNULL)
    try:
        steps = [{"name": "config cache", "builtin": "config-cache"}]
        operator = hire(fresh, hosts=[host], steps=steps)
        until(lambda: b"queue:work" in Path(f"/proc/{worker.pid}/cmdline").read_bytes(), "the worker")
        found = told(operator.doctor(), "web-1", "fail", "warn", everybodys=True)
    finally:
        worker.kill()
        worker.wait()

    assert f"{conf} sets env[FEATURE_CUSTOMER_PORTAL]" in found["overrides"].text
    assert "queue:restart, once: true" in found["workers"].fix.line
    assert "no step restarts php-fpm" in found["opcache"].text


def test_a_host_without_a_env_and_without_php_says_both(fresh: Lab, hire: Hire) -> None:
    host = fresh.hosts[0]
    host.env_path.rename(host.app / ".env.old")

    found = hire(fresh, hosts=[host], php="php9").doctor()

    failed = [verdict.text for verdict in found.hosts[0].verdicts if verdict.status == "fail"]
    assert failed == [f"There is no file {host.app}/.env.", "php9 was not found on the host."]


def test_a_login_shell_that_talks_and_a_php_that_is_not_there_are_told_beside_the_rest(fresh: Lab, hire: Hire) -> None:
    host = fresh.hosts[0]
    operator = hire(fresh, hosts=[host], shell="echo Welcome to web-1;", php="php9")  # noqa: S604 - a setting

    found = told(operator.doctor(), "web-1", "fail", "warn")

    assert "Welcome to web-1" in found["login shell"].text
    assert found["php"].fix.line.startswith("php: /usr/bin/php")
    assert set(found) == {"login shell", "php"}


def test_an_unknown_host_key_fails_alone_and_names_the_command_that_shows_it(fresh: Lab, hire: Hire) -> None:
    operator = hire(fresh, hosts=fresh.hosts[:1])
    known = fresh.known_hosts.read_text()
    fresh.known_hosts.write_text("")
    try:
        found = operator.doctor()
    finally:
        fresh.known_hosts.write_text(known)

    assert {name: verdict.fix.line for name, verdict in told(found, "web-1", "fail").items()} == {
        "host key": "rolloutctl trust lab"
    }


def test_a_host_that_another_connection_reaches_is_looked_at_over_that_one(fresh: Lab, hire: Hire) -> None:
    def only_openssh(host: Host, progress: Callable[[Event], None]) -> RemoteSession:
        if host.connection == "paramiko":
            raise NotLetIn("web-1 does not let root in.", subject=host.name)
        return open_session(replace(host, connection="paramiko"), progress)

    operator = hire(fresh, hosts=fresh.hosts[:1])
    operator.tools = replace(operator.tools, sessions=only_openssh)

    found = operator.doctor()

    assert {name: verdict.fix.line for name, verdict in told(found, "web-1", "fail").items()} == {
        "authentication": "connection: openssh"
    }
    assert "health" in told(found, "web-1", "ok")
