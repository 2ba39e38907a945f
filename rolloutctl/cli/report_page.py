"""The report as one HTML page that needs nothing else: no script, no font, no picture from elsewhere."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct

from rolloutctl import __version__
from rolloutctl.cli import report_tables as tables
from rolloutctl.cli import words
from rolloutctl.outside.templates import render
from rolloutctl.rules.metrics import FromRequest, Metric
from rolloutctl.rules.redact import printable
from rolloutctl.rules.reporting import Chart, Story
from rolloutctl.rules.reporting_plot import Plot, plot
from rolloutctl.rules.reporting_way import way
from rolloutctl.rules.reporting_words import made_at, target

_WIDE, _NARROW = 860.0, 360.0  # of the pictures: for a screen and paper, and for a telephone


class _Shown(Struct, frozen=True):
    """One metric of the page."""

    name: str
    about: str
    target: str
    unit: str
    told: str
    measured: bool
    plots: tuple[tuple[str, Plot], ...]  # by the class of the picture


def page(story: Story) -> str:
    """The whole page."""
    zone = ZoneInfo(story.zone)
    facts: dict[str, Any] = {
        "story": story,
        "title": f"{story.flag} in {story.environment}",
        "at": made_at(story.at, zone),
        "version": __version__,
        "hosts": words.listed(story.hosts),
        "facts": _facts(story),
        "ways": (("wide", way(story, zone, _WIDE)), ("narrow", way(story, zone, _NARROW))),
        "phases": tables.phases(story),
        "glance": tables.glance(story),
        "chapters": [(each, tables.goals(each), tables.proofs(each)) for each in tables.worth_telling(story)],
        "ahead": [each.name for each in story.chapters if not each.goals and not each.proofs],
        "charts": [_chart(each, story, zone) for each in story.charts],
        "deeds": tables.deeds(story),
        "incidents": tables.incidents(story),
        "timelines": [tables.timeline(each, zone) for each in story.incidents if each.entries],
        "audit": tables.audit(story),
    }
    return printable(render("report.html.j2", facts, html=True))


def _facts(story: Story) -> list[tuple[str, str]]:
    """What stands at the top."""
    begun = min((stay.begin for each in story.chapters for stay in each.stays), default=None)
    days = "" if begun is None else f"day {(story.at - begun).days + 1}: "
    return [
        ("Where it stands", f"{days}{story.state}"),
        ("Who sees it", story.seen),
        ("Success metrics", tables.tally(tables.worth_telling(story))),
        ("Incidents", _incidents(story)),
    ]


def _incidents(story: Story) -> str:
    running = sum(each.is_open for each in story.incidents)
    told = words.counted(len(story.incidents), "incident") if story.incidents else "none recorded"
    return f"{told}, {running} open" if running else told


def _unit(metric: Metric) -> str:
    """What the numbers beside its plot are."""
    if isinstance(metric.source, FromRequest) and metric.source.value == "failed":
        return "share of requests that failed"
    return metric.unit or "a number"


def _chart(chart: Chart, story: Story, zone: ZoneInfo) -> _Shown:
    metric = chart.metric
    sizes = (("wide", _WIDE), ("narrow", _NARROW)) if chart.curves else ()
    plots = tuple((name, plot(chart, story, zone, width)) for name, width in sizes)
    more = plots[0][1].told if plots else ()
    return _Shown(
        name=metric.name,
        about=metric.description,
        target=target(metric),
        unit=_unit(metric),
        told=" ".join([chart.told, *more]),
        measured=bool(chart.curves),
        plots=plots,
    )
