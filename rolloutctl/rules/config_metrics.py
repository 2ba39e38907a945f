"""Reads the metrics of environments.yaml, and holds the gates of its rollouts against them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from msgspec import UNSET

from rolloutctl.rules.config import Configuration, closest
from rolloutctl.rules.config_fields import Reader
from rolloutctl.rules.config_tree import Node
from rolloutctl.rules.durations import parse_duration
from rolloutctl.rules.metrics import (
    FromCommand,
    FromLog,
    FromMysql,
    FromPrometheus,
    FromRedis,
    FromRequest,
    Limit,
    Metric,
    Sign,
    Source,
    Sustained,
)
from rolloutctl.rules.raw_metrics import FACTOR, LIMIT, SUSTAINED, MetricKeys
from rolloutctl.rules.raw_types import NAME, NAME_WANTS

# The keys that only some sources have.
_KEYS = {
    "request": ("path", "value", "field", "expect", "json", "headers", "outside", "hosts"),
    "log": ("file", "level", "pattern", "hosts"),
    "redis": ("value", "field", "client", "hosts"),
    "mysql": ("query", "client", "hosts"),
    "run": ("run", "hosts"),
    "prometheus": ("url", "query", "headers"),
}
_SOME = frozenset(key for keys in _KEYS.values() for key in keys)
_NEEDED = {"request": ("path",), "mysql": ("query",), "run": ("run",), "prometheus": ("url", "query")}
_VALUES = {"request": ("failed", "ms", "status"), "redis": ("hit_ratio", "evicted")}
_UNITS = {"ms": "ms", "hit_ratio": "%", "evicted": "per minute"}
_ON_EVERY_HOST = ("request", "log")


def read_metrics(reader: Reader, root: Node, around: Configuration) -> dict[str, Metric]:
    """The metrics, by name, in the order of the file; `around` is what else the file says."""
    found = {}
    for name, node in reader.entries(root, "metrics", ""):
        if not re.search(NAME, name):
            line = (root.get("metrics") or root).line_of(name)
            reader.fault(line, f"a name in metrics must be {NAME_WANTS}: {name}")
        metric = _read_metric(reader, name, node, around)
        if metric is not None:
            found[name] = metric
    return found


def check_gates(reader: Reader, root: Node, around: Configuration) -> None:
    """Every metric that a gate names has to be there, and measured where the flag is rolled out."""
    declared = [name for name, _ in _entries(root, "metrics")]  # also those that are ill written
    for flag, rollout in _entries(root, "rollouts"):
        environment = rollout.get("environment") or rollout
        for at, item in _gated(rollout, f"rollouts.{flag}"):
            metric = around.metrics.get(item.text)
            if at in reader.ill:
                continue
            if item.text not in declared:
                reader.fault(item.line, f"{at} names no metric: {item}", meant=closest(item.text, declared))
            elif metric is not None and not metric.measured_in(environment.text):
                reader.fault(item.line, f"{at} names a metric that is not measured in {environment}: {item}")
        if len(around.metrics) == len(declared):
            _check_guards(reader, rollout, f"rollouts.{flag}", around)


def _check_guards(reader: Reader, rollout: Node, place: str, around: Configuration) -> None:
    """A phase that is to be guarded needs a metric that may switch the flag off."""
    environment = (rollout.get("environment") or rollout).text
    able = any(metric.guard and metric.measured_in(environment) for metric in around.metrics.values())
    for number, phase in enumerate(_items(rollout, "phases")):
        wanted = phase.get("guard")
        if wanted is not None and wanted.scalar is True and not able:
            why = f"no metric that is measured in {environment} has guard: true"
            reader.fault(wanted.line, f"{place}.phases[{number}].guard can't be: {why}")


def _entries(node: Node, key: str) -> list[tuple[str, Node]]:
    child = node.get(key)
    return list((child.entries or {}).items()) if child is not None else []


def _items(node: Node | None, key: str) -> tuple[Node, ...]:
    child = node.get(key) if node is not None else None
    return (child.items if child is not None else None) or ()


def _gated(rollout: Node, place: str) -> Iterator[tuple[str, Node]]:
    for number, phase in enumerate(_items(rollout, "phases")):
        for item in _items(phase.get("gates"), "metrics"):
            yield f"{place}.phases[{number}].gates.metrics", item


def _read_metric(reader: Reader, name: str, node: Node, around: Configuration) -> Metric | None:
    place, unmet = f"metrics.{name}", len(reader.unmet)
    keys = reader.struct(node, MetricKeys, place)
    if keys is None:
        return None
    lacks = "; ".join(fault.text for _, fault in reader.unmet[unmet:])
    _check_keys(reader, node, place, keys)
    _check_value(reader, node, place, keys)
    _check_bounds(reader, node, place, keys)
    _check_environments(reader, node, place, around)
    outside = keys.source == "prometheus" or keys.outside
    return Metric(
        name=name,
        source=_source(keys),
        description=keys.description,
        unit=_unit(keys) if keys.unit is UNSET else keys.unit,
        limit=_limit(keys.limit),
        worse=_factor(keys.worse),
        sustained=_sustained(keys.sustained),
        guard=keys.guard,
        hosts="none" if outside else keys.hosts or ("every" if keys.source in _ON_EVERY_HOST else "first"),
        environments=tuple(keys.environments),
        timeout=parse_duration(keys.timeout),
        lacks=lacks,
    )


def _check_keys(reader: Reader, node: Node, place: str, keys: MetricKeys) -> None:
    """It has the keys of its source, all that this needs, and no other source's."""
    own, written = _KEYS[keys.source], node.entries or {}
    for key in (key for key in written if key in _SOME and key not in own):
        reader.fault(node.line_of(key), f"{place} of source {keys.source} has no {key}; it has {', '.join(own)}")
    for key in _NEEDED.get(keys.source, ()):
        if (key not in written or written[key].empty) and f"{place}.{key}" not in reader.ill:
            reader.fault(node.line, f"{place} of source {keys.source} needs the key {key}")
    if keys.outside and keys.hosts is not None and keys.source == "request":
        reader.fault(node.line_of("hosts"), f"{place} is asked from outside, and of no host: {keys.hosts}")


def _check_value(reader: Reader, node: Node, place: str, keys: MetricKeys) -> None:
    if keys.value is None or keys.source not in _VALUES:
        return
    if keys.value not in _VALUES[keys.source]:
        reader.fault(node.line_of("value"), f"{place}.value must be {' or '.join(_VALUES[keys.source])}: {keys.value}")
    if keys.number is not None:
        reader.fault(node.line_of("field"), f"{place} has field beside value: {keys.number}")


def _check_bounds(reader: Reader, node: Node, place: str, keys: MetricKeys) -> None:
    limit, worse = _limit(keys.limit), _factor(keys.worse)
    told = {f"{place}.limit", f"{place}.worse"} & reader.ill
    if limit is None and worse is None and not told:
        reader.fault(node.line, f"{place} needs limit or worse, or nothing could ever be wrong with it")
    if limit is not None and worse is not None and limit.upper != (worse > 1):
        bad = ("a rise", "a fall") if limit.upper else ("a fall", "a rise")
        reader.fault(node.line_of("worse"), f"{place}.limit says that {bad[0]} is bad, worse {bad[1]}: {keys.worse}")


def _check_environments(reader: Reader, node: Node, place: str, around: Configuration) -> None:
    for item in _items(node, "environments"):
        if item.text not in around.environments and f"{place}.environments" not in reader.ill:
            meant = closest(item.text, around.environments)
            reader.fault(item.line, f"{place}.environments names no environment: {item}", meant=meant)


def _source(keys: MetricKeys) -> Source:
    expect = (keys.expect,) if isinstance(keys.expect, int) else tuple(keys.expect)
    number: Any = "field" if keys.number is not None else keys.value
    what = {"number": keys.number or "", **({} if number is None else {"value": number})}
    sources: Mapping[str, Callable[[], Source]] = {
        "request": lambda: FromRequest(
            path=keys.path or "/", expect=expect, json=keys.json, headers=keys.headers, outside=keys.outside, **what
        ),
        "log": lambda: FromLog(file=keys.file, level=keys.level, pattern=keys.pattern),
        "redis": lambda: FromRedis(client=keys.client or "redis-cli", **what),
        "mysql": lambda: FromMysql(client=keys.client or "mysql", query=keys.query or ""),
        "run": lambda: FromCommand(run=keys.run or ""),
        "prometheus": lambda: FromPrometheus(url=keys.url or "", query=keys.query or "", headers=keys.headers),
    }
    return sources[keys.source]()


def _unit(keys: MetricKeys) -> str:
    if keys.source == "log":
        return "per minute"
    value = "hit_ratio" if keys.source == "redis" and keys.value is None and keys.number is None else keys.value
    return _UNITS.get(value or "", "")


def _limit(written: str | None) -> Limit | None:
    found = re.search(LIMIT, written or "")
    return Limit(cast("Sign", found[1]), float(found[2])) if found else None


def _factor(written: str | None) -> float | None:
    found = re.search(FACTOR, written or "")
    return float(found[1]) if found else None


def _sustained(written: str) -> Sustained:
    found = re.search(SUSTAINED, written)
    return Sustained(int(found[1]), int(found[2])) if found else Sustained()
