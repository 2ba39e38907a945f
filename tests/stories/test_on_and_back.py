"""The main job on three hosts: on, seen to be on, and back to the very bytes."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from rolloutctl.rules.flags import EVERYONE, Audience
from rolloutctl.rules.plans import Wish
from rolloutctl.workflows.tools import Options
from tests.lab.lab import Lab, LabHost
from tests.stories.conftest import Hire
from tests.stories.operator import Operator
from tests.stories.traces import contents, events_of, line_in, log_of, portals, timeless

pytestmark = pytest.mark.lab

KEPT = {"web-1": "kept", "web-2": "kept", "web-3": "kept"}


def test_a_feature_goes_on_everywhere_and_rollback_puts_every_byte_back(fresh: Lab, hire: Hire) -> None:
    operator, before = hire(fresh), contents(fresh)
    assert portals(fresh) == [404] * 3

    on = operator.toggle("customer_portal", True)

    assert (on.exit_status, on.hosts, portals(fresh)) == (0, KEPT, [200] * 3)
    back = operator.rollback()
    assert (back.exit_status, back.hosts, portals(fresh)) == (0, KEPT, [404] * 3)
    assert contents(fresh) == before
    assert [host.restarts() for host in fresh.hosts] == [2] * 3


def test_only_the_flags_own_line_differs_in_env(fresh: Lab, hire: Hire) -> None:
    host = fresh.hosts[0]
    before = host.env_path.read_bytes()

    hire(fresh).toggle("customer_portal", True)

    expected = before.replace(b"\nFEATURE_CUSTOMER_PORTAL=false", b"\nFEATURE_CUSTOMER_PORTAL=true")
    assert [each.env_path.read_bytes() for each in fresh.hosts] == [expected] * 3


def test_status_says_enabled_effective_and_in_sync_on_every_host(fresh: Lab, hire: Hire) -> None:
    operator = hire(fresh)
    on = operator.toggle("customer_portal", True)

    seen = operator.status()

    found = [(host.flags or {})["customer_portal"] for host in seen.hosts]
    assert [(flag.file, flag.effective, flag.in_sync, flag.well) for flag in found] == [
        (EVERYONE, EVERYONE, True, True)
    ] * 3
    assert [[asked.status for asked in flag.probes] for flag in found] == [[200, 200, 200]] * 3
    assert (seen.well, seen.healthy, seen.consistent("customer_portal")) == (True, True, True)
    last = seen.last_change("customer_portal")
    assert last is not None
    assert (last.id, last.fields["actor"], last.fields["reason"]) == (on.change, "tester@example.com", "a story")


def test_a_limited_feature_is_proved_for_a_listed_company_and_for_another(fresh: Lab, hire: Hire) -> None:
    operator = hire(fresh)

    limited = operator.toggle("customer_portal", Wish(True, companies=(42, 15)))

    assert (limited.exit_status, portals(fresh, 15), portals(fresh, 7)) == (0, [200] * 3, [404] * 3)
    assert line_in(fresh.hosts[0], "FEATURE_CUSTOMER_PORTAL_TEST_COMPANIES") == "15,42"
    more = operator.toggle("customer_portal", Wish(True, add=(103,)))
    assert more.done is not None
    assert (more.done.plan.target, portals(fresh, 103)) == (Audience(True, (15, 42, 103)), [200] * 3)


def test_what_is_so_already_is_left_alone(fresh: Lab, hire: Hire) -> None:
    operator = hire(fresh)
    operator.toggle("customer_portal", True)
    before = [host.snapshot() for host in fresh.hosts]

    again = operator.toggle("customer_portal", True)

    assert (again.exit_status, again.result) == (0, "unchanged")
    assert [host.snapshot() for host in fresh.hosts] == before
    assert [events_of(host) for host in fresh.hosts] == [["started", "kept"]] * 3


def test_a_host_that_drifted_is_brought_in_line(fresh: Lab, hire: Hire) -> None:
    operator, drifted = hire(fresh), fresh.hosts[1]
    operator.toggle("customer_portal", True)
    drifted.edit_env("\nFEATURE_CUSTOMER_PORTAL=true", "\nFEATURE_CUSTOMER_PORTAL=false")
    drifted.rebuild_cache()
    drifted.restart_fpm()
    assert not operator.status().consistent("customer_portal")

    again = operator.toggle("customer_portal", True)

    assert (again.exit_status, portals(fresh), operator.status().well) == (0, [200] * 3, True)


def test_a_dry_run_shows_the_plan_and_changes_nothing(fresh: Lab, hire: Hire) -> None:
    operator, before = hire(fresh), [host.snapshot() for host in fresh.hosts]

    planned = operator.toggle("customer_portal", True, Options(dry_run=True))

    assert (planned.exit_status, planned.result) == (0, "planned")
    (plan, _notes) = operator.desk.shown[0]
    shown = {host.name: [(e.key, e.before, e.after) for e in host.writes] for host in plan.hosts}
    assert shown == {name: [("FEATURE_CUSTOMER_PORTAL", "false", "true")] for name in KEPT}
    assert [host.snapshot() for host in fresh.hosts] == before
    assert [log_of(host) for host in fresh.hosts] == [()] * 3


def test_whoever_does_not_agree_changes_nothing(fresh: Lab, hire: Hire) -> None:
    operator, before = hire(fresh), [host.snapshot() for host in fresh.hosts]
    operator.desk.asked = lambda: False

    declined = operator.toggle("customer_portal", True)

    assert (declined.exit_status, declined.result) == (3, "refused")
    assert [host.snapshot() for host in fresh.hosts] == before


def test_rollback_puts_back_one_change_after_the_other(fresh_deployer: Lab, hire: Hire) -> None:
    operator, before = hire(fresh_deployer), contents(fresh_deployer)
    operator.toggle("customer_portal", Wish(True, companies=(15,)))
    operator.toggle("bulk_export", True)
    operator.toggle("customer_portal", Wish(True, companies=()))
    assert portals(fresh_deployer, 7) == [200] * 2

    first = operator.rollback()
    assert (first.exit_status, portals(fresh_deployer, 7), portals(fresh_deployer, 15)) == (0, [404] * 2, [200] * 2)
    second = operator.rollback()
    assert (second.exit_status, [host.get("/bulk")[0] for host in fresh_deployer.hosts]) == (0, [404] * 2)
    third = operator.rollback()
    assert (third.exit_status, contents(fresh_deployer)) == (0, before)

    assert (operator.rollback().exit_status, contents(fresh_deployer)) == (3, before)


def test_rollback_refuses_what_somebody_changed_since(fresh: Lab, hire: Hire) -> None:
    operator, host = hire(fresh), fresh.hosts[1]
    on = operator.toggle("customer_portal", Wish(True, companies=(15,)))
    host.edit_env("TEST_COMPANIES=15\n", "TEST_COMPANIES=15,16\n")
    host.rebuild_cache()
    before = [each.snapshot() for each in fresh.hosts]

    refused = operator.rollback()

    assert (refused.exit_status, [each.snapshot() for each in fresh.hosts]) == (3, before)
    assert on.change in refused.said
    assert "web-2  FEATURE_CUSTOMER_PORTAL_TEST_COMPANIES" in refused.said
    assert "15,16" in refused.said


def test_deployers_link_stays_a_link_and_the_file_in_shared_is_edited(fresh_deployer: Lab, hire: Hire) -> None:
    operator, before = hire(fresh_deployer), contents(fresh_deployer)

    on = operator.toggle("customer_portal", True)

    assert (on.exit_status, portals(fresh_deployer)) == (0, [200] * 2)
    assert [host.snapshot().env_link for host in fresh_deployer.hosts] == ["../../shared/.env"] * 2
    assert [line_in(host, "FEATURE_CUSTOMER_PORTAL") for host in fresh_deployer.hosts] == ["true"] * 2
    back = operator.rollback()
    assert (back.exit_status, portals(fresh_deployer), contents(fresh_deployer)) == (0, [404] * 2, before)


def _another_owner(host: LabHost) -> None:
    os.chown(host.env_path, 65534, 65534)
    host.env_path.chmod(0o604)


def _another_name(host: LabHost) -> None:
    os.link(host.env_path, host.folder / "env.hardlink")


@pytest.mark.parametrize("prepare", [_another_owner, _another_name])
def test_owner_mode_and_hard_links_of_env_stay(fresh: Lab, hire: Hire, prepare: Callable[[LabHost], None]) -> None:
    host = fresh.hosts[0]
    (host.folder / "env.hardlink").unlink(missing_ok=True)
    prepare(host)
    before, links = host.snapshot(), host.env_path.stat().st_nlink
    operator: Operator = hire(fresh, hosts=[host])

    on = operator.toggle("customer_portal", True)

    now = host.snapshot()
    assert (on.exit_status, host.portal(), host.env_path.stat().st_nlink) == (0, 200, links)
    assert before.env is not None
    assert now.env is not None
    assert (now.env.uid, now.env.gid, now.env.mode) == (before.env.uid, before.env.gid, before.env.mode)
    if links > 1:
        assert now.env.inode == before.env.inode
        assert (host.folder / "env.hardlink").read_bytes() == now.env.content
    back = operator.rollback()
    assert (back.exit_status, timeless(host.snapshot())) == (0, timeless(before))
