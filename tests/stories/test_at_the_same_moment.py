"""Several operators at the same moment: one after the other, or one is told who is at work; never a lost update."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest

from rolloutctl.rules.flags import read_companies
from rolloutctl.rules.plans import Wish
from rolloutctl.rules.records import verify
from rolloutctl.workflows.tools import Options
from tests.lab.lab import Lab, LabHost
from tests.stories.client import start
from tests.stories.conftest import Hire
from tests.stories.operator import Ending
from tests.stories.traces import line_in, log_of, portals, whole_log_of

pytestmark = pytest.mark.lab

PAIRS = int(os.environ.get("ROLLOUTCTL_PAIRS", "4"))  # 100 take 90 s of two processors
PATIENT = Options(wait=60)
KEYS = {
    "customer_portal": "FEATURE_CUSTOMER_PORTAL_TEST_COMPANIES",
    "bulk_export": "FEATURE_BULK_EXPORT_COMPANIES",
}


def limit_both(document: dict[str, Any]) -> None:
    """Two flags with a list each, so that every lost update shows."""
    document["flags"]["bulk_export"].update(companies_key=KEYS["bulk_export"], companies_config=None)


def answers_of(client: subprocess.Popen[str]) -> list[list[object]]:
    said, _ = client.communicate(timeout=300)
    return [json.loads(line) for line in said.splitlines()]


def companies(host: LabHost) -> dict[str, tuple[int, ...]]:
    return {flag: read_companies(line_in(host, key)) for flag, key in KEYS.items()}


@pytest.mark.timeout(400)
def test_pairs_of_toggles_at_the_same_moment_all_arrive(fresh: Lab, hire: Hire) -> None:
    host, all_of_them = fresh.hosts[0], tuple(range(1, PAIRS + 1))
    host.cache_path.unlink()  # nothing to build: a change takes half a second, and .env is what could be lost
    operator = hire(fresh, hosts=[host], edit=limit_both, steps=[], url=None, health=None, connection="local")

    with (
        start(fresh, operator.configuration, "customer_portal", (1, PAIRS), wait=120) as one,
        start(fresh, operator.configuration, "bulk_export", (1, PAIRS), wait=120) as other,
    ):
        said = answers_of(one), answers_of(other)

    assert said == ([[0, "kept"]] * PAIRS, [[0, "kept"]] * PAIRS)
    assert companies(host) == {"customer_portal": all_of_them, "bulk_export": all_of_them}
    log = log_of(host)
    assert verify(whole_log_of(host)) is None
    assert [record.event for record in log] == ["started", "kept"] * (2 * PAIRS)
    for flag in KEYS:
        kept = [record.data["to"]["companies"] for record in log if (record.flag, record.event) == (flag, "kept")]
        assert kept == [list(all_of_them[: count + 1]) for count in range(PAIRS)]


@pytest.mark.parametrize("count", [1, 3])
def test_whoever_does_not_wait_is_refused_with_the_holders_name(fresh: Lab, hire: Hire, count: int) -> None:
    hosts = fresh.hosts[:count]
    one, other = hire(fresh, hosts=hosts).known_as("holder@example.com"), hire(fresh, hosts=hosts)
    refused: list[Ending] = []
    one.when("web-1", "committed", lambda: refused.append(other.toggle("bulk_export", True)))

    on = one.toggle("customer_portal", True)

    assert (on.exit_status, portals(fresh)[:count]) == (0, [200] * count)
    assert [ending.exit_status for ending in refused] == [3]
    assert "holder@example.com" in refused[0].said
    assert "customer_portal" in refused[0].said
    assert [line_in(host, "FEATURE_BULK_EXPORT") for host in fresh.hosts] == ["false"] * 3


def test_nothing_is_locked_while_somebody_thinks(fresh: Lab, hire: Hire) -> None:
    thinker, other = hire(fresh), hire(fresh).known_as("somebody@example.com")
    others: list[Ending] = []
    thinker.before_agreeing(lambda: others.append(other.toggle("bulk_export", Wish(True))) if not others else None)

    ended = thinker.toggle("customer_portal", True, PATIENT)

    assert [each.exit_status for each in others] == [0]
    assert (ended.exit_status, portals(fresh)) == (0, [200] * 3), ended.said
    assert [host.get("/bulk")[0] for host in fresh.hosts] == [200] * 3


def test_status_names_who_is_at_work(fresh: Lab, hire: Hire) -> None:
    one, other = hire(fresh).known_as("holder@example.com"), hire(fresh)
    holders: list[str] = []
    one.when(
        "web-1",
        "committed",
        lambda: holders.extend(str(host.state.holder) for host in other.status().hosts if host.state),
    )

    one.toggle("customer_portal", True)

    assert "holder@example.com" in holders[0]
    assert "customer_portal for everyone" in holders[0]
