"""Hosts that cannot be reached, that let nobody in, or that are not fit: one message, the next command, no change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.host import write_key
from tests.lab.lab import Lab
from tests.stories.conftest import Hire
from tests.stories.operator import Ending, Operator
from tests.stories.strangers import GREETINGS, answering
from tests.stories.traces import log_of

pytestmark = pytest.mark.lab

Change = Callable[[dict[str, Any]], object]


def on_the_second_host(change: Change) -> Callable[[dict[str, Any]], object]:
    return lambda document: change(document["environments"]["lab"]["hosts"][1])


def refused_by_all_commands(lab: Lab, operator: Operator) -> Ending:
    """The refusal of a toggle: nothing was touched, and status shows the same in a row."""
    before = [host.snapshot() for host in lab.hosts]

    refused = operator.toggle("customer_portal", True)

    assert (refused.exit_status, refused.result) == (3, "refused"), refused.said
    assert [host.snapshot() for host in lab.hosts] == before
    assert [log_of(host) for host in lab.hosts] == [()] * len(lab.hosts)
    assert refused.error is not None
    assert refused.error.hint
    row = operator.status().hosts[1 if len(lab.hosts) > 1 else 0]
    assert row.error
    assert row.error.rstrip(".") in refused.said
    return refused


@pytest.mark.parametrize(
    ("change", "said", "next_command"),
    [
        (lambda host: host.update(key="/nonexistent/key"), "/nonexistent/key (there is no such file)", "ssh "),
        (lambda host: host.update(user="nobody-here"), "does not let nobody-here in", "ssh nobody-here@127.0.0.1 -p "),
        (lambda host: host.update(address="no-such-host.invalid"), "no-such-host.invalid", "environments.yaml"),
        (lambda host: host.update(app="/nonexistent/app"), "There is no folder /nonexistent/app", "app:"),
        (lambda host: host.update(env_file=".env.missing"), ".env.missing", "env_file:"),
        (lambda host: host.update(known_hosts=["SHA256:" + "A" * 43]), "HAS CHANGED", "known_hosts"),
    ],
    ids=["missing-key-file", "wrong-user", "unknown-name", "wrong-app", "missing-env", "wrong-pin"],
)
def test_a_wrong_setting_is_named_with_what_mends_it(
    fresh: Lab, hire: Hire, change: Change, said: str, next_command: str
) -> None:
    refused = refused_by_all_commands(fresh, hire(fresh, edit=on_the_second_host(change)))

    assert "web-2" in refused.said
    assert said in refused.said
    assert next_command in refused.said


def test_a_key_that_the_host_does_not_know_is_refused_with_the_command_to_try(
    fresh: Lab, hire: Hire, tmp_path: Path
) -> None:
    stranger = tmp_path / "stranger"
    write_key(stranger)

    refused = refused_by_all_commands(
        fresh, hire(fresh, edit=on_the_second_host(lambda host: host.update(key=str(stranger))))
    )

    assert f"Tried: {stranger}" in refused.said


@pytest.fixture
def known_hosts(fresh: Lab) -> Iterator[Path]:
    """The client's known_hosts, put back afterwards."""
    before = fresh.known_hosts.read_text()
    yield fresh.known_hosts
    fresh.known_hosts.write_text(before)


def test_an_unknown_host_key_is_refused_with_its_fingerprint_and_the_command(
    fresh: Lab, hire: Hire, known_hosts: Path
) -> None:
    port = fresh.hosts[1].ssh_port
    lines = known_hosts.read_text().splitlines(keepends=True)
    known_hosts.write_text("".join(line for line in lines if f":{port} " not in line))

    refused = refused_by_all_commands(fresh, hire(fresh))

    assert f"The host key of [127.0.0.1]:{port} is not known: ssh-ed25519 SHA256:" in refused.said
    assert "rolloutctl trust lab" in refused.said


def test_a_changed_host_key_is_refused_with_a_warning(fresh: Lab, hire: Hire, known_hosts: Path) -> None:
    first, second = fresh.hosts[:2]
    text = known_hosts.read_text()
    known_hosts.write_text(text.replace(second.public_key, first.public_key))

    refused = refused_by_all_commands(fresh, hire(fresh))

    assert f"THE HOST KEY OF [127.0.0.1]:{second.ssh_port} HAS CHANGED" in refused.said
    assert f"ssh-keygen -R '[127.0.0.1]:{second.ssh_port}'" in refused.said


def test_a_port_where_nobody_listens_is_named(fresh: Lab, hire: Hire) -> None:
    fresh.hosts[1].stop_sshd()

    refused = refused_by_all_commands(fresh, hire(fresh))

    assert f"127.0.0.1 port {fresh.hosts[1].ssh_port}: connection refused" in refused.said


@pytest.mark.parametrize("greeting", GREETINGS.values(), ids=GREETINGS)
def test_a_server_that_is_no_sshd_is_told_from_one_that_is_down(fresh: Lab, hire: Hire, greeting: bytes) -> None:
    with answering(greeting) as port:
        operator = hire(fresh, edit=on_the_second_host(lambda host: host.update(port=port)))
        refused = refused_by_all_commands(fresh, operator)

    assert f"127.0.0.1 port {port} answers, but not as an SSH server should" in refused.said


def test_a_missing_php_is_refused_and_named(fresh: Lab, hire: Hire) -> None:
    before = [host.snapshot() for host in fresh.hosts]

    refused = hire(fresh, php="/nonexistent/php").toggle("customer_portal", True)

    assert (refused.exit_status, [host.snapshot() for host in fresh.hosts]) == (3, before)
    assert "127" in refused.said
    assert "php:" in refused.said


def test_without_the_sudo_right_prepare_refuses_with_the_sudoers_line(fresh_unprivileged: Lab, hire: Hire) -> None:
    host = fresh_unprivileged.hosts[0]
    before = host.snapshot()

    refused = hire(fresh_unprivileged).toggle("customer_portal", True)

    assert (refused.exit_status, host.snapshot(), log_of(host)) == (3, before, ())
    assert "sudo" in refused.said
    assert "/etc/sudoers.d/rolloutctl: nobody ALL=(root) NOPASSWD: " in refused.said
    assert "restart-fpm.sh" in refused.said


def test_somebody_who_may_not_restart_can_still_change_where_no_step_needs_it(
    fresh_unprivileged: Lab, hire: Hire
) -> None:
    host = fresh_unprivileged.hosts[0]
    host.cache_path.unlink()
    operator = hire(fresh_unprivileged, steps=[{"name": "config cache", "builtin": "config-cache"}])

    on = operator.toggle("customer_portal", True)

    assert (on.exit_status, host.portal(), host.env_path.stat().st_uid) == (0, 200, 65534), on.said
    assert operator.rollback().exit_status == 0


def test_an_env_that_the_user_may_not_write_is_refused_with_what_mends_it(fresh_unprivileged: Lab, hire: Hire) -> None:
    host = fresh_unprivileged.hosts[0]
    host.env_path.parent.chmod(0o555)
    host.env_path.chmod(0o440)
    before = host.snapshot()
    try:
        operator = hire(fresh_unprivileged, steps=[{"name": "config cache", "builtin": "config-cache"}])
        refused = operator.toggle("customer_portal", True)
    finally:
        host.env_path.parent.chmod(0o755)

    assert (refused.exit_status, host.snapshot()) == (3, before)
    assert ".env cannot be written by the user nobody" in refused.said


def test_a_state_folder_that_others_may_write_refuses_a_widening(fresh: Lab, hire: Hire) -> None:
    host = fresh.hosts[1]
    host.state_dir.mkdir()
    host.state_dir.chmod(0o777)
    before = host.snapshot()

    refused = hire(fresh).toggle("customer_portal", True)

    assert (refused.exit_status, host.snapshot(), log_of(host)) == (3, before, ())
    assert f"chmod go-w {host.state_dir}" in refused.said
