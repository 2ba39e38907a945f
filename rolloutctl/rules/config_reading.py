"""From the tree of environments.yaml to the configuration: defaults merged, names resolved, every fault noted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from rolloutctl.errors import ConfigurationError
from rolloutctl.rules.config import Configuration, Environment, Flag, closest
from rolloutctl.rules.config_fields import Reader
from rolloutctl.rules.config_hosts import Layers, embedded_url, read_hosts, read_source
from rolloutctl.rules.config_pieces import read_flag, read_freeze, read_health, read_step
from rolloutctl.rules.config_tree import Fault, Node, unprintable
from rolloutctl.rules.durations import parse_duration
from rolloutctl.rules.raw_config import EnvironmentKeys, FileKeys, SharedKeys
from rolloutctl.rules.raw_types import NAME, NAME_WANTS

if TYPE_CHECKING:
    from rolloutctl.rules.deploys import Deploy
    from rolloutctl.rules.metrics import Metric
    from rolloutctl.rules.rollouts import Rollout
    from rolloutctl.rules.tasks import Task

VERSION = 1


def read_configuration(
    root: Node, *, path: PurePath, secrets: Mapping[str, str], unread: str = "", faults: Iterable[Fault] = ()
) -> Configuration:
    """The configuration that the tree of the file at `path` stands for; `faults` are those already found in it.

    `unread`: why the `.env` of secrets could not be read.

    Raises:
        ConfigurationError: with one line in `details` for each fault.
    """
    reader = Reader(secrets=secrets, unread=unread, faults=[*faults, *unprintable(root)])
    configuration = Configuration(path=str(path), flags={}, environments={})
    if _known_version(reader, root):
        reader.values(root, FileKeys, "the file")
        flags = _read_flags(reader, root)
        configuration = Configuration(path=str(path), flags=flags, environments=_read_environments(reader, root, path))
        configuration = replace(configuration, metrics=_read_metrics(reader, root, configuration))
        configuration = replace(configuration, rollouts=_read_rollouts(reader, root, configuration))
        configuration = replace(configuration, tasks=_read_tasks(reader, root, configuration))
        configuration = _with_announcing(reader, root, path, configuration)
    if reader.faults:
        raise faulty(path, reader.faults)
    return configuration


def faulty(path: PurePath, faults: Iterable[Fault]) -> ConfigurationError:
    """The error that lists the faults of a file, in the order of its lines."""
    lines = tuple(fault.at(path.name) for fault in sorted(set(faults)))
    return ConfigurationError(
        f"{path.name} has {len(lines)} faults." if len(lines) > 1 else f"{path.name} has a fault.",
        subject=str(path),
        details=lines,
        hint="What the file may hold: docs/environments.md, and `rolloutctl schema` for your editor.",
    )


def _known_version(reader: Reader, root: Node) -> bool:
    """Whether the rest can be understood: a file of another version has other keys."""
    version = root.get("version")
    if version is None or version.scalar == VERSION:
        return root.entries is not None or reader.values(root, FileKeys, "the file") is not None
    reader.fault(
        version.line, f"version must be the number {VERSION}, the only format that this rolloutctl reads: {version}"
    )
    return False


def _read_flags(reader: Reader, root: Node) -> dict[str, Flag]:
    flags: dict[str, Flag] = {}
    owners: dict[str, str] = {}
    for name, node in _named(reader, root, "flags"):
        flag = read_flag(reader, name, node)
        if flag is None:
            continue
        for key, written_at in ((flag.key, "key"), (flag.companies_key, "companies_key")):
            if key is not None and key in owners:
                reader.fault(node.line_of(written_at), f"flags.{name} has the key of flags.{owners[key]}: {key}")
            elif key is not None:
                owners[key] = name
        flags[name] = flag
    return flags


def _read_environments(reader: Reader, root: Node, path: PurePath) -> dict[str, Environment]:
    written_defaults = root.get("defaults")
    has_defaults = written_defaults is not None and not written_defaults.empty
    defaults = _shared(reader, written_defaults, SharedKeys, "defaults") if written_defaults and has_defaults else {}
    nodes = _named(reader, root, "environments")
    if not nodes and root.get("environments") is not None and not reader.faults:
        reader.fault(root.line_of("environments"), "environments names no environment")
    shared, found = tuple(reader.unmet), {}
    for name, node in nodes:
        reader.unmet[:] = shared
        environment = _read_environment(
            reader, name, node, Layers(defaults=defaults, environment={}, folder=path.parent)
        )
        found[name] = replace(environment, unmet=_unmet(reader, node, path))
    _check_requires(reader, dict(nodes), found)
    return found


def _read_metrics(reader: Reader, root: Node, around: Configuration) -> dict[str, Metric]:
    if root.get("metrics") is None:
        return {}
    from rolloutctl.rules.config_metrics import read_metrics  # noqa: PLC0415 - a file without metrics needs none

    return read_metrics(reader, root, around)


def _read_rollouts(reader: Reader, root: Node, around: Configuration) -> dict[str, Rollout]:
    if root.get("rollouts") is None:
        return {}
    from rolloutctl.rules.config_metrics import check_gates  # noqa: PLC0415 - a file without rollouts needs none
    from rolloutctl.rules.config_rollouts import read_rollouts  # noqa: PLC0415

    found = read_rollouts(reader, root, around)
    check_gates(reader, root, around)
    return found


def _read_tasks(reader: Reader, root: Node, around: Configuration) -> dict[str, Task]:
    if root.get("tasks") is None:
        return {}
    from rolloutctl.rules.deploy_reading import read_tasks  # noqa: PLC0415 - a file without tasks needs none

    return read_tasks(reader, root, around.environments)


def _read_deploy(reader: Reader, node: Node, place: str) -> Deploy | None:
    if node.get("deploy") is None:
        return None
    from rolloutctl.rules.deploy_reading import read_deploy  # noqa: PLC0415 - nor one that deploys nothing

    return read_deploy(reader, node.get("deploy"), f"{place}.deploy")


def _with_announcing(reader: Reader, root: Node, path: PurePath, around: Configuration) -> Configuration:
    if root.get("announce") is None and root.get("hooks") is None:
        return around
    from rolloutctl.rules.config_announce import read_announcing, read_hooks  # noqa: PLC0415 - only where it is needed

    return replace(around, announcing=read_announcing(reader, root, path), hooks=read_hooks(reader, root, path))


def _unmet(reader: Reader, node: Node, path: PurePath) -> tuple[str, ...]:
    """The secrets that an environment lacks: its own, the flags', and those of defaults that it does not replace."""
    replaced = tuple(f"defaults.{key}" for key in node.entries or ())
    return tuple(fault.at(path.name) for place, fault in reader.unmet if not place.startswith(replaced))


def _named(reader: Reader, root: Node, key: str) -> list[tuple[str, Node]]:
    """The names and mappings below a key; a name with nothing below it stands for an empty mapping on its line."""
    named = root.get(key) or root
    found = []
    for name, node in reader.entries(root, key, ""):
        line = named.line_of(name)
        if not re.search(NAME, name):
            reader.fault(line, f"a name in {key} must be {NAME_WANTS}: {name}")
        found.append((name, Node(line=line, entries={}) if node.empty else node))
    return found


def _read_environment(reader: Reader, name: str, node: Node, layers: Layers) -> Environment:
    place = f"environments.{name}"
    own = _shared(reader, node, EnvironmentKeys, place)
    layers = Layers(defaults=layers.defaults, environment=own, folder=layers.folder)
    nested = {key: value for key, value in (layers.defaults | own).items() if key in ("steps", "health", "freeze")}
    keys = EnvironmentKeys(**{key: value for key, value in (layers.defaults | own).items() if key not in nested})
    hosts = read_hosts(reader, name, node, layers)
    return Environment(
        name=name,
        url=keys.url.rstrip("/") if keys.url else embedded_url(hosts),
        hosts=hosts,
        source=read_source(reader, name, node, layers),
        protected=keys.protected,
        requires=tuple(keys.requires),
        hold=parse_duration(keys.hold),
        volatile=tuple(keys.volatile),
        deploy_locks=tuple(keys.deploy_locks),
        deploy=_read_deploy(reader, node, place),
        **nested,
    )


def _shared(reader: Reader, node: Node, kind: type[SharedKeys], place: str) -> dict[str, Any]:
    """What `defaults` or an environment says itself; its steps, health check and windows as resolved values."""
    own = reader.values(node, kind, place) or {}
    if node.get("steps") is not None:
        steps = [read_step(reader, item, at) for at, item in reader.items(node, "steps", place)]
        own["steps"] = tuple(step for step in steps if step is not None)
    if node.get("freeze") is not None:
        windows = [read_freeze(reader, item, at) for at, item in reader.items(node, "freeze", place)]
        own["freeze"] = tuple(window for window in windows if window is not None)
    health = node.get("health")
    if health is not None:
        own["health"] = read_health(reader, health, f"{place}.health")
    return own


def _check_requires(reader: Reader, nodes: Mapping[str, Node], found: Mapping[str, Environment]) -> None:
    for name, environment in found.items():
        for position, required in enumerate(environment.requires):
            line = nodes[name].line_in("requires", position)
            if required not in found:
                meant = closest(required, (other for other in found if other != name))
                reader.fault(line, f"environments.{name}.requires names no environment: {required}", meant=meant)
            elif name in _required_by(required, found):
                reader.fault(line, f"environments.{name}.requires comes back to itself: {required}")


def _required_by(name: str, found: Mapping[str, Environment]) -> set[str]:
    """The environment and all that it requires, directly or through others."""
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        each = waiting.pop()
        if each in found and each not in seen:
            seen.add(each)
            waiting.extend(found[each].requires)
    return seen
