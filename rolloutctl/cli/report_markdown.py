"""The report as Markdown, with tables that GitHub and GitLab show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from rolloutctl import __version__
from rolloutctl.cli import report_tables as tables
from rolloutctl.cli import words
from rolloutctl.cli.report_tables import Table
from rolloutctl.rules.redact import one_line
from rolloutctl.rules.reporting import Story
from rolloutctl.rules.reporting_words import made_at, target

SIGN = "<!-- rolloutctl report -->"  # by which one of ours is known
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~@!&])")  # also what makes a mention, a link or HTML of a name


def markdown(story: Story) -> str:
    """The whole report."""
    return "\n".join([SIGN, *_lines(story), ""])


def _lines(story: Story) -> Iterator[str]:
    zone = ZoneInfo(story.zone)
    begun = tables.worth_telling(story)
    yield f"# {_safe(story.flag)} in {_safe(story.environment)}: rollout report"
    yield ""
    if story.description:
        yield from (_safe(story.description), "")
    yield f"{made_at(story.at, zone)}, times in {story.zone}. Hosts: {_safe(words.listed(story.hosts))}."
    yield ""
    yield f"- Where it stands: {_safe(story.state)}"
    yield f"- Who sees it: {_safe(story.seen)}"
    yield f"- Success metrics: {tables.tally(begun)}"
    for trouble in story.troubles:
        yield f"- **Not found out:** {_safe(trouble)}"
    for line in story.next:
        yield f"- Next: {_code(line)}"
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
    yield from ("", f"{'#' * level} {_safe(table.title)}", "")
    if not table.rows:
        yield from (_safe(table.empty), "")
        return
    yield _row(table.heads)
    yield _row(["---"] * len(table.heads))
    for row in table.rows:
        yield _row([_safe(cell) for cell in row])
    yield ""


def _row(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _code(text: str) -> str:
    """A command, to be copied."""
    return f"`{one_line(text).replace('`', chr(39))}`"


def _safe(text: str) -> str:
    """A text that is nothing but itself, in one line: no markup, no link, no mention, no cell of its own."""
    escaped = _MARKUP.sub(r"\\\1", one_line(text))
    return escaped.replace("://", ":\u200b//").replace("\\@", "@\u200b").replace("www.", "www\u200b.")
