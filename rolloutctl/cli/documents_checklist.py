"""The JSON of a checklist: keys are added, and never renamed."""

from __future__ import annotations

from collections.abc import Iterable

from rolloutctl.cli.documents import Document
from rolloutctl.rules.check_runs import CheckRun
from rolloutctl.rules.checklists import Checklist, Item
from rolloutctl.rules.ticks import Progress, Ticks


def of_checklist(checklist: Checklist, ticks: Ticks) -> Document:
    """How a checklist stands, for a key of a larger answer."""
    return {
        "path": checklist.path,
        "title": checklist.title,
        **_progress(ticks.progress(checklist.items)),
        "unknown": ticks.unknown(checklist),
        "groups": [
            {
                "name": group.name,
                **_progress(ticks.progress(group.items)),
                "items": [_item(item, ticks) for item in group.items],
            }
            for group in checklist.groups
        ],
    }


def of_runs(runs: Iterable[CheckRun]) -> list[Document]:
    """What items that look by themselves have seen, for a key of a larger answer."""
    return [
        {"id": run.item.id, "what": run.item.what, "outcome": run.outcome.replace(" ", "_"), "evidence": run.evidence}
        for run in runs
    ]


def _progress(progress: Progress) -> Document:
    return {
        "complete": progress.complete,
        "total": progress.total,
        "passed": progress.passed,
        "failed": progress.failed,
        "open": progress.open,
        "required_open": progress.required_open,
    }


def _item(item: Item, ticks: Ticks) -> Document:
    tick = ticks.of(item)
    return {
        "id": item.id,
        "what": item.what,
        "required": item.required,
        "when": item.when,
        "automatic": item.automatic,
        "standing": ticks.standing(item),
        "actor": tick.who if tick else None,
        "at": tick.at if tick else None,
        "note": tick.note if tick else None,
    }
