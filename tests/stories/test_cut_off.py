"""Connections, clients and sessions that die in the middle of a widening: all or nothing, and never a lie."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from rolloutctl.rules.plans import Wish
from tests.lab.lab import Lab, LabHost, Snapshot
from tests.lab.pausing import Moment
from tests.lab.processes import end, processes, with_descendants
from tests.stories.client import start
from tests.stories.conftest import Hire
from tests.stories.operator import Ending, Operator
from tests.stories.traces import (
    BRIEF,
    contents,
    events_of,
    line_in,
    log_of,
    portals,
    session_of,
    slow_steps,
    timeless,
    until,
)

pytestmark = pytest.mark.lab

KEY = "FEATURE_CUSTOMER_PORTAL"


def causes_of(host: LabHost) -> list[tuple[str, str]]:
    return [(record.event, str(record.data.get("cause", ""))) for record in log_of(host)]


@pytest.mark.parametrize("moment", ["swapped", "committed"])
@pytest.mark.parametrize("index", [0, 1])
def test_a_cut_connection_is_settled_over_another_one(fresh: Lab, hire: Hire, moment: str, index: int) -> None:
    operator, host = hire(fresh), fresh.hosts[index]
    before = contents(fresh)
    operator.when(host.name, moment, host.cut_connections)

    ended = operator.toggle("customer_portal", True)

    assert_all_or_none(fresh, before, ended)


def assert_all_or_none(lab: Lab, before: list[Snapshot], ended: Ending) -> None:
    assert ended.exit_status in {0, 4}, ended.said
    if ended.exit_status == 0:
        assert portals(lab) == [200] * 3
    else:
        assert (contents(lab), portals(lab)) == (before, [404] * 3)
    assert len({events_of(host)[-1] for host in lab.hosts if events_of(host)}) == 1


def vanish(hosts: list[LabHost]) -> None:
    """The network to these hosts goes; what runs on them goes on."""
    for host in hosts:
        host.cut_connections()
        host.stop_sshd()


def test_hosts_that_cannot_be_reached_again_go_back_by_themselves(fresh: Lab, hire: Hire) -> None:
    operator = hire(fresh).impatient()
    before = contents(fresh)
    operator.when("web-1", "committed", lambda: vanish(fresh.hosts))

    doubtful = operator.toggle("customer_portal", True)

    assert doubtful.exit_status in {4, 5}, doubtful.said
    until(lambda: contents(fresh) == before and portals(fresh) == [404] * 3, "every host back by itself")
    for host in fresh.hosts:
        host.start_sshd()
    assert operator.status().well


def test_a_killed_client_leaves_no_host_changed_and_the_record_says_why(fresh: Lab, hire: Hire) -> None:
    before = contents(fresh)
    operator = hire(fresh, steps=slow_steps(fresh.hosts[0]))
    with start(fresh, operator.configuration, "customer_portal", (1, 1)) as client:
        until(lambda: line_in(fresh.hosts[0], KEY) == "true", "the canary's swap")
        client.kill()

    until(lambda: events_of(fresh.hosts[0])[-1:] == ["reverted"], "the canary going back")
    assert (contents(fresh), portals(fresh)) == (before, [404] * 3)
    assert causes_of(fresh.hosts[0]) == [("started", ""), ("reverted", "client-gone")]
    assert operator.status().well


def kill_session(host: LabHost) -> None:
    """SIGKILL for a host's session and all that it started, as a power cut would."""
    pid = session_of(host)
    connection = processes()[pid].parent
    end(process.pid for process in with_descendants(pid, processes()))
    end([connection] if connection > 1 else [])  # the connection may have gone before


@pytest.mark.parametrize("moment", ["record", "swapped", "committed"])
def test_a_killed_session_of_the_canary_is_settled(fresh: Lab, hire: Hire, moment: str) -> None:
    operator, canary = hire(fresh), fresh.hosts[0]
    before = contents(fresh)
    operator.when("web-1", moment, lambda: os.kill(session_of(canary), signal.SIGKILL))

    ended = operator.toggle("customer_portal", True)

    assert_all_or_none(fresh, before, ended)


def cut_off(operator: Operator, host: LabHost, moment: Moment) -> None:
    """A widening for company 1 begins on a host, which loses power at a moment; so does the client."""
    with host.pause(moment) as pause, start(operator.lab, operator.configuration, "customer_portal", (1, 1)) as client:
        pause.reached()
        client.kill()
        kill_session(host)


def typed(operator: Operator, *words: str) -> tuple[int, str]:
    """A command as somebody types it, with its exit status and all that it says, in one line."""
    command = [sys.executable, "-m", "rolloutctl", "--config", str(operator.configuration), *words]
    environment = {**os.environ, **operator.lab.client_env(), "COLUMNS": "400"}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    operator.seen.append((ran.stdout, ran.stderr))
    return ran.returncode, " ".join((ran.stdout + ran.stderr).split())


def command_in(said: str) -> list[str]:
    """The last command of ours in a text, without its first word."""
    commands: list[str] = re.findall(r"rolloutctl (toggle lab \w+ (?:true --companies [\w,]+|true|false))", said)
    return commands[-1].split()


@pytest.mark.parametrize(
    ("moment", "stood"),
    [
        ("intent", None),
        ("swapping", ("false", False)),
        ("between", ("true", False)),
        ("restarting", ("true", True)),
        ("deciding", ("true", True)),
    ],
)
def test_a_power_cut_is_shown_and_settled_first_by_whatever_comes_next(
    fresh: Lab, hire: Hire, moment: Moment, stood: tuple[str, bool] | None
) -> None:
    host = fresh.hosts[0]
    operator = hire(fresh, hosts=[host])
    before = timeless(host.snapshot())

    cut_off(operator, host, moment)

    seen = operator.status()
    pending = [(each.alive, each.fields["flag"]) for each in (seen.hosts[0].state or pytest.fail("unread")).pending]
    if stood is None:  # nothing was recorded, and nothing begun
        assert (pending, timeless(host.snapshot()), events_of(host)) == ([], before, [])
        assert operator.toggle("bulk_export", True).exit_status == 0
        return
    cached = b"'customer_portal' => true" in host.cache_path.read_bytes()
    assert (pending, seen.well, (line_in(host, KEY), cached)) == ([(False, "customer_portal")], False, stood)
    if moment == "between":
        status, said = typed(operator, "status", "lab", "--check")
        assert (status, "INTERRUPTED: change " in said) == (6, True)
        assert "customer_portal for company 1, by customer_portal@example.com, since " in said
        assert "The next toggle or rollback puts it back first:" in said
        assert command_in(said) == ["toggle", "lab", "customer_portal", "false"]

    settling: dict[str, Callable[[], Ending]] = {
        "swapping": lambda: operator.toggle("bulk_export", True),
        "between": operator.rollback,
        "restarting": lambda: operator.toggle("customer_portal", False),
        "deciding": lambda: operator.toggle("customer_portal", Wish(True, companies=(15,))),
    }
    ended = settling[moment]()

    assert ended.exit_status == 0, ended.said
    assert "(customer_portal, by customer_portal@example.com) was put back first" in ended.notes
    assert events_of(host)[:2] == ["started", "reverted"]
    assert (host.portal(1), host.portal(15)) == (404, 200 if moment == "deciding" else 404)
    assert (operator.status().well, [each.ok for each in operator.verify()]) == (True, [True])


def test_two_hosts_that_ended_differently_are_named_in_doubt_and_settled(fresh: Lab, hire: Hire) -> None:
    operator, others = hire(fresh).impatient(), fresh.hosts[1:]
    operator.when("web-1", "kept", lambda: vanish(others))

    doubtful = operator.toggle("customer_portal", True)

    until(lambda: portals(fresh) == [200, 404, 404], "the others going back by themselves")
    assert doubtful.exit_status == 5
    assert "web-2" in doubtful.said
    assert "web-3" in doubtful.said
    for host in others:
        host.start_sshd()
    assert [change.id for change in operator.status().doubts] == [doubtful.change]
    shown = typed(operator, "status", "lab")[1]
    assert f"IN DOUBT: change {doubtful.change} was kept on web-1, reverted on web-2 and web-3." in shown
    assert command_in(doubtful.said) == command_in(shown) == command_in(operator.toggle("bulk_export", True).notes)
    assert typed(operator, *command_in(doubtful.said), "--yes")[0] == 0
    assert (portals(fresh), operator.status().doubts, operator.status().well) == ([200] * 3, (), True)


def test_what_is_only_asked_for_tells_that_an_interrupted_change_comes_first(fresh: Lab, hire: Hire) -> None:
    host = fresh.hosts[0]

    def to_deploy(document: dict[str, Any]) -> None:
        document["environments"]["lab"]["deploy"] = {"steps": [{"builtin": "steps"}]}

    operator = hire(fresh, hosts=[host], edit=to_deploy)
    cut_off(operator, host, "between")
    assert (line_in(host, KEY), operator.status().well) == ("true", False)

    toggle = ("toggle", "lab", "customer_portal")
    for words in (
        (*toggle, "true", "--companies", "1", "--dry-run"),
        ("toggle", "lab", "bulk_export", "true", "--dry-run"),
        ("rollback", "lab", "--dry-run"),
        ("deploy", "lab", "--plan"),
    ):
        status, told = typed(operator, *words)
        assert (status, "is put back, or finished, before anything new begins" in told) == (3, True), told
        assert f"The same without {words[-1]} settles it first" in told
    status, told = typed(operator, *toggle, "false", "--dry-run")
    assert (status, "(customer_portal, by customer_portal@example.com) comes first" in told) == (0, True), told
    assert line_in(host, KEY) == "true"  # nothing of all that touched it

    status, told = typed(operator, *toggle, "true", "--companies", "1", "--yes")
    assert (status, "(customer_portal, by customer_portal@example.com) was put back first" in told) == (0, True), told
    assert (portals(fresh, 1)[0], portals(fresh, 2)[0], operator.status().well) == (200, 404, True)


def test_a_widening_that_a_switch_off_overtakes_says_so(fresh: Lab, hire: Hire) -> None:
    one, other = hire(fresh, hosts=fresh.hosts[:1]), hire(fresh, hosts=fresh.hosts[:1])
    one.when("web-1", "committed", lambda: other.toggle("customer_portal", False))

    ended = one.toggle("customer_portal", True)

    assert (ended.exit_status, portals(fresh)) == (4, [404] * 3)
    assert "On web-1 a switch-off came first, so web-1 was put back." in ended.said


def test_a_session_killed_while_it_goes_back_is_put_back_with_a_restart(fresh: Lab, hire: Hire) -> None:
    canary, before = fresh.hosts[0], contents(fresh)
    steps = slow_steps(canary)
    operator = hire(fresh, health=BRIEF, steps=steps)
    canary.make_ill("customer_portal")

    def kill_when_the_files_are_back() -> None:
        until(lambda: line_in(canary, KEY) == "false", "the old .env")
        kill_session(canary)

    operator.when("web-1", "going-back", kill_when_the_files_are_back)

    failed = operator.toggle("customer_portal", True)

    assert (failed.exit_status, contents(fresh)) == (4, before), failed.said
    assert (portals(fresh), canary.get("/health")[0], operator.status().well) == ([404] * 3, 200, True)


def test_a_doubt_about_hosts_that_stand_alike_is_settled_by_the_command_it_names(fresh: Lab, hire: Hire) -> None:
    lost, pilots = fresh.hosts[1], Wish(True, companies=(15, 42))
    one, other = hire(fresh), hire(fresh, steps=slow_steps(lost)).known_as("faster@example.com").impatient()
    assert one.toggle("bulk_export", True).exit_status == 0
    assert one.toggle("customer_portal", Wish(True, companies=())).exit_status == 0

    def lose_a_host() -> None:
        pid = session_of(lost)
        lost.stop_sshd()
        end([pid])

    def somebody_is_faster() -> None:
        other.when(lost.name, "swapped", lose_a_host)
        assert other.toggle("customer_portal", pilots).exit_status == 5
        lost.start_sshd()

    one.before_agreeing(somebody_is_faster)
    one.toggle("bulk_export", False)

    (doubt,) = one.status().doubts
    assert doubt.ends == {"web-1": "kept", "web-2": "reverted", "web-3": "kept"}
    assert portals(fresh, 7) == [404] * 3
    assert one.toggle("customer_portal", pilots).result == "kept"
    assert one.status().doubts == ()
    assert one.toggle("customer_portal", pilots).result == "unchanged"
