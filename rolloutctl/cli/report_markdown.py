"""The report as Markdown, with tables that GitHub and GitLab show."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from rolloutctl import __version__
from rolloutctl.cli import report_tables as tables
from rolloutctl.cli import words
from rolloutctl.cli.markdown import code, safe
from rolloutctl.cli.markdown import table as rows_of
from rolloutctl.cli.report_tables import Table
from rolloutctl.rules.reporting import Story
from rolloutctl.rules.reporting_words import made_at, target

SIGN = "<!-- rolloutctl report -->"  # by which one of ours is known


def markdown(story: Story) -> str:
    """The whole report."""
    return "\n".join([SIGN, *_lines(story), ""])


def _lines(story: Story) -> Iterator[str]:
    zone = ZoneInfo(story.zone)
    begun = tables.worth_telling(story)
    yield f"# {safe(story.flag)} in {safe(story.environment)}: rollout report"
    yield ""
    if story.description:
        yield from (safe(story.description), "")
    yield f"{made_at(story.at, zone)}, times in {story.zone}. Hosts: {safe(words.listed(story.hosts))}."
    yield ""
    yield f"- Where it stands: {safe(story.state)}"
    yield f"- Who sees it: {safe(story.seen)}"
    yield f"- Success metrics: {tables.tally(begun)}"
    for trouble in story.troubles:
        yield f"- **Not found out:** {safe(trouble)}"
    for line in story.next:
        yield f"- Next: {code(line)}"
    yield from _section(tables.phases(story))
    yield from _section(tables.glance(story))
    for chapter in begun:
        yield from _section(tables.goals(chapter))
        yield from _section(tables.proofs(chapter), level=3)
    yield from _section(_metrics(story))
    yield from _section(tables.incidents(story))
    for incident in story.incidents:
        yield from _section(tables.timeline(incident, zone), level=3)
    yield from _section(tables.deeds(story))
    yield from _section(tables.audit(story))
    yield f"Made by rolloutctl {__version__}."


def _metrics(story: Story) -> Table:
    rows = tuple((c.metric.name, c.metric.description, target(c.metric), c.told) for c in story.charts)
    empty = f"No metric is declared for {story.environment}, so nothing was measured."
    return Table("What was measured", ("metric", "what it is", "target", "samples"), rows, empty)


def _section(table: Table, level: int = 2) -> Iterator[str]:
    yield from ("", f"{'#' * level} {safe(table.title)}", "")
    if not table.rows:
        yield from (safe(table.empty), "")
        return
    yield from rows_of(table.heads, table.rows)
    yield ""
