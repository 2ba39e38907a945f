"""Reads the rollouts of environments.yaml, and holds them against its flags and environments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import PurePath

from rolloutctl.rules.config import Configuration, closest
from rolloutctl.rules.config_fields import Reader
from rolloutctl.rules.config_phases import Placed, each_once, read_phases
from rolloutctl.rules.config_timeline import read_timeline
from rolloutctl.rules.config_tree import Node
from rolloutctl.rules.durations import parse_duration
from rolloutctl.rules.freeze import DAYS
from rolloutctl.rules.raw_rollouts import CompanySourceKeys, RolloutKeys, ValidationKeys
from rolloutctl.rules.rollouts import CompanySource, Rollout, Validation

_SOURCES = ("run", "file", "ids")


def read_rollouts(reader: Reader, root: Node, around: Configuration) -> dict[str, Rollout]:
    """The rollouts, by the names of their flags, in the order of the file; `around` is what else the file says."""
    found = {}
    flags = (root.get("flags") or Node(line=0)).entries or {}  # also those that are ill written
    for flag, node in reader.entries(root, "rollouts", ""):
        if flag not in flags:
            line = (root.get("rollouts") or root).line_of(flag)
            reader.fault(line, f"rollouts names no flag: {flag}", meant=closest(flag, flags))
        rollout = _read_rollout(reader, flag, node, around)
        if rollout is not None:
            found[flag] = rollout
    return found


def _read_rollout(reader: Reader, flag: str, node: Node, around: Configuration) -> Rollout | None:
    place = f"rollouts.{flag}"
    values = reader.values(node, RolloutKeys, place)
    placed = read_phases(reader, node, place)
    source = _read_source(reader, node, place, around)
    validation = _read_validation(reader, node, place, around)
    timeline = read_timeline(reader, node, place, [each.phase for each in placed])
    if values is None:
        return None
    keys = RolloutKeys(phases=[], **values)
    rollout = Rollout(
        flag=flag,
        environment=keys.environment,
        start=date.fromisoformat(keys.start) if keys.start is not None else None,
        companies=source,
        validate=validation,
        timeline=timeline,
        phases=tuple(each.phase for each in placed),
        holidays=tuple(date.fromisoformat(each) for each in keys.holidays),
        weekend=tuple(DAYS.index(each) for each in keys.weekend),
        zone=keys.zone,
        shared_roles=keys.shared_roles,
    )
    _check_companies(reader, node, rollout, placed, around)
    _check_named(reader, node, rollout, placed)
    _check_environments(reader, node, rollout, placed, around)
    return rollout


def _read_source(reader: Reader, node: Node, place: str, around: Configuration) -> CompanySource | None:
    written, at = node.get("companies"), f"{place}.companies"
    if written is None or written.empty:
        return None
    keys = reader.struct(written, CompanySourceKeys, at)
    if keys is None:
        return None
    given = [key for key in _SOURCES if (each := written.get(key)) is not None and not each.empty]
    if len(given) != 1 and not {f"{at}.{key}" for key in _SOURCES} & reader.ill:
        reader.fault(written.line, f"{at} needs run, file or ids, and only one of them")
    each_once(reader, written, at, ["ids", "exclude"])
    return CompanySource(
        ids=tuple(keys.ids or ()),
        file=_path(around, keys.file),
        run=keys.run,
        exclude=tuple(keys.exclude),
        timeout=parse_duration(keys.timeout),
    )


def _read_validation(reader: Reader, node: Node, place: str, around: Configuration) -> Validation | None:
    written, at = node.get("validate"), f"{place}.validate"
    if written is None or written.empty:
        return None
    keys = reader.struct(written, ValidationKeys, at)
    if keys is None:
        return None
    each_once(reader, written, at, ["signoffs"])
    return Validation(
        environment=keys.environment, checklist=_path(around, keys.checklist), signoffs=tuple(keys.signoffs)
    )


def _path(around: Configuration, path: str | None) -> str | None:
    """A path as environments.yaml means it: absolute, below ~, or relative to that file."""
    return path if path is None or path.startswith("~") else str(PurePath(around.path).parent / path)


def _check_companies(
    reader: Reader, node: Node, rollout: Rollout, placed: Iterable[Placed], around: Configuration
) -> None:
    """A phase for some companies needs a flag that can be limited; a percentage, a list of which to take it."""
    flag = around.flags.get(rollout.flag)
    some = [each for each in placed if each.phase.companies or each.phase.percent is not None]
    if some and flag is not None and flag.companies_key is None:
        reader.fault(
            some[0].node.line, f"{some[0].at} is for some companies, but flags.{flag.name} has no companies_key"
        )
    percent = next((each for each in some if each.phase.percent is not None), None)
    written = node.get("companies")
    if percent is not None and (written is None or written.empty):
        where = f"rollouts.{rollout.flag}.companies lists no companies"
        reader.fault(percent.node.line_of("percent"), f"{percent.at} has a percentage, but {where}")


def _check_named(reader: Reader, node: Node, rollout: Rollout, placed: Iterable[Placed]) -> None:
    """The companies that phases name have to be among all, and no excluded ones."""
    written, source, place = node.get("companies"), rollout.companies, f"rollouts.{rollout.flag}.companies"
    if written is None or source is None:
        return
    for position, company in enumerate(source.exclude):
        phase = next((phase for phase in rollout.phases if company in phase.companies), None)
        if phase is not None:
            line = written.line_in("exclude", position)
            reader.fault(line, f"{place}.exclude names a company of the phase {phase.name}: {company}")
    for each in placed if source.ids else ():
        missing = [company for company in each.phase.companies if company not in source.ids]
        if missing:
            line = each.node.line_of("companies")
            reader.fault(line, f"{each.at}.companies names a company that {place}.ids lacks: {missing[0]}")


def _check_environments(
    reader: Reader, node: Node, rollout: Rollout, placed: Iterable[Placed], around: Configuration
) -> None:
    place, own = f"rollouts.{rollout.flag}", rollout.environment
    if own not in around.environments:
        meant = closest(own, around.environments)
        reader.fault(node.line_of("environment"), f"{place}.environment names no environment: {own}", meant=meant)
    for name, line, where in _other_environments(node, rollout, placed):
        if name == own:
            reader.fault(line, f"{where} is the environment of the rollout itself: {name}")
        elif name not in around.environments:
            meant = closest(name, (other for other in around.environments if other != own))
            reader.fault(line, f"{where} names no environment: {name}", meant=meant)


def _other_environments(node: Node, rollout: Rollout, placed: Iterable[Placed]) -> Iterator[tuple[str, int, str]]:
    """The environments that a rollout names beside its own, each with its line and its place."""
    validate = node.get("validate")
    if rollout.validate is not None and validate is not None:
        where = f"rollouts.{rollout.flag}.validate.environment"
        yield rollout.validate.environment, validate.line_of("environment"), where
    for each in placed:
        gates = each.node.get("gates") or each.node
        for position, name in enumerate(each.phase.gates.on_in):
            yield name, gates.line_in("on_in", position), f"{each.at}.gates.on_in"
