"""Widenings that are refused before anything is touched: every byte, inode and process stays."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rolloutctl.rules.plans import Wish
from rolloutctl.workflows.tools import Options
from tests.lab.lab import SECRETS, Fault, Lab, LabHost, Snapshot
from tests.stories.conftest import Hire
from tests.stories.operator import Ending
from tests.stories.traces import log_of, portals

pytestmark = pytest.mark.lab

WITH_PENDING = Options(with_pending=True)
STOWAWAY = ('APP_NAME="Lab Gateway"', "APP_NAME=Zebra-Crossing")


@pytest.fixture
def fresh(fresh_pair: Lab) -> Lab:
    return fresh_pair


def snapshots(lab: Lab) -> list[Snapshot]:
    return [host.snapshot() for host in lab.hosts]


def assert_untouched(lab: Lab, before: list[Snapshot], ending: Ending) -> None:
    assert (ending.exit_status, ending.result) == (3, "refused"), ending.said
    assert snapshots(lab) == before
    assert [log_of(host) for host in lab.hosts] == [()] * len(lab.hosts)


@pytest.mark.parametrize(
    ("index", "fault", "said"),
    [
        (0, "throws-aside", "Access denied (using password"),
        (1, "syntax", "Unclosed '[' on line 3"),
    ],
)
def test_a_cache_that_cannot_be_built_on_one_host_leaves_all_untouched_and_artisans_message_shown(
    fresh: Lab, hire: Hire, index: int, fault: Fault, said: str
) -> None:
    fresh.hosts[index].break_config(fault)
    before = snapshots(fresh)

    refused = hire(fresh).toggle("customer_portal", True)

    assert_untouched(fresh, before, refused)
    assert said in refused.said
    assert f"web-{index + 1}" in refused.said
    assert [secret for secret in SECRETS if secret in refused.said] == []


def test_a_build_that_hangs_is_ended_and_refused(fresh: Lab, hire: Hire) -> None:
    fresh.hosts[1].break_config("hangs")
    before = snapshots(fresh)
    steps = [{"name": "config cache", "builtin": "config-cache", "timeout": "2s"}]

    refused = hire(fresh, steps=steps).toggle("customer_portal", True)

    assert_untouched(fresh, before, refused)
    assert "web-2" in refused.said


def test_an_edit_that_waits_in_env_is_named_without_its_value_and_refused(fresh: Lab, hire: Hire) -> None:
    fresh.hosts[1].edit_env(*STOWAWAY)
    before, operator = snapshots(fresh), hire(fresh)

    refused = operator.toggle("customer_portal", True)

    assert_untouched(fresh, before, refused)
    assert "web-2" in refused.said
    assert "app.name" in refused.said
    assert "--with-pending" in refused.said
    assert "Zebra-Crossing" not in operator.everything_seen


def test_with_pending_lets_the_waiting_edit_through_and_names_it(fresh: Lab, hire: Hire) -> None:
    host, operator = fresh.hosts[1], hire(fresh)
    host.edit_env(*STOWAWAY)

    on = operator.toggle("customer_portal", True, WITH_PENDING)

    assert (on.exit_status, portals(fresh)) == (0, [200] * 2)
    assert "web-2" in on.notes
    assert "app.name" in on.notes
    assert b"Zebra-Crossing" in host.cache_path.read_bytes()
    assert "Zebra-Crossing" not in operator.everything_seen


def test_another_flag_that_waits_in_env_is_a_stowaway_too(fresh: Lab, hire: Hire) -> None:
    fresh.hosts[0].edit_env("FEATURE_BULK_EXPORT=false", "FEATURE_BULK_EXPORT=true")
    before = snapshots(fresh)

    refused = hire(fresh).toggle("customer_portal", True)

    assert_untouched(fresh, before, refused)
    assert "features.bulk_export" in refused.said


def test_a_value_that_differs_at_each_build_is_no_stowaway(fresh: Lab, hire: Hire) -> None:
    for host in fresh.hosts:
        host.break_config("volatile")
        host.rebuild_cache()

    on = hire(fresh).toggle("customer_portal", True)

    assert (on.exit_status, portals(fresh)) == (0, [200] * 2), on.said
    assert "build.at" in on.notes


def test_a_declared_volatile_value_is_not_even_mentioned(fresh: Lab, hire: Hire) -> None:
    host = fresh.hosts[0]
    host.break_config("volatile")
    host.rebuild_cache()

    on = hire(fresh, hosts=[host], volatile=["build.at"]).toggle("customer_portal", True)

    assert (on.exit_status, on.notes, host.portal()) == (0, "", 200)


def test_a_process_variable_that_overrides_the_flag_is_noticed(fresh: Lab, hire: Hire) -> None:
    host = fresh.hosts[0]
    shell = "env FEATURE_CUSTOMER_PORTAL=false"  # a login shell's export; the session must not pass it on
    on = hire(fresh, hosts=[host], shell=shell).toggle("customer_portal", True)

    assert (on.exit_status, host.portal()) == (0, 200)


def test_a_config_file_that_ignores_the_flag_is_noticed(fresh: Lab, hire: Hire) -> None:
    config = fresh.hosts[1].app / "config" / "features.php"
    config.write_text(config.read_text().replace("env('FEATURE_CUSTOMER_PORTAL', false)", "false"))
    before = snapshots(fresh)

    refused = hire(fresh).toggle("customer_portal", True)

    assert_untouched(fresh, before, refused)
    assert "features.customer_portal" in refused.said


def test_a_host_that_is_ill_before_the_change_refuses_it(fresh: Lab, hire: Hire) -> None:
    fresh.hosts[1].make_ill()
    before = snapshots(fresh)

    refused = hire(fresh).toggle("customer_portal", True)

    assert_untouched(fresh, before, refused)
    assert "web-2" in refused.said
    assert "/health" in refused.said
    assert "500" in refused.said


def test_an_unreachable_host_refuses_a_widening(fresh: Lab, hire: Hire) -> None:
    fresh.hosts[1].stop_sshd()
    before = snapshots(fresh)

    refused = hire(fresh).toggle("customer_portal", True)

    assert_untouched(fresh, before, refused)
    assert "web-2" in refused.said


@pytest.mark.parametrize("lock", [".dep/deploy.lock", "../.dep/deploy.lock"])
def test_a_running_deployment_refuses_a_widening(fresh: Lab, hire: Hire, lock: str) -> None:
    path = fresh.hosts[1].app / lock
    path.parent.mkdir(exist_ok=True)
    path.write_text("deployer")
    before = snapshots(fresh)
    try:
        refused = hire(fresh).toggle("customer_portal", True)
    finally:
        path.unlink()

    assert_untouched(fresh, before, refused)
    assert "web-2" in refused.said
    assert "deploy.lock" in refused.said


def freeze_now() -> list[dict[str, str]]:
    now = datetime.now(UTC)
    return [
        {"from": f"{now - timedelta(hours=1):%a %H:%M}", "to": f"{now + timedelta(hours=1):%a %H:%M}", "zone": "UTC"}
    ]


def test_a_freeze_refuses_widening_and_lets_narrowing_through(fresh: Lab, hire: Hire) -> None:
    free, frozen = hire(fresh), hire(fresh, freeze=freeze_now())
    before = snapshots(fresh)

    refused = frozen.toggle("customer_portal", True)

    assert_untouched(fresh, before, refused)
    assert "frozen until" in refused.said
    free.toggle("customer_portal", True)
    off = frozen.toggle("customer_portal", False)
    assert (off.exit_status, portals(fresh)) == (0, [404] * 2)
    assert "frozen until" in off.notes


def test_a_feature_that_is_not_on_where_it_is_required_refuses_widening_and_lets_narrowing_through(
    fresh: Lab, hire: Hire
) -> None:
    staging, production = fresh.hosts[:1], fresh.hosts[1:]

    def add_staging(document: dict[str, Any]) -> None:
        lab = document["environments"]["lab"]
        document["environments"] = {"staging": {**lab, "hosts": lab["hosts"][:1]}, "lab": lab}
        lab.update(hosts=lab["hosts"][1:], requires=["staging"])

    operator = hire(fresh, hosts=[*staging, *production], edit=add_staging)
    before = snapshots(fresh)

    refused = operator.toggle("customer_portal", True)

    assert_untouched(fresh, before, refused)
    assert "staging" in refused.said
    assert operator.toggle("customer_portal", True, environment="staging").exit_status == 0
    assert operator.toggle("customer_portal", True).exit_status == 0
    operator.toggle("customer_portal", False, environment="staging")
    off = operator.toggle("customer_portal", False)
    assert (off.exit_status, portals(fresh)) == (0, [404] * 2)


def test_the_last_company_cannot_be_removed(fresh: Lab, hire: Hire) -> None:
    operator = hire(fresh)
    operator.toggle("customer_portal", Wish(True, companies=(15,)))
    before = snapshots(fresh)

    refused = operator.toggle("customer_portal", Wish(True, remove=(15,)))

    assert (refused.exit_status, snapshots(fresh)) == (3, before)
    assert "--companies all" in refused.said


def by_another_address(host: LabHost, settings: dict[str, Any]) -> None:
    digest = hashlib.sha256(base64.b64decode(host.public_key.split()[1])).digest()
    pin = f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"
    settings.update(address="localhost", known_hosts=[pin])


def by_another_path(host: LabHost, settings: dict[str, Any]) -> None:
    link = host.home / "current"
    link.symlink_to(host.app)
    settings.update(app=str(link))


@pytest.mark.parametrize("disguise", [by_another_address, by_another_path])
def test_a_host_that_is_listed_twice_is_refused(
    fresh: Lab, hire: Hire, disguise: Callable[[LabHost, dict[str, Any]], None]
) -> None:
    def twice(document: dict[str, Any]) -> None:
        hosts = document["environments"]["lab"]["hosts"]
        hosts.append({**hosts[0], "name": "twin"})
        disguise(fresh.hosts[0], hosts[1])

    operator, before = hire(fresh, hosts=fresh.hosts[:1], edit=twice), snapshots(fresh)

    refused = operator.toggle("customer_portal", True)

    assert_untouched(fresh, before, refused)
    assert "web-1" in refused.said
    assert "twin" in refused.said
