"""monitor on the embedded host: one round as text and as JSON, its exit status, and what can not be watched."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.shell import ENVIRONMENTS, Shell

METRICS = """\
metrics:
  health: {source: request, path: /health, limit: "<= 0", for: 2 of 3}
  queue: {source: run, run: echo 5, unit: jobs, limit: "<= 4", for: 2 of 3, environments: [demo]}
"""


@pytest.fixture
def watched(tmp_path: Path) -> Shell:
    return Shell(tmp_path, ENVIRONMENTS + METRICS)


def test_rounds_are_lines_on_a_pipe_and_a_failure_is_exit_6(watched: Shell) -> None:
    ran = watched.run("monitor", "demo", "--every", "1s", "--for", "5s")
    assert ran.status == 6
    lines = ran.out.splitlines()
    assert len(lines) > 2
    assert "not enough data: health and queue" in lines[0]
    assert "fail: queue  health 0 · queue 5 jobs (fail)" in lines[-1]
    once = watched.run("monitor", "demo", "--once", "--json")
    found = {each["metric"]: each for each in once.document["metrics"]}
    assert (once.status, once.document["well"]) == (6, False)
    assert (found["queue"]["verdict"], found["queue"]["value"], found["queue"]["unit"]) == ("fail", 5, "jobs")
    assert found["health"]["verdict"] == "ok"


def test_on_a_terminal_each_metric_tells_its_rule(watched: Shell) -> None:
    ran = watched.type("monitor", "demo", "--every", "1s", "--for", "2s", answers=[])
    assert "2 of the newest 2 are beyond the limit <= 4 jobs" in ran.out
    assert ran.status == 6


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere",), "There is no environment 'nowhere'"),
        (("demo", "nonsense"), "There is no flag 'nonsense'"),
        (("demo", "--every", "0"), "--every says how often"),
        (("demo", "--every", "soon"), "is no length of time"),
        (("demo", "--json"), "--once"),
        (("demo", "--guard", "--yes"), "--guard has to know which flag"),
        (("demo", "customer_portal", "--guard", "--yes"), "marked guard: true"),
    ],
)
def test_what_can_not_be_watched_is_told(watched: Shell, words: tuple[str, ...], said: str) -> None:
    ran = watched.run("monitor", *words)
    assert (ran.status, said in ran.out + ran.err) == (2, True), ran.err


def test_without_metrics_there_is_nothing_to_watch(tmp_path: Path) -> None:
    ran = Shell(tmp_path).run("monitor", "demo", "--once")
    assert (ran.status, "docs/monitoring.md" in ran.err) == (2, True)


def test_a_guard_asks_first_and_switches_off(tmp_path: Path) -> None:
    watched = Shell(tmp_path, ENVIRONMENTS + METRICS.replace("environments: [demo]", "guard: true"))
    words = ("monitor", "demo", "customer_portal", "--guard", "--every", "1s", "--for", "6s")
    assert watched.run(*words).status == 3  # nobody can be asked
    assert watched.run("toggle", "demo", "customer_portal", "true", "--companies", "all", "--yes").status == 0
    ran = watched.run(*words, "--yes")
    assert ran.status == 6
    assert ran.err.count("The guard has switched customer_portal off, on 1 of 1 host") == 1
    status = watched.run("status", "demo", "--json").document["environments"][0]["flags"]["customer_portal"]
    assert status["enabled"] is False
    assert "guard: queue on demo: 2 of the newest 2" in watched.run("audit", "demo").out
