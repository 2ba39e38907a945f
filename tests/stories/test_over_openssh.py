"""A whole change over the machine's own ssh: on, off, status and rollback; cut off, and killed in the middle."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.lab.lab import Lab, LabHost
from tests.lab.processes import Process, end, processes
from tests.stories.client import start
from tests.stories.conftest import Hire
from tests.stories.operator import Operator
from tests.stories.traces import events_of, line_in, log_of, slow_steps, timeless, until

pytestmark = pytest.mark.lab

KEY = "FEATURE_CUSTOMER_PORTAL"
HireOne = Callable[..., Operator]


@pytest.fixture
def web(fresh: Lab) -> Iterator[LabHost]:
    """One host, and a client whose ~/.ssh/config says where its known_hosts is."""
    config = fresh.client / ".ssh" / "config"
    config.write_text(f"Host *\n  UserKnownHostsFile {fresh.known_hosts}\n")
    yield fresh.hosts[0]
    config.unlink()


@pytest.fixture
def hire_one(fresh: Lab, hire: Hire, web: LabHost) -> HireOne:
    return lambda **settings: hire(fresh, hosts=[web], connection="openssh", **settings)


def clients_of(web: LabHost) -> list[Process]:
    """The ssh processes that lead to a host."""
    return [
        each
        for each in processes().values()
        if each.command.startswith("ssh ") and f"-p {web.ssh_port} " in each.command
    ]


def command(lab: Lab, operator: Operator, *words: str) -> tuple[int, dict[str, Any]]:
    """The real command's exit status and JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "rolloutctl", "--config", str(operator.configuration), *words, "--json"],
        env=lab.client_env(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr
    return done.returncode, json.loads(done.stdout)


def test_the_real_command_switches_on_and_off_over_ssh(fresh: Lab, web: LabHost, hire_one: HireOne) -> None:
    operator = hire_one()

    on, change = command(fresh, operator, "toggle", "lab", "customer_portal", "true", "--yes")
    assert (on, change["change"]["result"], web.portal()) == (0, "kept", 200)
    off, change = command(fresh, operator, "toggle", "lab", "customer_portal", "false", "--yes")

    assert (off, change["change"]["result"], web.portal()) == (0, "kept", 404)
    assert operator.status().well
    assert clients_of(web) == []


def test_a_cut_connection_is_settled_over_another_one(web: LabHost, hire_one: HireOne) -> None:
    operator, before = hire_one(), timeless(web.snapshot())
    operator.when("web-1", "swapped", web.cut_connections)

    ended = operator.toggle("customer_portal", True)

    assert ended.exit_status in {0, 4}, ended.said
    if ended.exit_status == 0:
        assert (web.portal(), events_of(web)[-1]) == (200, "kept")
    else:
        assert (timeless(web.snapshot()), web.portal(), events_of(web)[-1]) == (before, 404, "reverted")


def test_a_killed_ssh_is_settled_over_another_one(web: LabHost, hire_one: HireOne) -> None:
    operator = hire_one()
    operator.when("web-1", "committed", lambda: end(process.pid for process in clients_of(web)))

    ended = operator.toggle("customer_portal", True)

    assert ended.exit_status in {0, 4}, ended.said
    assert (web.portal(), events_of(web)[-1]) == ((200, "kept") if ended.exit_status == 0 else (404, "reverted"))


def test_a_killed_client_leaves_the_host_as_it_was_and_no_ssh_behind(
    fresh: Lab, web: LabHost, hire_one: HireOne
) -> None:
    before = timeless(web.snapshot())
    operator = hire_one(steps=slow_steps(web))
    with start(fresh, operator.configuration, "customer_portal", (1, 1)) as client:
        until(lambda: line_in(web, KEY) == "true", "the swap")
        client.kill()

    until(lambda: events_of(web)[-1:] == ["reverted"], "the host going back")
    assert (timeless(web.snapshot()), web.portal()) == (before, 404)
    assert [str(record.data.get("cause", "")) for record in log_of(web)] == ["", "client-gone"]
    until(lambda: clients_of(web) == [], "the end of ssh")
