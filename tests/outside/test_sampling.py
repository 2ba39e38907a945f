"""What a watch asks a host in one go: real sessions on this machine, under each shell."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from rolloutctl.outside.session import RemoteSession
from rolloutctl.rules.log_command import settings
from rolloutctl.rules.log_following import Place, read
from rolloutctl.rules.metrics import FromCommand, Metric
from rolloutctl.rules.records import read_object
from rolloutctl.rules.round_line import ask_command, ask_requests, look_at, outputs, round_line, see_changes
from rolloutctl.rules.work import read_answers
from tests.lab.processes import end, wait_until
from tests.outside.machines import SECRET, SHELLS, Machine, installed, machine_in

MARK = "k3j9x2q1"
LOG = "storage/logs/laravel.log"
ENTRY = "[2025-11-24 09:00:00] production.ERROR: portal failed\n"


@pytest.fixture(params=[shell for shell in SHELLS if installed(shell)])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machine]:
    machine = machine_in(tmp_path, request.param)
    (machine.app / LOG).parent.mkdir(parents=True)
    (machine.app / LOG).write_text(ENTRY)
    yield machine
    machine.leave()


def command(run: str) -> str:
    return ask_command(Metric(name="m", source=FromCommand(run=run), timeout=5.0), MARK)


def test_one_line_asks_for_all_and_each_part_is_told_apart(machine: Machine) -> None:
    php = machine.folder / "php"
    php.write_text('#!/bin/sh\n[ "$2" = -r ] && exit 1\necho "$1 $3"; cat "$4"\n')  # without a -n that would do
    php.chmod(0o755)
    machine.host = replace(machine.host, php=str(php))
    session = machine.session(content=True)
    place = Place()

    def sample() -> tuple[tuple[int, str], ...]:
        look = settings(LOG, place, 10_000)
        parts = [see_changes(".env", MARK), look_at(look, MARK), command("pwd; exit 3"), command("cat; echo 7")]
        ran = session.sample(round_line([*parts, ask_requests(MARK)]), [{"id": "health"}], 30)
        assert ran.status == 0
        return outputs(ran.output, MARK, 5)

    for _ in range(3):
        changed, looked, failed, well, asked = sample()
        place = read(place, LOG, looked[1]).place
    assert (changed[0], failed, well) == (1, (3, f"{machine.app}\n"), (0, "7\n"))
    assert asked == (0, '-dopcache.enable_cli=0 ask\n{"requests":[{"id":"health"}]}')
    with (machine.app / LOG).open("a") as log:
        log.write(ENTRY * 2)
    later = time.time() + 5
    os.utime(machine.app / ".env", (later, later))
    changed, looked, *_ = sample()
    assert changed[0] == 0
    assert read(place, LOG, looked[1]).text == ENTRY  # the newest one may still grow


def test_nothing_of_it_is_told_to_anybody(machine: Machine) -> None:
    session = machine.session(content=True)
    said = len(session.said)
    ran = session.sample(round_line([command(f"echo {SECRET}")]), [], 10)
    assert outputs(ran.output, MARK, 1) == ((0, f"{SECRET}\n"),)
    assert SECRET not in repr((ran, session.said, machine.told))
    assert len(session.said) == said
    assert session.secrets is not None
    assert session.secrets.clean(f"key {SECRET}") == "key •••"
    assert machine.session().secrets is None


def test_what_takes_too_long_is_ended_with_all_that_it_started(machine: Machine) -> None:
    session = machine.session()
    begun = time.monotonic()
    ran = session.sample(f"echo @{MARK}\n(sleep 300 & echo $! >pid; wait) & wait", [], 1)
    assert ran.status == 124
    assert time.monotonic() - begun < 10
    assert outputs(ran.output, MARK, 1) == ((255, ""),)
    pid = (machine.app / "pid").read_text().strip()
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), "the sleep has ended")
    assert outputs(session.sample(round_line([command("echo 1")]), [], 10).output, MARK, 1) == ((0, "1\n"),)


@pytest.fixture
def with_php(machine: Machine) -> Machine:
    php = shutil.which("php")
    if php is None:
        pytest.skip("php is not installed")
    machine.host = replace(machine.host, php=php)
    return machine


def asked(session: RemoteSession, *names: str, more: str = ":") -> list[str]:
    """The names of the requests that are answered; nobody listens there."""
    requests = [
        {
            "id": name,
            "scheme": "http",
            "host": "x",
            "addresses": ["127.0.0.1:1"],
            "path": "/",
            "headers": {},
            "expect": [200],
            "json": {},
            "within": 0.0,
            "timeout": 1.0,
        }
        for name in names
    ]
    ran = session.sample(round_line([ask_requests(MARK), more]), requests, 2)
    ((_, answer),) = outputs(ran.output, MARK, 1)
    return [each.id for each in read_answers(read_object(answer))]


def askers(machine: Machine) -> list[int]:
    return [each.pid for each in machine.processes if "host.php serve" in each.command]


def test_one_php_asks_for_a_whole_session(with_php: Machine) -> None:
    session = with_php.session()
    assert asked(session, "health", "p95") == ["health", "p95"]
    (pid,) = askers(with_php)
    assert asked(session, "login") == ["login"]
    assert askers(with_php) == [pid]
    session.close()
    wait_until(lambda: not askers(with_php), "it has ended with its session")


def test_an_answer_is_never_one_to_another_question(with_php: Machine) -> None:
    session = with_php.session()
    assert asked(session, "health") == ["health"]
    end(askers(with_php))  # as when the memory was short
    assert asked(session, "p95") == ["p95"]
    (pid,) = askers(with_php)
    assert asked(session, "late", more="sleep 9") == ["late"]  # its time is over behind the answer
    assert asked(session, "login") == ["login"]
    assert askers(with_php) != [pid]


def test_it_outlives_a_killed_session_by_seconds_only(with_php: Machine) -> None:
    assert asked(with_php.session(), "health") == ["health"]
    assert askers(with_php)
    end(each.pid for each in with_php.processes if "host.php" not in each.command)
    wait_until(lambda: not askers(with_php), "nobody is left to ask for")
    for left in with_php.folder.glob("state/*/*/rolloutctl.*"):
        shutil.rmtree(left)  # a killed session can't
