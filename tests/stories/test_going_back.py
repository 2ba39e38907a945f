"""Widenings that fail after they began: every host goes back, and what somebody else did meanwhile stays."""

from __future__ import annotations

import os
import signal

import pytest

from tests.lab.lab import Lab, LabHost
from tests.stories.conftest import Hire
from tests.stories.operator import Operator
from tests.stories.traces import BRIEF, contents, events_of, line_in, log_of, portals, session_of, slow_steps

pytestmark = pytest.mark.lab

KEY = "FEATURE_CUSTOMER_PORTAL"


def test_a_failed_restart_on_the_last_host_puts_every_host_back(fresh: Lab, hire: Hire) -> None:
    before = contents(fresh)
    fresh.hosts[2].refuse_restarts(1)

    failed = hire(fresh).toggle("customer_portal", True)

    assert (failed.exit_status, failed.result) == (4, "reverted"), failed.said
    assert (contents(fresh), portals(fresh)) == (before, [404] * 3)
    assert "web-3" in failed.said
    assert "Connection timed out" in failed.said
    assert [events_of(host) for host in fresh.hosts] == [["started", "reverted"]] * 3


def test_a_php_fpm_that_stays_down_needs_a_person_and_the_others_are_put_back(fresh: Lab, hire: Hire) -> None:
    before = contents(fresh)
    operator = hire(fresh, health=BRIEF)
    fresh.hosts[2].break_fpm()

    failed = operator.toggle("customer_portal", True)

    assert failed.exit_status == 5
    assert contents(fresh) == before
    assert (portals(fresh)[:2], fresh.hosts[2].fpm_pid()) == ([404] * 2, 0)
    assert "web-3" in failed.said
    assert "no_such_setting" in failed.said
    assert_the_next_change_settles_it(fresh, operator, fresh.hosts[2])


def test_a_broken_php_fpm_on_the_canary_leaves_the_rest_untouched(fresh: Lab, hire: Hire) -> None:
    canary, *others = fresh.hosts
    before = [host.snapshot() for host in others]
    operator = hire(fresh, health=BRIEF)
    canary.break_fpm()

    failed = operator.toggle("customer_portal", True)

    assert failed.exit_status == 5
    assert [host.snapshot() for host in others] == before
    assert [log_of(host) for host in others] == [(), ()]
    assert line_in(canary, KEY) == "false"
    assert "web-1" in failed.said
    assert_the_next_change_settles_it(fresh, operator, canary)


def assert_the_next_change_settles_it(lab: Lab, operator: Operator, stuck: LabHost) -> None:
    seen = {host.name: len(host.state.pending) for host in operator.status().hosts if host.state}
    assert seen == {host.name: int(host is stuck) for host in lab.hosts}
    stuck.mend_fpm()
    on = operator.toggle("customer_portal", True)
    assert (on.exit_status, portals(lab), operator.status().well) == (0, [200] * 3, True), on.said


def test_a_site_that_is_ill_only_while_the_feature_is_on_goes_back(fresh: Lab, hire: Hire) -> None:
    before = contents(fresh)
    for host in fresh.hosts:
        host.make_ill("customer_portal")

    failed = hire(fresh, health=BRIEF).toggle("customer_portal", True)

    assert (failed.exit_status, failed.hosts) == (4, {"web-1": "reverted", "web-2": "untouched", "web-3": "untouched"})
    assert (contents(fresh), [host.get("/health")[0] for host in fresh.hosts]) == (before, [200] * 3)
    assert [host.restarts() for host in fresh.hosts] == [2, 0, 0]
    assert "/health with 500" in failed.said


def test_an_edit_of_env_while_the_person_thinks_is_kept_and_planned_anew(fresh: Lab, hire: Hire) -> None:
    operator, host = hire(fresh), fresh.hosts[1]

    def edit_once() -> None:
        if "by hand" not in host.env_path.read_text():
            host.edit_env("LOG_LEVEL=warning", "LOG_LEVEL=warning # by hand")

    operator.before_agreeing(edit_once)

    on = operator.toggle("customer_portal", True)

    text = host.env_path.read_text()
    assert "LOG_LEVEL=warning # by hand\n" in text
    assert on.exit_status in {0, 3}, on.said
    expected = ("true", 200) if on.exit_status == 0 else ("false", 404)
    assert {(line_in(each, KEY), each.portal()) for each in fresh.hosts} == {expected}


def test_an_edit_of_env_under_the_lock_is_kept_and_nothing_is_written_over_it(fresh: Lab, hire: Hire) -> None:
    operator, host = hire(fresh), fresh.hosts[1]
    operator.when("web-2", "locked", lambda: host.edit_env("LOG_LEVEL=warning", "LOG_LEVEL=error"))

    failed = operator.toggle("customer_portal", True)

    assert failed.exit_status in {3, 4}, failed.said
    assert "web-2" in failed.said
    assert "LOG_LEVEL=error\n" in host.env_path.read_text()
    assert ({line_in(each, KEY) for each in fresh.hosts}, portals(fresh)) == ({"false"}, [404] * 3)


def test_an_edit_of_env_after_the_swap_survives_the_way_back(fresh: Lab, hire: Hire) -> None:
    operator, canary = hire(fresh), fresh.hosts[0]
    fresh.hosts[2].refuse_restarts(1)
    operator.when("web-1", "committed", lambda: canary.edit_env("LOG_LEVEL=warning", "LOG_LEVEL=error"))

    failed = operator.toggle("customer_portal", True)

    assert failed.exit_status == 4, failed.said
    assert "LOG_LEVEL=error\n" in canary.env_path.read_text()
    assert ({line_in(each, KEY) for each in fresh.hosts}, portals(fresh)) == ({"false"}, [404] * 3)


def test_a_cache_that_somebody_rebuilds_after_the_swap_goes_back_too(fresh: Lab, hire: Hire) -> None:
    operator, canary = hire(fresh), fresh.hosts[0]
    fresh.hosts[2].refuse_restarts(1)

    def deploy_by_hand() -> None:
        canary.edit_env("LOG_LEVEL=warning", "LOG_LEVEL=error")
        canary.rebuild_cache()

    operator.when("web-1", "committed", deploy_by_hand)

    failed = operator.toggle("customer_portal", True)

    assert failed.exit_status == 4, failed.said
    assert b"'level' => 'error'" in canary.cache_path.read_bytes()
    assert ({line_in(each, KEY) for each in fresh.hosts}, portals(fresh)) == ({"false"}, [404] * 3)


def test_sigterm_on_a_host_means_go_back_now(fresh: Lab, hire: Hire) -> None:
    operator, canary = hire(fresh, steps=slow_steps(fresh.hosts[0])), fresh.hosts[0]
    before = contents(fresh)
    operator.when("web-1", "step", lambda: os.kill(session_of(canary), signal.SIGTERM))

    failed = operator.toggle("customer_portal", True)

    assert (failed.exit_status, contents(fresh), portals(fresh)) == (4, before, [404] * 3), failed.said
    assert "web-1" in failed.said


def test_a_step_that_outlives_its_time_is_ended_and_the_change_goes_back(fresh: Lab, hire: Hire) -> None:
    before = contents(fresh)
    steps = [
        {"name": "config cache", "builtin": "config-cache"},
        {"name": "hang", "run": "test -e hang-once && exit 0; touch hang-once; sleep 300 & sleep 300", "timeout": "1s"},
    ]

    failed = hire(fresh, steps=steps).toggle("customer_portal", True)

    (fresh.hosts[0].app / "hang-once").unlink()
    assert (failed.exit_status, contents(fresh)) == (4, before), failed.said
    assert "hang" in failed.said
    assert "time" in failed.said


def test_a_once_step_runs_on_one_host_after_all_have_kept(fresh: Lab, hire: Hire) -> None:
    steps = [
        {"name": "config cache", "builtin": "config-cache"},
        {"name": "restart php-fpm", "run": fresh.hosts[0].restart_command},
        {"name": "workers", "run": "php artisan queue:restart && touch storage/app/once", "once": True},
    ]

    on = hire(fresh, steps=steps).toggle("customer_portal", True)

    assert (on.exit_status, portals(fresh)) == (0, [200] * 3)
    assert [(host.app / "storage" / "app" / "once").exists() for host in fresh.hosts] == [True, False, False]


def test_a_once_step_that_fails_needs_a_person_and_the_change_stays(fresh: Lab, hire: Hire) -> None:
    steps = [
        {"name": "config cache", "builtin": "config-cache"},
        {"name": "restart php-fpm", "run": fresh.hosts[0].restart_command},
        {"name": "workers", "run": "echo no queue here; exit 3", "once": True},
    ]

    on = hire(fresh, steps=steps).toggle("customer_portal", True)

    assert (on.exit_status, portals(fresh)) == (5, [200] * 3)
    assert "workers" in on.said
    assert "no queue here" in on.said
