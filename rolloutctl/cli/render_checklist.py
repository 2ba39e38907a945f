"""A checklist on a screen: how far each group is, and each item with the last word on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rolloutctl.cli import words
from rolloutctl.cli.render import Cell, Page, Part, text
from rolloutctl.rules.check_runs import CheckRun, Outcome
from rolloutctl.rules.checklists import Checklist, Group, Item
from rolloutctl.rules.ticks import Progress, Standing, Tick, Ticks

_MARKS: Mapping[Standing, tuple[str, str]] = {
    "passed": ("✓", "green"),
    "failed": ("✗", "bold red"),
    "open": ("○", "dim"),
}
_ENDS: Mapping[Outcome, tuple[str, str]] = {
    "passed": _MARKS["passed"],
    "failed": _MARKS["failed"],
    "not looked": ("·", "dim"),
}
_BAR = 10  # cells
_ROOMY = 72  # columns from which a bar stands beside its words


def show_checklist(checklist: Checklist, ticks: Ticks, page: Page, *, brief: bool = False) -> None:
    """Each group with its items; `brief`: the groups alone."""
    whole = ticks.progress(checklist.items)
    page.gap()
    page.line((checklist.title, "bold"), f"   {counted(whole)}")
    page.gap()
    if brief:
        page.columns([_row(group, ticks, page) for group in checklist.groups])
        page.gap()
    else:
        for group in checklist.groups:
            _show_group(group, ticks, page)
    _show_end(checklist, ticks, whole, page)


def show_items(items: Iterable[Item], ticks: Ticks, page: Page, *, indent: int = 2) -> None:
    """Some items, each with the last word on it."""
    for item in items:
        _show_item(item, ticks, page, indent)


def show_runs(runs: Iterable[CheckRun], page: Page, *, indent: int = 2) -> None:
    """What items that look by themselves have seen, or why they did not look."""
    for run in runs:
        mark, style = _ENDS[run.outcome]
        page.line((f"{mark} ", style), (run.item.id, "bold"), f"  {run.item.what}", indent=indent, hang=2)
        page.line((f"{run.outcome}: {run.evidence}", "dim"), indent=indent + 2, hang=2)


def counted(progress: Progress) -> str:
    """`12 of 42 passed, 1 failed, 29 open`."""
    parts = [f"{progress.passed} of {progress.total} passed"]
    parts += [f"{number} {word}" for number, word in ((progress.failed, "failed"), (progress.open, "open")) if number]
    return ", ".join(parts)


def _show_group(group: Group, ticks: Ticks, page: Page) -> None:
    progress = ticks.progress(group.items)
    bar = [*_bar(progress), "  "] if page.width >= _ROOMY else []
    page.line((f"{group.name}   ", "bold"), *bar, counted(progress), indent=2, hang=2)
    show_items(group.items, ticks, page, indent=4)
    page.gap()


def _row(group: Group, ticks: Ticks, page: Page) -> list[Cell]:
    progress = ticks.progress(group.items)
    bar: list[Cell] = [text(*_bar(progress))] if page.width >= _ROOMY else []
    return [group.name, *bar, counted(progress)]


def _show_item(item: Item, ticks: Ticks, page: Page, indent: int) -> None:
    mark, style = _MARKS[ticks.standing(item)]
    page.line((f"{mark} ", style), (item.id, "bold"), f"  {item.what}", (_kind(item), "dim"), indent=indent, hang=2)
    tick = ticks.of(item)
    if tick is not None:
        page.line((_last_word(tick), "dim"), indent=indent + 2, hang=2)


def _kind(item: Item) -> str:
    """What is worth knowing of an item, in brackets behind it."""
    facts = [
        "" if item.required else "optional",
        "automatic" if item.automatic else "",
        "" if item.when == "any" else f"with the flag {item.when}",
    ]
    told = ", ".join(filter(None, facts))
    return f" ({told})" if told else ""


def _last_word(tick: Tick) -> str:
    """`passed, 2025-11-18 14:02, qa@example.com: "all well"`."""
    said = {"open": "cleared"}.get(tick.standing, tick.standing)
    when = words.local(tick.at) if tick.at else ""
    who = tick.who or "somebody"
    return ", ".join(filter(None, (said, when, who))) + (f": {words.quoted(tick.note)}" if tick.note else "")


def _bar(progress: Progress) -> list[Part]:
    """How much of a group has passed; never full before all of it has."""
    done = progress.passed * _BAR // progress.total if progress.total else 0
    failed = min(_BAR - done, -(-progress.failed * _BAR // progress.total)) if progress.total else 0
    return [("█" * done, "green"), ("▒" * failed, "red"), ("░" * (_BAR - done - failed), "dim")]


def _show_end(checklist: Checklist, ticks: Ticks, whole: Progress, page: Page) -> None:
    unknown = ticks.unknown(checklist)
    if unknown:
        told = f"{words.counted(unknown, 'item')} that left the checklist had passed or failed: not counted."
        page.line(("· ", "dim"), told, hang=2)
    page.line(*_verdict(whole), hang=2)


def _verdict(whole: Progress) -> tuple[Part, Part]:
    if whole.complete:
        rest = whole.total - whole.passed
        return ("✓ ", "green"), "Every required item has passed" + (f"; {rest} optional left." if rest else ".")
    left = words.counted(whole.required_open, "required item")
    return ("○ ", "bold yellow"), f"{left} {'has' if whole.required_open == 1 else 'have'} not passed."
