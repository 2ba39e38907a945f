"""Connections, clients and sessions that die in the middle of a widening: all or nothing, and never a lie."""

from __future__ import annotations

import os
import signal

import pytest

from rolloutctl.rules.plans import Wish
from tests.lab.lab import Lab, LabHost, Snapshot
from tests.lab.processes import end, processes, with_descendants
from tests.stories.client import start
from tests.stories.conftest import Hire
from tests.stories.operator import Ending
from tests.stories.traces import BRIEF, contents, events_of, line_in, log_of, portals, session_of, slow_steps, until

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
    end([connection])


@pytest.mark.parametrize("moment", ["record", "swapped", "committed"])
def test_a_killed_session_of_the_canary_is_settled(fresh: Lab, hire: Hire, moment: str) -> None:
    operator, canary = hire(fresh), fresh.hosts[0]
    before = contents(fresh)
    operator.when("web-1", moment, lambda: os.kill(session_of(canary), signal.SIGKILL))

    ended = operator.toggle("customer_portal", True)

    assert_all_or_none(fresh, before, ended)


def test_an_interrupted_change_shows_as_pending_and_the_next_toggle_settles_it(fresh: Lab, hire: Hire) -> None:
    operator, canary = hire(fresh, steps=slow_steps(fresh.hosts[0])), fresh.hosts[0]
    with start(fresh, operator.configuration, "customer_portal", (1, 1)) as client:
        until(lambda: line_in(canary, KEY) == "true", "the canary's swap")
        kill_session(canary)
        client.kill()

    seen = operator.status()
    pending = [[(each.alive, each.fields["flag"]) for each in host.state.pending] for host in seen.hosts if host.state]
    assert (pending, seen.well) == ([[(False, "customer_portal")], [], []], False)
    on = operator.toggle("customer_portal", Wish(True, companies=(15,)))
    assert (on.exit_status, portals(fresh, 15), portals(fresh, 1)) == (0, [200] * 3, [404] * 3)
    assert events_of(canary) == ["started", "reverted", "started", "kept"]
    assert operator.status().well


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
    settled = operator.toggle("customer_portal", True)
    assert (settled.exit_status, portals(fresh), operator.status().doubts) == (0, [200] * 3, ())


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
