"""Marks on a rollout's way on real hosts: written while changes go on, found again; and commands that are run there."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from rolloutctl.contracts import Session
from rolloutctl.rules.records import Record
from rolloutctl.rules.refusals import why_unrecorded
from rolloutctl.workflows.tools import Options
from tests.lab.lab import Lab
from tests.stories.conftest import Hire
from tests.stories.operator import Operator
from tests.stories.traces import events_of, log_of, slow_steps, until

pytestmark = pytest.mark.lab

RUNS = """
import sys
from pathlib import Path
from rolloutctl.outside.opening import open_session
from rolloutctl.outside.yaml_file import load
host = load(Path(sys.argv[1])).environment("lab").hosts[0]
open_session(host, lambda _event: None).run("echo $$ >running; sleep 300 & sleep 300", 300)
"""


@contextmanager
def sessions(operator: Operator) -> Iterator[list[Session]]:
    """A session with each host."""
    environment = operator.tools.configuration.environment("lab")
    opened = []
    try:
        for host in environment.hosts:
            opened.append(operator.tools.sessions(host, operator.seen.append))
            opened[-1].prime(environment, operator.tools.configuration.flags.values())
        yield opened
    finally:
        for session in opened:
            session.close()


def sign(session: Session, who: str) -> str:
    """Sign off; why that was not written."""
    fields = {"event": "sign-off", "action": "signed", "flag": "customer_portal", "role": "qa", "actor": who}
    return why_unrecorded(session.append(fields))


def sign_everywhere(operator: Operator, who: str) -> list[str]:
    with sessions(operator) as opened:
        return [sign(session, who) for session in opened]


def test_a_sign_off_waits_neither_for_a_change_nor_for_one_that_is_provisional(fresh: Lab, hire: Hire) -> None:
    operator, other = (hire(fresh, steps=slow_steps(fresh.hosts[0])) for _ in range(2))
    signed: list[str] = []
    for host in fresh.hosts[:2]:
        operator.when(host.name, "swapped", lambda: signed.extend(sign_everywhere(other, "anna")))

    held = operator.toggle("customer_portal", True, Options(confirm_within=300))

    assert (held.exit_status, signed) == (0, [""] * 6), held.said
    assert sign_everywhere(other, "bert") == [""] * 3
    assert operator.confirm().exit_status == 0
    for host in fresh.hosts:
        events = events_of(host)
        assert [event for event in events if event != "sign-off"] == ["started", "provisional", "kept"]
        assert events.count("sign-off") == 3
        assert [record.line for record in found_on(other)[host.name]] == [record.line for record in log_of(host)]
    assert [each.problem for each in operator.verify()] == [None] * 3


def found_on(operator: Operator) -> dict[str, tuple[Record, ...]]:
    with sessions(operator) as opened:
        return {session.host.name: session.records_of("customer_portal") for session in opened}


def test_two_who_sign_at_the_same_moment_leave_one_chain(fresh: Lab, hire: Hire) -> None:
    operators = [hire(fresh) for _ in range(3)]
    with ThreadPoolExecutor() as pool:
        signed = list(pool.map(sign_everywhere, operators, ("anna", "bert", "cleo")))
    assert signed == [[""] * 3] * 3
    assert [events_of(host) for host in fresh.hosts] == [["sign-off"] * 3] * 3
    assert [each.problem for each in operators[0].verify()] == [None] * 3


def test_somebody_who_keeps_the_log_stops_no_switch_off(fresh: Lab, hire: Hire) -> None:
    host = fresh.hosts[0]
    operator = hire(fresh, hosts=[host])
    assert operator.toggle("customer_portal", True).exit_status == 0
    (log,) = host.state_dir.glob("*/*/audit.jsonl")
    with log.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        off = operator.toggle("customer_portal", False)
        assert (off.exit_status, host.portal()) == (0, 404), off.said
    assert [fields["event"] for fields in operator.mirror.owed("lab", "web-1")] == ["started", "kept"]
    assert [each.problem for each in operator.verify()] == [None]


def test_a_command_runs_in_the_application_and_ends_with_its_client(fresh: Lab, hire: Hire) -> None:
    host = fresh.hosts[0]
    operator = hire(fresh, hosts=[host])
    with sessions(operator) as (session,):
        session.look(content=True)
        ran = session.run("pwd; grep APP_KEY .env; ls -l /proc/self/fd >&2", 10)
    assert (ran.status, ran.output.splitlines()[0], ran.shown.splitlines()[-1]) == (0, str(host.app), "APP_KEY=•••")
    assert "lock" not in ran.trouble

    client = subprocess.Popen(
        [sys.executable, "-c", RUNS, str(operator.configuration)],
        env={**os.environ, **fresh.client_env(), "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    running = host.app / "running"
    until(running.exists, "the command's beginning")
    client.kill()
    client.wait()
    until(lambda: not host.leftovers(), "the end of all that was started")
    running.unlink()
