"""rollout checklist: show it, tick items, or let those that can look for themselves; all of it is recorded."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from rolloutctl.errors import UsageError
from rolloutctl.rules.check_runs import CheckRun
from rolloutctl.rules.checklists import Checklist
from rolloutctl.rules.rollouts import Validation
from rolloutctl.rules.ticks import Ticks, fold_ticks
from rolloutctl.workflows.checking import run_checks
from rolloutctl.workflows.rollout_bench import bench
from rolloutctl.workflows.rollout_marking import check
from rolloutctl.workflows.tools import Tools


class Looked(Struct, frozen=True):
    """The checklist as it stands now; `ran` are the items that looked for themselves just now."""

    flag: str
    checklist: Checklist
    ticks: Ticks
    ran: tuple[CheckRun, ...] = ()
    notes: tuple[str, ...] = ()


def look(flag: str, tools: Tools) -> Looked:
    """The checklist of a rollout, and who ticked what.

    Raises:
        UsageError: the rollout has none.
        Unreachable: no host can be reached.
    """
    _, checklist = _checklist(flag, tools)
    return _as_it_stands(flag, checklist, tools)


def tick(flag: str, ticked: Mapping[str, str], note: str, tools: Tools) -> Looked:
    """Record what somebody saw; `ticked` has by item: passed, failed or cleared.

    Raises:
        UsageError: there is no such item.
    """
    _, checklist = _checklist(flag, tools)
    for item in ticked:
        checklist.item(item)
    said = check(flag, {item: (action, note) for item, action in ticked.items()}, tools)
    return _as_it_stands(flag, checklist, tools, notes=said.notes)


def run(flag: str, tools: Tools) -> Looked:
    """Let every item look that can, where the feature is tried, and record what it saw."""
    validation, checklist = _checklist(flag, tools)
    environment = tools.environment(validation.environment)
    ran = run_checks(checklist, environment, tools.configuration.flag(flag), tools)
    verdicts = {each.item.id: (each.outcome, each.evidence) for each in ran if each.told}
    said = check(flag, verdicts, tools) if verdicts else None
    return _as_it_stands(flag, checklist, tools, ran, said.notes if said else ())


def _checklist(flag: str, tools: Tools) -> tuple[Validation, Checklist]:
    rollout = tools.configuration.rollout(flag)
    if rollout.validate is None or rollout.validate.checklist is None:
        raise UsageError(
            f"The rollout of {flag} has no checklist.",
            subject=rollout.environment,
            state="Nothing was looked at or recorded.",
            hint="Name its file in environments.yaml: validate: {environment: staging, checklist: checklists/...}",
        )
    return rollout.validate, tools.files.checklist(rollout.validate.checklist)


def _as_it_stands(
    flag: str, checklist: Checklist, tools: Tools, ran: tuple[CheckRun, ...] = (), notes: tuple[str, ...] = ()
) -> Looked:
    with bench(tools.configuration.rollout(flag), tools) as opened:
        return Looked(flag, checklist, fold_ticks(opened.standing.checks), ran, notes)
