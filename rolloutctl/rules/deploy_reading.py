"""Reads `deploy` of an environment, and `tasks`."""

from __future__ import annotations

from collections.abc import Mapping

from rolloutctl.rules.config import Environment, closest
from rolloutctl.rules.config_fields import Reader
from rolloutctl.rules.config_tree import Node
from rolloutctl.rules.deploys import Deploy, DeployStep
from rolloutctl.rules.durations import parse_duration
from rolloutctl.rules.raw_deploy import DeployFlagsKeys, DeployKeys, DeployStepKeys, TaskKeys
from rolloutctl.rules.tasks import Task

_BUILTINS = {"config-cache": "config cache", "steps": "steps"}


def read_deploy(reader: Reader, node: Node | None, place: str) -> Deploy | None:
    """How code comes to an environment; None where nothing says so."""
    if node is None or node.empty:
        return None
    values = reader.values(node, DeployKeys, place)
    steps = [read_deploy_step(reader, item, at) for at, item in reader.items(node, "steps", place)]
    flags_node = node.get("flags")
    flags = DeployFlagsKeys()
    if flags_node is not None and not flags_node.empty:
        flags = reader.struct(flags_node, DeployFlagsKeys, f"{place}.flags") or flags
    if values is None:
        return None
    keys = DeployKeys(**values)
    if keys.verify_only == bool(steps):
        both = "has steps beside verify_only" if steps else "needs steps, or verify_only: true"
        reader.fault(node.line, f"{place} {both}")
    read = tuple(step for step in steps if step is not None)
    _check_names(reader, node, place, read)
    return Deploy(
        steps=read,
        verify_only=keys.verify_only,
        ref=keys.ref,
        commit=keys.commit,
        add_flags=flags.default == "off",
    )


def read_deploy_step(reader: Reader, node: Node, place: str) -> DeployStep | None:
    """A step with exactly one of `run` and `builtin`, and a name."""
    keys = reader.struct(node, DeployStepKeys, place)
    if keys is None:
        return None
    if (keys.run is None) == (keys.builtin is None):
        reader.fault(node.line, f"{place} needs run or builtin, and only one of them")
        return None
    if keys.run is not None and keys.name is None:
        reader.fault(node.line, f"{place} needs a name: it stands on the screen and in the records")
    if keys.builtin == "steps" and (keys.once or keys.when):
        reader.fault(node.line, f"{place} has once or when beside builtin: steps, whose steps say that themselves")
    files = (keys.when,) if isinstance(keys.when, str) else tuple(keys.when or ())
    return DeployStep(
        name=keys.name or _BUILTINS.get(keys.builtin or "", ""),
        run=keys.run,
        builtin=keys.builtin,
        timeout=parse_duration(keys.timeout),
        once=keys.once,
        when=files,
    )


def read_tasks(reader: Reader, root: Node, environments: Mapping[str, Environment]) -> dict[str, Task]:
    """The named commands; one that may run in a protected environment has to be confirmed."""
    found: dict[str, Task] = {}
    for name, node in reader.entries(root, "tasks", ""):
        place = f"tasks.{name}"
        keys = reader.struct(node, TaskKeys, place)
        if keys is None:
            continue
        if not keys.environments:
            reader.fault(node.line_of("environments"), f"{place}.environments names none: it could run nowhere")
        for position, each in enumerate(keys.environments):
            line = node.line_in("environments", position)
            if each not in environments:
                meant = closest(each, environments)
                reader.fault(line, f"{place}.environments names no environment: {each}", meant=meant)
            elif environments[each].protected and not keys.confirm:
                reader.fault(line, f"{place} may run in {each}, which is protected: that needs confirm: true")
        found[name] = Task(
            name=name,
            run=keys.run,
            environments=tuple(keys.environments),
            on=keys.on,
            confirm=keys.confirm,
            timeout=parse_duration(keys.timeout),
            description=keys.description,
        )
    return found


def _check_names(reader: Reader, node: Node, place: str, steps: tuple[DeployStep, ...]) -> None:
    """Two steps of one name could not be told apart, on the screen and in the records."""
    seen: set[str] = set()
    for step in steps:
        if step.name in seen:
            reader.fault(node.line_of("steps"), f"{place}.steps has two of one name: {step.name}")
        seen.add(step.name)
