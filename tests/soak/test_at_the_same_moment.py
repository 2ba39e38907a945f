"""Operators who list the hosts in different orders: nobody waits for ever, and each change has its own arbiter."""

from __future__ import annotations

import os
import signal

import pytest

from rolloutctl.workflows.tools import Options
from tests.lab.lab import Lab, LabHost
from tests.lab.processes import end, wait_until
from tests.soak.ground import Ground
from tests.soak.invariants import check
from tests.soak.play import Played, play
from tests.soak.script import BULK, PORTAL, Order, Script
from tests.stories.conftest import Hire
from tests.stories.operator import Beside
from tests.stories.traces import events_of, log_of, portals

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("soak"), pytest.mark.timeout(300)]

ORDERS = (("web-1", "web-2", "web-3"), ("web-3", "web-1", "web-2"))
PATIENT = ("--wait", "60s")


def at_once(ground: Ground, one: tuple[str, ...], other: tuple[str, ...], *, on: bool) -> tuple[Played, list[int]]:
    """Two clients that start at the same moment; how it was played, and their exit statuses."""
    orders = tuple(Order(number, 0, ("toggle", "lab", *words)) for number, words in enumerate((one, other)))
    played = play(Script(0, ORDERS, orders, (), on), ground)
    return played, [ended.status for ended in sorted(played.ended, key=lambda ended: ended.operator)]


def seen(ground: Ground) -> list[tuple[int, int]]:
    return [(host.portal(), host.get("/bulk")[0]) for host in ground.lab.hosts]


def test_two_widenings_that_wait_both_arrive(ground: Ground) -> None:
    played, exits = at_once(ground, (PORTAL, "true", *PATIENT), (BULK, "true", *PATIENT), on=False)

    assert (exits, seen(ground)) == ([0, 0], [(200, 200)] * 3), played.log()
    arbiters = {(record.flag, record.data["arbiter"]) for host in ground.lab.hosts for record in log_of(host)}
    assert arbiters == {(PORTAL, "web-1"), (BULK, "web-3")}


def test_a_switch_off_beside_a_widening_arrives_whatever_becomes_of_that(ground: Ground) -> None:
    played, exits = at_once(ground, (PORTAL, "true", "--companies", "15", *PATIENT), (BULK, "false"), on=True)

    check(played)
    assert (exits[1], [bulk for _, bulk in seen(ground)], played.problems) == (0, [404] * 3, []), played.log()


def test_two_switch_offs_both_arrive(ground: Ground) -> None:
    played, exits = at_once(ground, (PORTAL, "false"), (BULK, "false"), on=True)

    assert (exits, seen(ground)) == ([0, 0], [(404, 404)] * 3), played.log()


def holder_of(host: LabHost) -> list[str]:
    """The lines of who holds a host's lock: process and its start, phase, who."""
    return [line for path in host.state_dir.glob("*/*/holder") for line in path.read_text().splitlines()]


def test_a_lock_that_somebody_has_only_just_taken_is_tried_again_without_being_asked(fresh: Lab, hire: Hire) -> None:
    first, _, third = fresh.hosts
    one, other = hire(fresh, hosts=[first, third]), hire(fresh, hosts=[first])
    with third.pause("unlocked") as pause:
        colliding = Beside(lambda: one.toggle(PORTAL, True))
        pause.reached()
        wait_until(lambda: holder_of(first)[1:2] == ["waiting"], "the lock of web-1 alone")
        other.when("web-1", "busy", lambda: os.kill(int(holder_of(first)[0].split()[0]), signal.SIGTERM))

        arrived = other.toggle(BULK, True)

    assert (arrived.exit_status, colliding.result().exit_status) == (0, 3), arrived.said + colliding.result().said
    assert [event.kind for _, event in other.desk.events if event.kind in {"busy", "locked"}] == ["busy", "locked"]


def test_an_interrupted_change_follows_its_own_arbiter_and_not_the_first_host_of_whoever_settles_it(
    fresh: Lab, hire: Hire
) -> None:
    first, second, third = fresh.hosts
    one, other = hire(fresh, hosts=[third, first, second]).impatient(), hire(fresh)
    with first.pause("deciding") as pause:
        widening = Beside(lambda: one.toggle(PORTAL, True))
        pause.reached()
        first.stop_sshd()
        end(process.pid for process in first.leftovers())
    doubtful = widening.result()
    first.start_sshd()

    settled = other.toggle(BULK, True, Options(wait=10))

    assert (doubtful.exit_status, "web-1" in doubtful.said) == (5, True), doubtful.said
    assert (settled.exit_status, portals(fresh)) == (0, [200] * 3), settled.said
    assert [events_of(host) for host in fresh.hosts] == [["started", "kept"] * 2] * 3
    assert other.status().well
