"""Reads the pieces of environments.yaml that stand for themselves: steps, health, freeze windows, probes, flags."""

from __future__ import annotations

from msgspec import UNSET

from rolloutctl.rules.config import Flag, Health, Probe, Step
from rolloutctl.rules.config_fields import Reader
from rolloutctl.rules.config_tree import Node
from rolloutctl.rules.durations import parse_duration
from rolloutctl.rules.freeze import Freeze, parse_week_time
from rolloutctl.rules.raw_config import FlagKeys, FreezeKeys, HealthKeys, ProbeKeys, StepKeys


def read_step(reader: Reader, node: Node, place: str) -> Step | None:
    """A step with exactly one of `run` and `builtin`."""
    keys = reader.struct(node, StepKeys, place)
    if keys is None:
        return None
    given = [key for key in ("run", "builtin") if (written := node.get(key)) is not None and not written.empty]
    if len(given) != 1:
        reader.fault(node.line, f"{place} needs run or builtin, and only one of them: {keys.name}")
    if (keys.builtin == "opcache-forget") != (node.get("socket") is not None):
        reader.fault(node.line, f"{place}: builtin: opcache-forget and socket need one another: {keys.name}")
    return Step(
        name=keys.name,
        run=keys.run,
        builtin=keys.builtin,
        socket=keys.socket or "",
        timeout=parse_duration(keys.timeout),
        once=keys.once,
        check=keys.check,
    )


def read_health(reader: Reader, node: Node, place: str) -> Health | None:
    """The health check; `null` takes the defaults' away."""
    if node.empty:
        return None
    keys = reader.struct(node, HealthKeys, place)
    if keys is None or f"{place}.headers" in reader.ill:  # without its secret it would be another request
        return None
    return Health(
        path=keys.path,
        expect=_statuses(keys.expect),
        json=keys.json,
        within=parse_duration(keys.within),
        outside=keys.outside,
        headers=keys.headers,
    )


def read_freeze(reader: Reader, node: Node, place: str) -> Freeze | None:
    """A weekly window that is neither empty nor the whole week."""
    keys = reader.struct(node, FreezeKeys, place)
    if keys is None:
        return None
    start, end = parse_week_time(keys.start), parse_week_time(keys.end)
    if start == end:
        reader.fault(node.line, f"{place} ends when it begins: {start}")
    return Freeze(start=start, end=end, zone=keys.zone)


def read_probe(reader: Reader, node: Node, place: str) -> Probe | None:
    """A probe that expects something of somebody."""
    keys = reader.struct(node, ProbeKeys, place)
    if keys is None or f"{place}.headers" in reader.ill:
        return None
    audiences = [key for key in ("off", "limited", "on") if node.get(key) is not None]
    if keys.always is not UNSET and audiences:
        reader.fault(node.line_of("always"), f"{place} has always beside {audiences[0]}: {keys.path}")
    if keys.always is UNSET and not audiences:
        reader.fault(node.line, f"{place} expects nothing; write off and on, or always: {keys.path}")
    on = _statuses(keys.on if keys.always is UNSET else keys.always)
    return Probe(
        path=keys.path,
        off=_statuses(keys.off) if keys.always is UNSET else on,
        limited=on if keys.limited is UNSET else _statuses(keys.limited),
        on=on,
        headers=keys.headers,
        outside=keys.outside,
        always=keys.always is not UNSET,
    )


def read_flag(reader: Reader, name: str, node: Node) -> Flag | None:
    """A flag, with what it leaves out named after it."""
    place = f"flags.{name}"
    read = [read_probe(reader, item, at) for at, item in reader.items(node, "probes", place)]
    keys = reader.struct(node, FlagKeys, place)
    if keys is None:
        return None
    config = f"features.{name}" if keys.config is UNSET else keys.config
    companies_config = keys.companies_config
    if companies_config is UNSET:
        companies_config = _beside(keys.companies_key) if config is not None else None
    return Flag(
        name=name,
        description=keys.description,
        key=env_key(name) if keys.key is UNSET else keys.key,
        companies_key=keys.companies_key,
        config=config,
        companies_config=companies_config,
        probes=tuple(probe for probe in read if probe is not None),
    )


def env_key(name: str) -> str:
    """The key in `.env` of a flag that names none: FEATURE_ and the name in capitals."""
    return "FEATURE_" + name.upper().replace("-", "_").replace(".", "_")


def _beside(companies_key: str | None) -> str | None:
    return None if companies_key is None else f"features.{companies_key.removeprefix('FEATURE_').lower()}"


def _statuses(keys: int | list[int]) -> tuple[int, ...]:
    return (keys,) if isinstance(keys, int) else tuple(keys)
