"""The emergency brake: switching off works on every host that can be reached, whatever else is wrong there."""

from __future__ import annotations

import time

import pytest

from rolloutctl.rules.plans import Wish
from rolloutctl.rules.records import verify
from tests.lab.lab import Lab, LabHost
from tests.stories.conftest import Hire
from tests.stories.operator import Beside, Ending, Operator
from tests.stories.traces import BRIEF, events_of, line_in, log_of, portals, until, whole_log_of

pytestmark = pytest.mark.lab

KEPT = {"web-1": "kept", "web-2": "kept"}
KEY = "FEATURE_CUSTOMER_PORTAL"


@pytest.fixture
def fresh(fresh_pair: Lab) -> Lab:
    return fresh_pair


@pytest.fixture
def operator(fresh: Lab, hire: Hire) -> Operator:
    """Somebody who has switched the portal on, on two hosts."""
    operator = hire(fresh, health=BRIEF)
    assert operator.toggle("customer_portal", True).exit_status == 0
    assert portals(fresh) == [200] * 2
    return operator


def switch_off(operator: Operator) -> Ending:
    return operator.toggle("customer_portal", False)


def test_off_works_while_every_page_answers_500(fresh: Lab, operator: Operator) -> None:
    for host in fresh.hosts:
        host.make_ill()

    off = switch_off(operator)

    assert (off.exit_status, off.hosts) == (0, KEPT)
    assert "/health answers 500" in off.said
    for host in fresh.hosts:
        host.heal()
    assert portals(fresh) == [404] * 2


def test_off_reaches_every_other_host_and_names_the_one_it_did_not_reach(fresh: Lab, operator: Operator) -> None:
    lost = fresh.hosts[1]
    lost.stop_sshd()

    off = switch_off(operator)

    assert (off.exit_status, portals(fresh)) == (5, [404, 200])
    assert "web-2" in off.said
    assert "rolloutctl toggle lab customer_portal false" in off.said
    lost.start_sshd()
    again = switch_off(operator)
    assert (again.exit_status, portals(fresh), operator.status().well) == (0, [404] * 2, True)


def test_off_works_when_the_arbiter_is_the_host_that_is_not_reached(fresh: Lab, operator: Operator) -> None:
    fresh.hosts[0].stop_sshd()

    off = switch_off(operator)

    assert (off.exit_status, portals(fresh)) == (5, [200, 404])
    assert "web-1" in off.said
    fresh.hosts[0].start_sshd()
    again = switch_off(operator)
    assert (again.exit_status, portals(fresh), operator.status().well) == (0, [404] * 2, True)


def test_off_with_no_host_reached_says_so(fresh: Lab, operator: Operator) -> None:
    for host in fresh.hosts:
        host.stop_sshd()

    off = switch_off(operator)

    assert (off.exit_status, portals(fresh)) == (5, [200] * 2)
    assert "People may still see the feature." in off.said
    assert "web-1" in off.said


def test_off_waits_for_no_check_of_a_step(fresh: Lab, hire: Hire, operator: Operator) -> None:
    restart = {"name": "restart php-fpm", "run": fresh.hosts[0].restart_command, "check": "sleep 25"}
    begun = time.monotonic()

    off = switch_off(hire(fresh, steps=[{"name": "config cache", "builtin": "config-cache"}, restart]))

    assert (off.exit_status, portals(fresh), time.monotonic() - begun < 20) == (0, [404] * 2, True), off.said


def break_by_hand(host: LabHost) -> None:
    host.env_path.write_text(host.env_path.read_text() + "X=15, 42\n")


def test_off_works_in_an_env_that_was_broken_by_hand(fresh: Lab, operator: Operator) -> None:
    broken = fresh.hosts[1]
    break_by_hand(broken)
    line = broken.env_path.read_text().count("\n")

    off = switch_off(operator)

    assert (off.exit_status, off.hosts, portals(fresh)) == (0, KEPT, [404] * 2)
    assert [line_in(host, KEY) for host in fresh.hosts] == ["false"] * 2
    assert "web-2" in off.said
    assert f"line {line}" in off.said
    assert "(X)" in off.said
    assert line_in(broken, "X") == "15, 42"


def test_off_works_where_the_flags_line_cannot_be_found_without_doubt(fresh: Lab, operator: Operator) -> None:
    doubtful = fresh.hosts[1]
    doubtful.edit_env(f"\n{KEY}=true", f'\n#OLD="x\n{KEY}=true')
    before = doubtful.env_path.read_bytes()

    off = switch_off(operator)

    assert (off.exit_status, off.hosts, portals(fresh)) == (5, KEPT, [404] * 2)
    assert "web-2" in off.said
    assert ".env" in off.said
    assert "people may still see" not in off.said
    assert doubtful.env_path.read_bytes() == before
    assert line_in(fresh.hosts[0], KEY) == "false"


def test_off_passes_a_deployment_lock_and_names_it(fresh: Lab, operator: Operator) -> None:
    lock = fresh.hosts[1].app / ".dep" / "deploy.lock"
    lock.parent.mkdir()
    lock.write_text("deployer")

    off = switch_off(operator)

    assert (off.exit_status, off.hosts, portals(fresh)) == (0, KEPT, [404] * 2)
    assert "web-2" in off.notes
    assert "deploy.lock" in off.notes
    assert lock.exists()


def test_off_passes_a_stowaway_and_names_it_without_its_value(fresh: Lab, operator: Operator) -> None:
    fresh.hosts[0].edit_env('APP_NAME="Lab Gateway"', "APP_NAME=Zebra-Crossing")

    off = switch_off(operator)

    assert (off.exit_status, off.hosts, portals(fresh)) == (0, KEPT, [404] * 2)
    assert "web-1" in off.notes
    assert "app.name" in off.notes
    assert "Zebra-Crossing" not in operator.everything_seen


def test_off_works_while_a_config_file_has_a_syntax_error(fresh: Lab, operator: Operator) -> None:
    broken = fresh.hosts[1]
    broken.break_config("syntax")
    cache = broken.cache_path.read_bytes()

    off = switch_off(operator)

    assert (off.exit_status, off.hosts, portals(fresh)) == (0, KEPT, [404] * 2)
    assert "web-2" in off.notes
    assert "cannot be built" in off.notes
    assert [line_in(host, KEY) for host in fresh.hosts] == ["false"] * 2
    patched = broken.cache_path.read_bytes()
    assert patched.replace(b"'customer_portal' => false", b"'customer_portal' => true").split() == cache.split()


def test_off_works_while_a_config_file_throws_and_quotes_a_secret(fresh: Lab, operator: Operator) -> None:
    for host in fresh.hosts:
        host.break_config("throws-aside")

    off = switch_off(operator)

    assert (off.exit_status, off.hosts, portals(fresh)) == (0, KEPT, [404] * 2)
    assert "cannot be built" in off.notes


def test_off_goes_on_without_its_audit_log_and_the_record_is_written_later(fresh: Lab, operator: Operator) -> None:
    host = fresh.hosts[1]
    away = host.home / "away"
    until(lambda: not host.leftovers(), "the end of the session that switched it on")
    host.state_dir.rename(away)
    host.state_dir.write_text("a file where the state folder was")

    off = switch_off(operator)

    assert (off.exit_status, off.hosts, portals(fresh)) == (0, KEPT, [404] * 2)
    assert "web-2" in off.notes
    owed = operator.mirror.owed("lab", "web-2")
    assert [(fields["event"], fields["change"]) for fields in owed] == [("started", off.change), ("kept", off.change)]
    host.state_dir.unlink()
    away.rename(host.state_dir)
    assert operator.toggle("bulk_export", True).exit_status == 0
    assert operator.mirror.owed("lab", "web-2") == ()
    late = [record.event for record in log_of(host) if record.change == off.change and record.data.get("late")]
    assert (late, verify(whole_log_of(host))) == (["started", "kept"], None)
    assert all(each.ok for each in operator.verify())


def test_off_goes_on_past_a_restart_that_fails_and_says_that_it_may_not_be_live(fresh: Lab, operator: Operator) -> None:
    host = fresh.hosts[1]
    host.refuse_restarts(5)

    off = switch_off(operator)

    assert (off.exit_status, off.hosts) == (5, KEPT)
    assert "web-2" in off.said
    assert "Connection timed out" in off.said
    assert [line_in(each, KEY) for each in fresh.hosts] == ["false"] * 2
    host.refuse_restarts(0)
    again = switch_off(operator)
    assert (again.exit_status, portals(fresh)) == (0, [404] * 2)


def test_fewer_companies_is_a_switch_off_for_the_others(fresh: Lab, hire: Hire) -> None:
    operator = hire(fresh, health=BRIEF)
    operator.toggle("customer_portal", Wish(True, companies=(15, 42)))

    fewer = operator.toggle("customer_portal", Wish(True, remove=(42,)))

    assert (fewer.exit_status, portals(fresh, 42), portals(fresh, 15)) == (0, [404] * 2, [200] * 2)
    assert [log_of(host)[-1].data["narrow"] for host in fresh.hosts] == [True] * 2


def bulk(lab: Lab) -> list[int]:
    return [host.get("/bulk")[0] for host in lab.hosts]


@pytest.mark.parametrize("moment", ["locked", "committed"])
def test_off_ends_somebody_elses_widening_that_waits_or_holds(
    fresh: Lab, hire: Hire, operator: Operator, moment: str
) -> None:
    other, offs = hire(fresh).known_as("somebody@example.com"), list[Ending]()
    other.when("web-1", moment, lambda: offs.append(switch_off(operator)))

    widening = other.toggle("bulk_export", True)

    assert [(off.exit_status, off.hosts) for off in offs] == [(0, KEPT)]
    assert widening.exit_status in {3, 4}, widening.said
    assert (portals(fresh), bulk(fresh)) == ([404] * 2, [404] * 2)
    lines = [(line_in(host, KEY), line_in(host, "FEATURE_BULK_EXPORT")) for host in fresh.hosts]
    assert lines == [("false", "false")] * 2
    assert operator.status().well


def test_off_waits_for_a_step_that_somebody_else_executes(fresh: Lab, hire: Hire, operator: Operator) -> None:
    steps = [
        {"name": "config cache", "builtin": "config-cache"},
        {"name": "slow", "run": "sleep 2"},
        {"name": "restart php-fpm", "run": fresh.hosts[0].restart_command},
    ]
    other, offs = hire(fresh, hosts=fresh.hosts[:1], steps=steps), list[Beside]()
    other.when("web-1", "step", lambda: offs.append(Beside(lambda: switch_off(operator))))

    widening = other.toggle("bulk_export", True)

    assert [(off.result().exit_status, off.result().hosts) for off in offs] == [(0, KEPT)]
    assert widening.exit_status in {0, 4}, widening.said
    assert portals(fresh) == [404] * 2
    expected = "true" if widening.exit_status == 0 else "false"
    assert (line_in(fresh.hosts[0], KEY), line_in(fresh.hosts[0], "FEATURE_BULK_EXPORT")) == ("false", expected)


def test_a_switch_off_stays_when_its_client_goes(fresh: Lab, operator: Operator) -> None:
    host = fresh.hosts[0]
    operator.when("web-1", "swapped", host.cut_connections)

    off = switch_off(operator)

    assert (off.exit_status, portals(fresh)) == (0, [404] * 2), off.said
    assert events_of(host) == ["started", "kept"] * 2
