"""Watching real hosts: what is measured, what is worse than it should be, and how soon that is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from rolloutctl.outside.sample_store import SampleStore
from rolloutctl.workflows.guarding import Guard
from rolloutctl.workflows.monitor import Round, Watch, metrics_of, monitor
from tests.lab.lab import Lab
from tests.load.ground import Visitors
from tests.stories.conftest import Hire
from tests.stories.operator import Operator
from tests.stories.traces import log_of

pytestmark = pytest.mark.lab

METRICS: dict[str, Any] = {
    "health": {"source": "request", "path": "/health", "value": "failed", "limit": "<= 0", "for": "2 of 3"},
    "login": {"source": "request", "path": "/admin/login", "value": "ms", "limit": "<= 5000", "for": "2 of 3"},
    "queue": {"source": "run", "run": "echo 5", "limit": "<= 10", "for": "2 of 3"},
    "errors": {
        "source": "log",
        "file": "storage/logs/watched.log",
        "level": "error",
        "pattern": "portal",
        "limit": "<= 0",
        "for": "2 of 3",
    },
}
ENTRY = '[2025-11-24 09:00:00] production.ERROR: portal failed {"company":15}\n#0 routes/web.php(31)\n'
EVERY = 1.0


@pytest.fixture
def watcher(fresh: Lab, hire: Hire, tmp_path: Path) -> Operator:
    def edit(document: dict[str, Any]) -> None:
        document["metrics"] = METRICS

    operator = hire(fresh, hosts=fresh.hosts[:2], edit=edit)
    for host in fresh.hosts[:2]:
        (host.app / "storage" / "logs" / "watched.log").write_text(ENTRY * 3)
    operator.tools = replace(operator.tools, samples=SampleStore(tmp_path / "samples"))
    return operator


def watched(operator: Operator, rounds: int, act: dict[int, Any]) -> list[Round]:
    """So many rounds; before the round of a number, something is done."""
    seen: list[Round] = []

    def shown(round_: Round) -> None:
        seen.append(round_)
        operator.seen.append(round_)
        if len(seen) in act:
            act[len(seen)]()

    monitor(Watch("lab", every=EVERY), operator.tools, shown, seconds=rounds * EVERY)
    return seen


def words(round_: Round, metric: str) -> dict[str | None, str]:
    return {verdict.host: verdict.word for verdict in round_.verdicts if verdict.metric == metric}


def test_what_goes_wrong_on_one_host_is_told_within_two_samples(fresh: Lab, watcher: Operator) -> None:
    web_2 = fresh.hosts[1]
    log = web_2.app / "storage" / "logs" / "watched.log"

    def go_wrong() -> None:
        web_2.make_ill()
        with log.open("a") as file:
            file.write(ENTRY * 4)

    def go_on() -> None:
        with log.open("a") as file:
            file.write(ENTRY * 4)

    seen = watched(watcher, 8, {3: go_wrong, 4: go_on, 5: go_on})

    assert all(round_.well for round_ in seen[:3])
    assert words(seen[2], "health") == {"web-1": "ok", "web-2": "ok"}
    assert words(seen[2], "queue") == {"web-1": "ok"}  # on the first host alone
    found = [number for number, round_ in enumerate(seen) if words(round_, "health")["web-2"] == "fail"]
    assert found[0] == 4  # the second sample behind it
    assert words(seen[4], "health")["web-1"] == "ok"
    late = [round_ for round_ in seen if words(round_, "errors")["web-2"] == "fail"]
    assert late
    assert not late[-1].well
    assert words(late[-1], "errors")["web-1"] == "ok"


def test_it_goes_on_where_another_process_ended(fresh: Lab, watcher: Operator) -> None:
    first = watched(watcher, 3, {})
    log = fresh.hosts[0].app / "storage" / "logs" / "watched.log"
    with log.open("a") as file:
        file.write(ENTRY * 2)
    again = watched(watcher, 1, {})[0]
    assert words(first[0], "errors")["web-1"] == "not enough data"
    newest = next(each for each in again.samples if (each.metric, each.host) == ("errors", "web-1"))
    assert newest.value is not None
    assert newest.value > 0


def test_a_burst_of_errors_is_in_one_sample_to_its_last_entry(fresh: Lab, watcher: Operator) -> None:
    log = fresh.hosts[0].app / "storage" / "logs" / "watched.log"

    def burst() -> None:
        with log.open("a") as file:
            file.write(ENTRY * 3)

    seen = watched(watcher, 4, {2: burst})
    taken = [each for round_ in seen for each in round_.samples if (each.metric, each.host) == ("errors", "web-1")]
    found, after = taken[2], taken[3]
    assert found.value == pytest.approx(3 * 60 / (found.at - taken[1].at).total_seconds(), rel=0.01)
    assert after.value == 0


def test_a_host_that_is_lost_is_reached_again(fresh: Lab, watcher: Operator) -> None:
    web_1 = fresh.hosts[0]
    seen = watched(watcher, 6, {2: web_1.cut_connections, 3: web_1.stop_sshd, 4: web_1.start_sshd})
    values = [
        next(each.value for each in round_.samples if (each.metric, each.host) == ("health", "web-1"))
        for round_ in seen
    ]
    assert values[2] == 0  # over a new connection
    assert values[3] is None
    assert values[-1] == 0
    (lost,) = seen[3].lost
    assert (lost.host, seen[2].at <= lost.since <= seen[3].at) == ("web-1", True)
    assert (seen[2].lost, seen[-1].lost) == ((), ())


def test_the_metrics_are_those_of_the_environment(watcher: Operator) -> None:
    assert [metric.name for metric in metrics_of("lab", watcher.tools)] == list(METRICS)


@pytest.fixture
def guarding(fresh: Lab, hire: Hire, tmp_path: Path) -> Operator:
    def edit(document: dict[str, Any]) -> None:
        errors = {**METRICS["errors"], "file": "storage/logs/laravel.log", "pattern": "SQLSTATE", "guard": True}
        document["metrics"] = {"health": METRICS["health"], "errors": errors}

    operator = hire(fresh, hosts=fresh.hosts[:2], edit=edit)
    operator.tools = replace(operator.tools, samples=SampleStore(tmp_path / "samples"))
    assert operator.toggle("customer_portal", True).exit_status == 0
    return operator


def guarded(operator: Operator, rounds: int, act: dict[int, Any]) -> tuple[Guard, list[int], list[Round]]:
    """So many rounds with a guard, which of them it fired in, and what was seen."""
    guard = Guard("lab", "customer_portal", operator.tools, operator.desk)
    fired: list[int] = []
    seen: list[Round] = []

    def shown(round_: Round) -> None:
        seen.append(round_)
        operator.seen.append(round_)
        if guard.see(round_):
            fired.append(len(seen))
        act.get(len(seen), lambda: None)()

    monitor(Watch("lab", "customer_portal", EVERY), operator.tools, shown, seconds=rounds * EVERY)
    guard.end(20)
    return guard, fired, seen


def test_errors_behind_a_toggle_are_found_among_visitors_and_the_flag_is_off_within_two_samples(
    fresh: Lab, guarding: Operator
) -> None:
    hosts = tuple(fresh.hosts[:2])
    visitors = Visitors(hosts, most=2_000, seconds=60)

    def go_wrong() -> None:
        for host in hosts:
            host.make_ill(while_on="customer_portal")

    with visitors.there():
        guard, fired, seen = guarded(guarding, 14, {4: go_wrong})

    assert fired == [6]  # the second sample behind it
    assert visitors.failed > 5
    assert all(round_.well for round_ in seen[:4])
    assert [host.portal() for host in hosts] == [404, 404]
    assert guard.done is not None
    assert guard.done.error is None
    log = [record.data for record in log_of(hosts[0])]
    kept = next(each for each in log if each["event"] == "kept" and each["change"] == guard.done.plan.change)
    assert kept["reason"].startswith("guard: errors on web-1: 2 of the newest")
    opened = next(each for each in log if each["event"] == "incident")
    assert (opened["action"], opened["decision"]) == ("opened", "switch-off")
    assert opened["detected"] <= seen[4].at.isoformat(timespec="seconds")
    assert opened["entry"] in "".join(guard.notes)
    assert [each.value for each in seen[-1].samples if each.metric == "health"] == [0, 0]
    assert any("SQLSTATE" in line.text for line in seen[-1].lines)
    assert not guard.see(seen[5])  # a person decides now
