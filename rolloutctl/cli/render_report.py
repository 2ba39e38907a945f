"""How a report looks on a terminal: the phases, the success metrics of those that have begun, what went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.cells import cell_len
from rich.text import Text

from rolloutctl.cli import report_tables as tables
from rolloutctl.cli import words
from rolloutctl.cli.render import Page, Part, text
from rolloutctl.rules.reporting import Chapter, Story
from rolloutctl.rules.reporting_words import when

_STYLES = {"✓": "green", "✗": "bold red", "?": "yellow", "!": "bold yellow", "●": "bold green", "○": "dim", "-": "dim"}


def show_story(story: Story, page: Page) -> None:
    """The short version: what was missed in full, the rest in numbers."""
    zone = ZoneInfo(story.zone)
    begun = tables.worth_telling(story)
    page.gap()
    title = text((f"{story.flag} in {story.environment}", "bold"), f"   {story.state}")
    page.ends(title, f"times in {story.zone}")
    page.line(f"seen by {story.seen}", indent=2, hang=2)
    page.gap()
    _show_phases([_phase(each, story, zone) for each in story.whole], page)
    for note in (f"{each.name}: {each.note}" for each in story.chapters if each.note):
        page.line(("! ", "bold yellow"), note, indent=2, hang=2)
    page.gap()
    page.line(("Success metrics", "bold"), f": {tables.tally(begun)}", indent=2)
    width = max((len(each.name) for each in begun), default=0)
    for each in begun:
        _show_success(each, width, page)
    _show_incidents(story, zone, page)
    for trouble in story.troubles:
        page.line(("! ", "bold yellow"), trouble, indent=2, hang=2)
    page.gap()
    command = words.command("report", story.flag, "--html", "report.html")
    page.advice(f"All of it, with plots, evidence, changes and the audit log: {command}")


def show_written(path: str, size: int, page: Page) -> None:
    """Where a report is now."""
    page.line(("✓ ", "bold green"), f"written: {path}, {size / 1000:,.0f} kB", hang=2)


def _show_phases(rows: Sequence[tuple[Text, str, str, str, str]], page: Page) -> None:
    """A row a phase; where there is no room, a line for who sees it, and one for its days."""
    if page.fits(rows):
        page.columns(rows)
        return
    names, plans = (max(cell_len(str(row[place])) for row in rows) for place in (0, 2))
    for name, who, planned, real, late in rows:
        page.columns([[name + text(" " * (names - cell_len(name.plain))), who]])
        page.columns([[planned.ljust(plans), ", ".join(filter(None, (real, late)))]], indent=6)


def _phase(chapter: Chapter, story: Story, zone: ZoneInfo) -> tuple[Text, str, str, str, str]:
    name = text(_styled(tables.MARKS[chapter.state]), " ", (chapter.name, "bold"))
    planned = f"planned {_days(*chapter.planned, zone)}" if chapter.planned else "no day planned"
    late = tables.late(chapter) if chapter.slipped is not None else ""
    if chapter.stays:
        first, last = chapter.stays[0], chapter.stays[-1]
        return name, chapter.who, planned, _days(first.begin, last.end, zone), late
    return name, chapter.who, planned, tables.real(chapter, story), late


def _days(begin: datetime, end: datetime | None, zone: ZoneInfo) -> str:
    """`4 Nov to 11 Nov`, `from 18 Nov`."""
    first, last = (None if each is None else each.astimezone(zone) for each in (begin, end))
    assert first is not None  # noqa: S101 - only the end may be
    told = f"{first.day} {first:%b}"
    return f"{told} to {last.day} {last:%b}" if last else f"from {told}"


def _show_success(chapter: Chapter, width: int, page: Page) -> None:
    """A line for the phase, and one for each success metric that was missed or is open."""
    wrong = [goal for goal in chapter.goals if goal.verdict in {"missed", "open"}]
    blind = [goal.what for goal in chapter.goals if goal.verdict == "not measured"]
    mark = "✗" if any(goal.verdict == "missed" for goal in wrong) else "○" if wrong else "✓"
    told = tables.tally([chapter]) + (f" ({words.listed(blind)})" if blind else "")
    page.line(_styled(mark), " ", (f"{chapter.name:<{width}}", "bold"), f"   {told}", indent=2, hang=width + 5)
    for goal in wrong:
        target = f" (target {goal.target})" if goal.target else ""
        page.line(_styled(tables.MARKS[goal.verdict]), f" {goal.what}{target}: {goal.measured}", indent=4, hang=2)


def _show_incidents(story: Story, zone: ZoneInfo, page: Page) -> None:
    page.gap()
    if not story.incidents:
        page.line("No incident is recorded.", indent=2)
    for each in story.incidents:
        off = "" if each.switched_off is None else f", off {when(each.switched_off, zone)}"
        over = ", open" if each.recovered is None else f", recovered {when(each.recovered, zone)}"
        mark: Part = ("✗ ", "bold red") if each.is_open else ("✓ ", "green")
        told = f"incident, {each.severity}: {each.symptom}; detected {when(each.detected, zone)}{off}{over}"
        page.line(mark, told, indent=2, hang=2)


def _styled(mark: str) -> Part:
    return (mark, _STYLES.get(mark, ""))
