"""How a report looks on a terminal: the phases, the success metrics of those that have begun, what went wrong."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from rolloutctl.cli import report_tables as tables
from rolloutctl.cli import words
from rolloutctl.cli.render import Cell, Page, Part, text
from rolloutctl.rules.reporting import Chapter, Goal, Story
from rolloutctl.rules.reporting_words import when

_STYLES = {"✓": "green", "✗": "bold red", "?": "yellow", "!": "bold yellow", "●": "bold green", "○": "dim", "-": "dim"}


def show_story(story: Story, page: Page) -> None:
    """The short version."""
    zone = ZoneInfo(story.zone)
    begun = tables.worth_telling(story)
    page.gap()
    title = text((f"{story.flag} in {story.environment}", "bold"), f"   {story.state}")
    page.ends(title, f"times in {story.zone}")
    page.line(f"seen by {story.seen}; success metrics: {tables.tally(begun)}", indent=2, hang=2)
    page.gap()
    for chapter in (*filter(None, [story.validation]), *story.chapters):
        _show_phase(chapter, story, zone, page)
    _show_incidents(story, zone, page)
    for trouble in story.troubles:
        page.line(("! ", "bold yellow"), trouble, indent=2, hang=2)
    page.gap()
    page.advice(
        f"With plots, changes and the audit log: {words.command('report', story.flag, '--html', 'report.html')}"
    )


def show_written(path: str, size: int, page: Page) -> None:
    """Where a report is now."""
    page.line(("✓ ", "bold green"), f"written: {path}, {size / 1000:,.0f} kB", hang=2)


def _show_phase(chapter: Chapter, story: Story, zone: ZoneInfo, page: Page) -> None:
    mark = tables.MARKS[chapter.state]
    if chapter is story.validation:
        told = [chapter.who]
    else:
        late = f", {tables.late(chapter)}" if chapter.slipped is not None else ""
        told = [
            chapter.who or "not known",
            f"planned {tables.planned(chapter, zone)}{late}",
            tables.real(chapter, story),
        ]
    page.line(_styled(mark), " ", (chapter.name, "bold"), "   ", " · ".join(filter(None, told)), indent=2, hang=4)
    if chapter.note:
        page.line(("! ", "bold yellow"), chapter.note, indent=4, hang=2)
    rows: list[list[Cell]] = [_goal(each) for each in chapter.goals]
    if rows:
        page.columns(rows, indent=4)


def _goal(goal: Goal) -> list[Cell]:
    mark = tables.MARKS[goal.verdict]
    target = "" if goal.verdict == "not measured" else f", target {goal.target}"
    word = "not measured: " if goal.verdict == "not measured" else ""
    return [text(_styled(mark), f" {goal.what}"), f"{word}{goal.measured}{target}"]


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
