"""What `metrics` of environments.yaml means, and how each mistake in it is told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rolloutctl.errors import ConfigurationError
from rolloutctl.outside.yaml_tree import read_tree
from rolloutctl.rules.config import Configuration
from rolloutctl.rules.config_reading import read_configuration
from rolloutctl.rules.metrics import (
    FromCommand,
    FromLog,
    FromMysql,
    FromPrometheus,
    FromRedis,
    FromRequest,
    Limit,
    Metric,
    Sustained,
)

SHIPPED = Path(__file__).parents[2] / "environments.yaml"
HEAD = """\
version: 1
flags: {portal: {}}
environments:
  staging: {connection: embedded}
  production: {connection: embedded}
"""
WHOLE = """\
metrics:
  health: {source: request, path: /health, json: {status: ok}, expect: [200, 204], limit: "<= 0", guard: true}
  p95: {source: request, path: /portal, value: ms, limit: "< 3000", worse: 1.5x, for: 2 of 20, hosts: first}
  waiting: {source: request, path: /stats, field: queue.size, outside: true, headers: {X: "${TOKEN}"}, worse: 2x}
  portal_errors:
    {source: log, file: "logs/portal-*.log", level: error, pattern: "portal|retell", limit: "<= 0.05", worse: 2x}
  errors: {source: log, limit: "<= 5"}
  hit_ratio: {source: redis, limit: ">= 80", description: Lookups that the cache answers}
  evicted: {source: redis, value: evicted, client: redis-cli -n 1, limit: "<= 10"}
  memory: {source: redis, field: used_memory, unit: bytes, limit: "<=1000000000"}
  calls: {source: mysql, query: SELECT 1, client: mysql app, unit: per hour, worse: 0.5x, environments: [production]}
  queue: {source: run, run: php artisan queue:size, limit: "> -1.5", hosts: every, timeout: 1m}
  cpu: {source: prometheus, url: "http://${PROM}:9090", query: avg(x), limit: "<= 0.8", headers: {A: b}}
"""
SECRETS = {"TOKEN": "s3cret", "PROM": "prometheus"}


def read(text: str, secrets: dict[str, str] | None = None) -> Configuration:
    root, faults = read_tree(text)
    return read_configuration(root, path=Path("/team/environments.yaml"), secrets=secrets or {}, faults=faults)


def told(text: str) -> list[str]:
    """The faults of a file, without its name."""
    with pytest.raises(ConfigurationError) as caught:
        read(HEAD + text)
    return [line.removeprefix("environments.yaml:") for line in caught.value.details]


def in_metric(keys: str) -> list[str]:
    """The faults of a file whose metric m, on line 7, has the keys."""
    return told(f"metrics:\n  m: {{{keys}}}\n")


def test_every_key_of_a_metric_arrives_as_a_resolved_value() -> None:
    found = read(HEAD + WHOLE, SECRETS).metrics
    whole = (
        Metric(
            name="health",
            source=FromRequest(path="/health", json={"status": "ok"}, expect=(200, 204)),
            limit=Limit("<=", 0.0),
            guard=True,
        ),
        Metric(
            name="p95",
            source=FromRequest(path="/portal", value="ms"),
            unit="ms",
            limit=Limit("<", 3000.0),
            worse=1.5,
            sustained=Sustained(2, 20),
            hosts="first",
        ),
        Metric(
            name="waiting",
            source=FromRequest(
                path="/stats", value="field", number="queue.size", headers={"X": "s3cret"}, outside=True
            ),
            worse=2.0,
            hosts="none",
        ),
        Metric(
            name="portal_errors",
            source=FromLog(file="logs/portal-*.log", level="error", pattern="portal|retell"),
            unit="per minute",
            limit=Limit("<=", 0.05),
            worse=2.0,
        ),
        Metric(
            name="errors",
            source=FromLog(file="storage/logs/laravel.log"),
            unit="per minute",
            limit=Limit("<=", 5.0),
        ),
        Metric(
            name="hit_ratio",
            source=FromRedis(),
            description="Lookups that the cache answers",
            unit="%",
            limit=Limit(">=", 80.0),
            hosts="first",
        ),
        Metric(
            name="evicted",
            source=FromRedis(value="evicted", client="redis-cli -n 1"),
            unit="per minute",
            limit=Limit("<=", 10.0),
            hosts="first",
        ),
        Metric(
            name="memory",
            source=FromRedis(value="field", number="used_memory"),
            unit="bytes",
            limit=Limit("<=", 1e9),
            hosts="first",
        ),
        Metric(
            name="calls",
            source=FromMysql(query="SELECT 1", client="mysql app"),
            unit="per hour",
            worse=0.5,
            environments=("production",),
            hosts="first",
        ),
        Metric(
            name="queue",
            source=FromCommand(run="php artisan queue:size"),
            limit=Limit(">", -1.5),
            timeout=60.0,
        ),
        Metric(
            name="cpu",
            source=FromPrometheus(url="http://prometheus:9090", query="avg(x)", headers={"A": "b"}),
            limit=Limit("<=", 0.8),
            hosts="none",
        ),
    )
    assert found == {metric.name: metric for metric in whole}
    assert list(found) == [metric.name for metric in whole]


def test_a_file_without_metrics_has_none() -> None:
    assert read(HEAD).metrics == {}
    assert read(HEAD + "metrics:\n").metrics == {}


def test_a_metric_is_measured_in_every_environment_unless_it_says_where() -> None:
    found = read(HEAD + WHOLE, SECRETS).metrics
    assert [found["errors"].measured_in(name) for name in ("staging", "production")] == [True, True]
    assert [found["calls"].measured_in(name) for name in ("staging", "production")] == [False, True]


def test_a_metric_whose_secret_is_missing_says_so_and_stops_nothing_else() -> None:
    found = read(HEAD + WHOLE)
    assert [metric.name for metric in found.metrics.values() if metric.lacks] == ["waiting", "cpu"]
    assert found.metrics["cpu"].lacks == (
        "metrics.cpu.url names a secret that is neither in the environment nor in .env beside this file: ${PROM}"
    )
    assert [environment.unmet for environment in found.environments.values()] == [(), ()]


def test_no_representation_shows_a_secret() -> None:
    assert "s3cret" not in repr(read(HEAD + WHOLE, SECRETS))


_SOURCES = "must be request, log, redis, mysql, run or prometheus"
_LIMIT = 'must be a sign and a number such as "<= 0.05" or ">= 80"'
_FACTOR = "must be a factor other than 1, such as 2x or 0.5x"
_FOR = "must be such as 3 of 5: the first at least 2, the second at most 100"
_ERE = "must be an extended regular expression"
_PERL = "; those of Perl are none: \\d is [0-9], \\w is [[:alnum:]_], and there is no (?"
_REQUEST = "it has path, value, field, expect, json, headers, outside, hosts"


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("limit: '<= 1'", " needs the key source"),
        ("source: logs, limit: '<= 1'", f".source {_SOURCES}: logs; did you mean 'log'?"),
        ("source: log, limit: 1", f".limit {_LIMIT}: 1"),
        ("source: log, limit: about 5", f".limit {_LIMIT}: about 5"),
        ("source: log, limit: '= 5'", f".limit {_LIMIT}: = 5"),
        ("source: log, limit: '<= nan'", f".limit {_LIMIT}: <= nan"),
        ("source: log, limit: '<= 1e9'", f".limit {_LIMIT}: <= 1e9"),
        ("source: log, worse: 2", f".worse {_FACTOR}: 2"),
        ("source: log, worse: 1x", f".worse {_FACTOR}: 1x"),
        ("source: log, worse: 0x", f".worse {_FACTOR}: 0x"),
        ("source: log, worse: -2x", f".worse {_FACTOR}: -2x"),
        ("source: log, limit: '<= 1', for: 5 of 3", f".for {_FOR}: 5 of 3"),
        ("source: log, limit: '<= 1', for: 1 of 3", f".for {_FOR}: 1 of 3"),
        ("source: log, limit: '<= 1', for: 2 of 101", f".for {_FOR}: 2 of 101"),
        ("source: log, limit: '<= 1', for: 3", f".for {_FOR}: 3"),
        ("source: log", " needs limit or worse, or nothing could ever be wrong with it"),
        ("source: log, limit: '<= 5', worse: 0.5x", ".limit says that a rise is bad, worse a fall: 0.5x"),
        ("source: redis, limit: '>= 80', worse: 2x", ".limit says that a fall is bad, worse a rise: 2x"),
        ("source: log, limit: '<= 1', path: /x", " of source log has no path; it has file, level, pattern, hosts"),
        ("source: request, limit: '<= 1', path: /x, run: a", f" of source request has no run; {_REQUEST}"),
        ("source: request, limit: '<= 1'", " of source request needs the key path"),
        ("source: mysql, limit: '<= 1'", " of source mysql needs the key query"),
        ("source: run, limit: '<= 1', run:", " of source run needs the key run"),
        ("source: prometheus, query: a, limit: '<= 1'", " of source prometheus needs the key url"),
        ("source: prometheus, query: a, url: x, limit: '<= 1'", None),
        ("source: request, path: x, limit: '<= 1'", ".path must be a path that begins with /: x"),
        ("source: request, path: /x, value: evicted, limit: '<= 1'", ".value must be failed or ms or status: evicted"),
        ("source: redis, value: ms, limit: '<= 1'", ".value must be hit_ratio or evicted: ms"),
        ("source: redis, value: evicted, field: a, limit: '<= 1'", " has field beside value: a"),
        (
            "source: request, path: /x, outside: true, hosts: first, limit: '<= 1'",
            " is asked from outside, and of no host: first",
        ),
        ("source: log, hosts: all, limit: '<= 1'", ".hosts must be every or first: all"),
        ("source: log, level: err, limit: '<= 1'", ".level must be a level such as error: err; did you mean 'error'?"),
        ("source: log, pattern: '(', limit: '<= 1'", f".pattern {_ERE}: ("),
        ("source: log, pattern: '\\d+', limit: '<= 1'", f".pattern {_ERE}{_PERL}: \\d+"),
        ("source: log, pattern: '(?i)x', limit: '<= 1'", f".pattern {_ERE}{_PERL}: (?i)x"),
        ("source: log, guard: yes, limit: '<= 1'", ".guard must be true or false: yes"),
        (
            "source: log, environments: [productoin], limit: '<= 1'",
            ".environments names no environment: productoin; did you mean 'production'?",
        ),
        ("source: log, unit: 'a very long name of a unit', limit: '<= 1'", None),
    ],
)
def test_a_fault_of_a_metric_names_its_line(keys: str, expected: str | None) -> None:
    (line,) = in_metric(keys)
    assert line.startswith("7: metrics.m")
    assert expected is None or line == f"7: metrics.m{expected}"


def test_a_misspelt_key_of_a_metric_is_answered_with_the_likely_one() -> None:
    assert in_metric("source: log, limt: '<= 1', worse: 2x") == [
        "7: unknown key in metrics.m: limt; did you mean 'limit'?"
    ]
    assert in_metric("source: run, rnu: a, worse: 2x") == ["7: unknown key in metrics.m: rnu; did you mean 'run'?"]


def test_metrics_have_names() -> None:
    assert told("metrics: [a]\n") == ["6: metrics must be a mapping of names: a list"]
    assert told("metrics:\n  m:\n") == ["7: metrics.m must be a mapping: nothing"]
    (line,) = told("metrics:\n  a b: {source: log, worse: 2x}\n")
    assert line.startswith("7: a name in metrics must be letters, digits")


def gated(metrics: str, gates: str) -> str:
    phases = f"[{{name: dark, audience: nobody, gates: {{metrics: {gates}}}}}, {{name: full, audience: everyone}}]"
    return f"{metrics}\nrollouts:\n  portal:\n    environment: staging\n    phases: {phases}\n"


def test_a_gate_names_a_metric_that_is_there() -> None:
    errors = "metrics: {errors: {source: log, worse: 2x}}"
    place = "10: rollouts.portal.phases[0].gates.metrics names"
    (dark, _) = read(HEAD + gated(errors, "[errors]")).rollout("portal").phases
    assert dark.gates.metrics == ("errors",)
    assert told(gated(errors, "[errors, erors]")) == [f"{place} no metric: erors; did you mean 'errors'?"]
    assert told(gated("#", "[errors]")) == [f"{place} no metric: errors"]
    assert told(gated("#", "[source]")) == [f"{place} no metric: source"]
    assert read(HEAD + gated("#", "[]")).metrics == {}


def test_a_gate_names_no_metric_of_another_environment() -> None:
    errors = "metrics: {errors: {source: log, worse: 2x, environments: [production]}}"
    place = "10: rollouts.portal.phases[0].gates.metrics names a metric that is not measured in staging"
    assert told(gated(errors, "[errors]")) == [f"{place}: errors"]


def test_a_phase_that_is_guarded_needs_a_metric_that_guards() -> None:
    def guarded(metrics: str) -> str:
        return gated(metrics, "[]").replace("gates: {metrics: []}", "guard: true")

    place = "10: rollouts.portal.phases[0].guard can't be: no metric that is measured in staging has guard: true"
    (dark, full) = (
        read(HEAD + guarded("metrics: {errors: {source: log, worse: 2x, guard: true}}")).rollout("portal").phases
    )
    assert (dark.guard, full.guard) == (True, False)
    assert told(guarded("metrics: {errors: {source: log, worse: 2x}}")) == [place]
    assert told(guarded("metrics: {errors: {source: log, worse: 2x, guard: true, environments: [production]}}")) == [
        place
    ]
    assert [line.partition(":")[0] for line in told(guarded("metrics: {errors: {source: x}}"))] == ["6"]


def test_a_metric_that_is_ill_written_is_not_told_to_be_unknown() -> None:
    assert [line.partition(":")[0] for line in told(gated("metrics: {errors: {source: x}}", "[errors]"))] == ["6"]


def test_the_metrics_of_the_shipped_file_are_right() -> None:
    found = read(SHIPPED.read_text()).metrics
    assert list(found) == ["health", "portal_errors", "error_rate", "p95", "hit_ratio", "calls"]
    assert [name for name, metric in found.items() if metric.guard] == ["health", "portal_errors"]
    assert all(re.search(r"\w", metric.description) for metric in found.values())
    assert [name for name, metric in found.items() if metric.measured_in("demo")] == ["health"]
