"""Confirm or revert: a widening that the hosts hold by themselves, and put back unless somebody confirms it in time."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from rolloutctl.rules.plans import Wish
from rolloutctl.workflows.tools import Options
from tests.lab.lab import Lab, LabHost
from tests.lab.processes import end, processes
from tests.stories.conftest import Hire
from tests.stories.operator import Beside, Ending, Operator
from tests.stories.traces import contents, events_of, line_in, log_of, portals, session_of, until

pytestmark = pytest.mark.lab

KEY = "FEATURE_CUSTOMER_PORTAL"
HELD = {"web-1": "provisional", "web-2": "provisional", "web-3": "provisional"}
KEPT = {"web-1": "kept", "web-2": "kept"}
BACK = {"web-1": "reverted", "web-2": "reverted"}
LONG = 300  # seconds that no story lasts


def provide(operator: Operator, seconds: int, wish: Wish | bool = True) -> Ending:
    return operator.toggle("customer_portal", wish, Options(confirm_within=seconds))


def ends_of(host: LabHost) -> tuple[str, str, str]:
    """The last record: its event, cause, and who decided it."""
    data = log_of(host)[-1].data
    return str(data["event"]), str(data.get("cause", "")), str(data.get("decided_by", {}).get("actor", ""))


def seconds_left(operator: Operator) -> list[int | None]:
    found = operator.status().provisional
    return [found.left.get(host.name) if found else None for host in operator.lab.hosts]


def note(moments: dict[str, float], name: str) -> None:
    moments[name] = time.monotonic()


def stop_once_it_waits(session: int) -> None:
    """Stop a session that has said all that it had to say."""
    stat = Path(f"/proc/{session}/stat")
    until(lambda: stat.read_text().rpartition(") ")[2].startswith("S"), "a session that waits for its client")
    os.kill(session, signal.SIGSTOP)


def hold_until_back(fresh: Lab, operator: Operator, seconds: int) -> tuple[Ending, dict[str, float]]:
    """Toggle, leave, and wait for the old `.env` everywhere: the seconds since each host said that it holds."""
    begun: dict[str, float] = {}
    for host in fresh.hosts:
        operator.when(host.name, "provisional", partial(note, begun, host.name))
    held = provide(operator, seconds)
    back: dict[str, float] = {}

    def look() -> bool:
        for host in fresh.hosts:
            if line_in(host, KEY) == "false":
                back.setdefault(host.name, time.monotonic() - begun[host.name])
        return len(back) == len(fresh.hosts)

    until(look, "every host going back")
    return held, back


def test_nobody_confirms_and_every_host_goes_back_by_itself_within_a_second(fresh: Lab, hire: Hire) -> None:
    operator, before = hire(fresh), contents(fresh)

    held, back = hold_until_back(fresh, operator, 2)  # the client has left when it returns

    assert (held.exit_status, held.result, held.hosts) == (0, "provisional", HELD)
    assert min(back.values()) > 1.5, back
    assert max(back.values()) < 3, back
    until(lambda: all(events_of(host)[-1] == "reverted" for host in fresh.hosts), "every outcome in the log")
    assert (contents(fresh), portals(fresh)) == (before, [404] * 3)
    assert {tuple(events_of(host)) for host in fresh.hosts} == {("started", "provisional", "reverted")}
    assert {ends_of(host) for host in fresh.hosts} == {("reverted", "not-confirmed", "")}
    late = operator.confirm()
    assert late.exit_status == 3
    assert f"{held.change}, customer_portal for everyone, went back" in late.said
    assert operator.status().well


def test_a_confirmation_in_time_keeps_it_and_is_recorded_with_who_gave_it(fresh: Lab, hire: Hire) -> None:
    once = {"name": "workers", "run": "echo once >> once.txt", "once": True}
    steps = [
        {"name": "config cache", "builtin": "config-cache"},
        {"name": "restart", "run": fresh.hosts[0].restart_command},
    ]
    operator, other = hire(fresh, steps=[*steps, once]), hire(fresh, steps=[*steps, once]).known_as("boss@example.com")
    held = provide(operator, LONG)
    assert not (fresh.hosts[0].app / "once.txt").exists()
    left = seconds_left(operator)
    assert all(seconds is not None and LONG - 60 < seconds <= LONG for seconds in left), left
    assert operator.status().provisional is not None
    elsewhere = hire(fresh, hosts=fresh.hosts[1:]).confirm()
    assert (elsewhere.exit_status, "was made on web-1, web-2 and web-3" in elsewhere.said) == (3, True), elsewhere.said

    twice = [Beside(other.confirm), Beside(operator.confirm)]

    assert {ending.result().exit_status for ending in twice} == {0}, [each.result().said for each in twice]
    assert portals(fresh) == [200] * 3
    assert {events_of(host)[-1] for host in fresh.hosts} == {"kept"}
    assert {ends_of(host)[1] for host in fresh.hosts} == {"confirmed"}
    assert {ends_of(host)[2] for host in fresh.hosts} <= {"boss@example.com", "tester@example.com"}
    assert (fresh.hosts[0].app / "once.txt").exists()
    assert (seconds_left(operator), operator.status().well) == ([None] * 3, True)
    assert [operator.confirm().result, operator.rollback().exit_status] == ["unchanged", 0]
    assert portals(fresh) == [404] * 3
    assert held.change in {undone for record in log_of(fresh.hosts[0]) for undone in record.data["undoes"]}
    assert [verdict.ok for verdict in operator.verify()] == [True] * 3


def test_off_in_between_wins_at_once_and_a_widening_has_to_wait(fresh: Lab, hire: Hire) -> None:
    operator, hosts = hire(fresh, hosts=fresh.hosts[:2]), fresh.hosts[:2]
    assert provide(operator, LONG).result == "provisional"

    again, more = operator.toggle("customer_portal", True), operator.toggle("bulk_export", True)

    for refused in (again, more):
        assert refused.exit_status == 3
        assert "customer_portal for everyone is provisional, by tester@example.com" in refused.said
        assert "rolloutctl confirm lab\nTo end it at once: rolloutctl toggle lab customer_portal false" in refused.said
    off = operator.toggle("customer_portal", False)
    assert (off.exit_status, off.hosts, portals(fresh)) == (0, KEPT, [404] * 3), off.said
    assert {tuple(events_of(host)) for host in hosts} == {("started", "provisional", "reverted", "started", "kept")}
    assert {log_of(host)[2].data["cause"] for host in hosts} == {"preempted"}
    assert operator.status().well


def test_a_rollback_in_between_puts_back_just_that_one(fresh: Lab, hire: Hire) -> None:
    operator, hosts = hire(fresh, hosts=fresh.hosts[:2]), fresh.hosts[:2]
    assert operator.toggle("customer_portal", Wish(True, companies=(15,))).exit_status == 0
    before = contents(fresh)
    assert provide(operator, LONG, Wish(True, companies=())).result == "provisional"
    assert portals(fresh, 42) == [200, 200, 404]

    undone = operator.rollback()

    assert (undone.exit_status, undone.result, undone.hosts, contents(fresh)) == (0, "reverted", BACK, before)
    assert (portals(fresh, 15), portals(fresh, 42)) == ([200, 200, 404], [404] * 3)
    assert {ends_of(host) for host in hosts} == {("reverted", "rolled-back", "tester@example.com")}
    assert operator.status().well


def kill_keeper(host: LabHost) -> None:
    """As a reboot would: what holds the change is gone, and nothing else."""
    pid = session_of(host)
    assert pid in {process.pid for process in host.leftovers()}
    end([pid])


def test_what_holds_it_is_killed_on_one_host_and_a_confirmation_puts_all_back(fresh: Lab, hire: Hire) -> None:
    operator, before = hire(fresh, hosts=fresh.hosts[:2]), contents(fresh)
    assert provide(operator, LONG).result == "provisional"
    kill_keeper(fresh.hosts[1])
    pending = [
        [(each.alive, each.provisional) for each in host.state.pending]
        for host in operator.status().hosts
        if host.state
    ]
    assert pending == [[(True, True)], [(False, False)]]

    confirmed = operator.confirm()

    assert (confirmed.exit_status, confirmed.result, confirmed.hosts) == (4, "reverted", BACK), confirmed.said
    assert "web-2 did not hold the change any more" in confirmed.said
    assert (contents(fresh), portals(fresh), operator.status().well) == (before, [404] * 3, True)


def test_what_holds_it_is_killed_everywhere_and_the_next_change_settles_it(fresh: Lab, hire: Hire) -> None:
    operator = hire(fresh, hosts=fresh.hosts[:2])
    assert provide(operator, LONG).result == "provisional"
    for host in fresh.hosts[:2]:
        kill_keeper(host)
    assert portals(fresh) == [200, 200, 404]
    refused = operator.confirm()
    assert refused.exit_status == 3
    assert "INTERRUPTED on web-1 and web-2" in refused.said

    undone = operator.rollback()

    assert (undone.exit_status, undone.hosts, portals(fresh)) == (0, BACK, [404] * 3), undone.said
    assert operator.status().well


def vanish(host: LabHost) -> None:
    """The network to the host goes; what runs there goes on."""
    host.cut_connections()
    host.stop_sshd()


def test_a_host_that_cannot_be_reached_keeps_a_confirmation_from_deciding_anything(fresh: Lab, hire: Hire) -> None:
    operator = hire(fresh, hosts=fresh.hosts[:2]).impatient()
    lost = fresh.hosts[1]
    assert provide(operator, LONG).result == "provisional"
    lost.stop_sshd()

    refused = operator.confirm()

    assert refused.exit_status == 3
    assert "web-2 cannot be reached" in refused.said
    assert "Nothing was decided" in refused.said
    lost.start_sshd()
    assert seconds_left(operator).count(None) == 1
    operator.when("web-1", "settled", lambda: vanish(lost))
    doubtful = operator.confirm()
    assert (doubtful.exit_status, portals(fresh)) == (5, [200, 200, 404]), doubtful.said
    assert "web-2 may have gone back" in doubtful.said
    lost.start_sshd()
    settled = operator.toggle("customer_portal", True)  # the command that it names
    assert (settled.exit_status, portals(fresh), operator.status().well) == (0, [200, 200, 404], True), settled.said
    assert {events_of(host)[-1] for host in fresh.hosts[:2]} == {"kept"}


def test_a_host_that_cannot_take_it_on_sends_all_back(fresh: Lab, hire: Hire) -> None:
    operator, before = hire(fresh, hosts=fresh.hosts[:2]), contents(fresh)
    operator.when("web-2", "holding", lambda: stop_once_it_waits(session_of(fresh.hosts[1])))
    operator.when("web-1", "provisional", lambda: end([session_of(fresh.hosts[1])]))

    failed = provide(operator, LONG)

    assert (failed.exit_status, failed.hosts) == (4, BACK), failed.said
    assert "web-2 could not hold the change by itself" in failed.said
    assert (contents(fresh), portals(fresh), operator.status().well) == (before, [404] * 3, True)


@pytest.fixture
def shared_connection(fresh: Lab) -> Iterator[None]:
    """A client whose ssh keeps connections open for whoever comes next."""
    with tempfile.TemporaryDirectory(prefix="cm-") as folder:
        config = fresh.client / ".ssh" / "config"
        shared = f"ControlMaster auto\n  ControlPersist 60\n  ControlPath {folder}/%C\n"
        config.write_text(f"Host *\n  UserKnownHostsFile {fresh.known_hosts}\n  {shared}")
        yield
        config.unlink()
        masters = [process.pid for process in processes().values() if process.command.startswith(f"ssh: {folder}/")]
        end(masters)


@pytest.mark.usefixtures("shared_connection")
@pytest.mark.parametrize("connection", ["openssh", "local"])
def test_it_lives_on_whatever_the_connection_was(fresh: Lab, hire: Hire, connection: str) -> None:
    web = fresh.hosts[0]
    operator = hire(fresh, hosts=[web], connection=connection)

    assert provide(operator, LONG).result == "provisional"

    assert (web.portal(), session_of(web) in {process.pid for process in web.leftovers()}) == (200, True)
    confirmed = operator.confirm()
    assert (confirmed.exit_status, events_of(web)) == (0, ["started", "provisional", "kept"]), confirmed.said
