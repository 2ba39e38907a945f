"""monitor on the embedded host: one round as text and as JSON, its exit status, and what can not be watched."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import pytest

from tests.cli.shell import ENVIRONMENTS, Shell
from tests.outside.listeners import Hooked, webhooks

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


def test_a_terminal_has_one_picture_and_the_last_one_stays(watched: Shell) -> None:
    ran = watched.type(
        "monitor",
        "demo",
        "--every",
        "1s",
        answers=[("2 of the newest 2 are beyond the limit <= 4 jobs", signal.SIGINT)],
    )
    assert ran.status == 6
    picture, left = ran.out.split("\x1b[?1049l")  # the end of the screen of its own
    assert picture.count("\x1b[?1049h") == 1
    assert "✗ queue" in left
    assert "2 of the newest 2" in left
    assert left.count("demo ") == 1
    plain = watched.type("monitor", "demo", "--once", answers=[])
    assert "\x1b[?1049h" not in plain.out
    assert re.search("[✗?] queue +5 jobs", plain.out)


def test_what_is_usual_is_learnt_before_a_change_and_one_sample_says_how_to_get_more(tmp_path: Path) -> None:
    metrics = METRICS.replace('limit: "<= 4", for: 2 of 3', "worse: 2x")
    watched = Shell(tmp_path, ENVIRONMENTS + metrics)
    once = watched.run("monitor", "demo", "--once", "--strict")
    assert once.status == 6  # nothing fails, but nobody knows
    assert "rolloutctl monitor demo --baseline 24h" in once.err
    ran = watched.run("monitor", "demo", "--baseline", "2s", "--every", "1s")
    assert ran.status == 0
    assert ["queue", "5", "jobs", "-", "3", "57", "more", "are", "needed:", "57", "s"] in [
        line.split()[1:] for line in ran.out.splitlines()
    ]
    learnt = watched.run("monitor", "demo", "--baseline", "1s", "--every", "1s", "--json").document["learnt"]
    assert [(each["metric"], each["median"], each["missing"]) for each in learnt] == [
        ("health", 0, 0),
        ("queue", 5, 56),
    ]
    assert watched.run("monitor", "demo", "--baseline", "1s", "--guard").status == 2


ROLLOUT = """\
rollouts:
  customer_portal:
    environment: demo
    phases:
      - {name: pilot, companies: [15], guard: true}
      - {name: full, audience: everyone}
"""


def test_a_phase_that_is_guarded_needs_no_word_for_it(tmp_path: Path) -> None:
    guarding = METRICS.replace("environments: [demo]", "guard: true").replace("echo 5", "cat ../queue || echo 1")
    watched = Shell(tmp_path, ENVIRONMENTS + guarding + ROLLOUT)
    begun = watched.run("rollout", "start", "customer_portal", "--yes")
    assert begun.status == 0, begun.err
    assert "rolloutctl monitor demo customer_portal" in begun.out
    words = ("monitor", "demo", "customer_portal", "--every", "1s", "--for", "4s")
    well = watched.run(*words)
    assert (well.status, "as the plan says for pilot" in well.err) == (0, True), well.err
    next(tmp_path.rglob("app")).parent.joinpath("queue").write_text("5\n")
    assert watched.run(*words, "--no-guard").status == 6
    assert watched.run("status", "demo", "--json").document["environments"][0]["flags"]["customer_portal"]["enabled"]
    ran = watched.run(*words)
    assert ran.status == 6
    assert "The guard has switched customer_portal off, on 1 of 1 host" in ran.err
    flag = watched.run("status", "demo", "--json").document["environments"][0]["flags"]["customer_portal"]
    assert flag["enabled"] is False


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
    hooks = "hooks: {guard-fired: [{run: cat >fired.json}]}\n"
    watched = Shell(tmp_path, ENVIRONMENTS + hooks + METRICS.replace("environments: [demo]", "guard: true"))
    words = ("monitor", "demo", "customer_portal", "--guard", "--every", "1s", "--for", "6s")
    assert watched.run(*words).status == 3  # nobody can be asked
    assert watched.run("toggle", "demo", "customer_portal", "true", "--companies", "all", "--yes").status == 0
    ran = watched.run(*words, "--yes")
    assert ran.status == 6
    assert ran.err.count("The guard has switched customer_portal off, on 1 of 1 host") == 1
    status = watched.run("status", "demo", "--json").document["environments"][0]["flags"]["customer_portal"]
    assert status["enabled"] is False
    assert "guard: queue on demo: 2 of the newest 2" in watched.run("audit", "demo").out
    assert "It is recorded as incident" in ran.err
    fired = json.loads((tmp_path / "fired.json").read_text())
    assert fired["reason"].startswith("guard: queue on demo: 2 of the newest 2")
    (incident,) = watched.run("incident", "list", "demo", "--json").document["incidents"]
    assert (incident["severity"], incident["decision"]) == ("high", "switch-off")
    assert incident["detected"] <= incident["switched_off"]  # to the second


def test_a_guard_that_sees_nothing_is_an_alarm_told_once(tmp_path: Path) -> None:
    with webhooks(Hooked()) as ops:
        announce = f"""\
announce:
  facts: {{on_call: Ana, report_to: "#launch"}}
  channels: {{ops: {{webhook: "{ops.url}"}}}}
  automatic: {{incident: [ops]}}
"""
        metrics = "metrics: {queue: {source: run, run: exit 1, limit: <= 4, guard: true}}\n"
        watched = Shell(tmp_path, ENVIRONMENTS + announce + metrics)
        ran = watched.run("monitor", "demo", "customer_portal", "--guard", "--yes", "--every", "0.1s", "--for", "6s")
    assert ran.status == 6, ran.err
    assert ran.err.count("The guard sees nothing") == 1
    ((_, _, told),) = ops.taken
    assert (told["kind"], told["flag"]) == ("incident", "customer_portal")
    assert "no data of queue" in told["text"]
    assert watched.run("incident", "list", "demo", "--json").document["incidents"] == []
