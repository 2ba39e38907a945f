"""How the way of a rollout looks over time: a row a phase, planned and real; who saw the feature; incidents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, tzinfo

from msgspec import Struct

from rolloutctl.rules.flags import Audience
from rolloutctl.rules.plots import Tick, TimeScale, time_ticks
from rolloutctl.rules.reporting import Chapter, Deed, Story, begins_at
from rolloutctl.rules.reporting_words import people, until, when

_ROW = 34.0
_BAR = 12.0
_TOP = 26.0
_NAMES = 96.0  # room at the left for the names of rows
_CHARACTER = 6.2  # how wide one is, about
_A_DAY = 62.0  # what the name of a day needs
_FAR = timedelta(days=3 * 366)
_LEAST = 3.0  # what a bar is wide at least, to be seen
_PAD = 0.03  # of the time, at both ends
_LONGEST_NAME = 14  # characters


class Bar(Struct, frozen=True):
    """A stretch of time. `kind` is one of planned, expected, real, running, and for who saw it nobody, some, all."""

    x: float
    width: float
    kind: str
    told: str
    label: str = ""  # where there is room for it


class Row(Struct, frozen=True):
    """A row of bars: those planned above, the real ones below."""

    y: float
    name: str
    above: tuple[Bar, ...] = ()
    below: tuple[Bar, ...] = ()


class Spot(Struct, frozen=True):
    """A change: a place on the row of who saw the feature."""

    x: float
    told: str


class Way(Struct, frozen=True, kw_only=True):
    """The whole picture, in its own units."""

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    days: tuple[Tick, ...]
    rows: tuple[Row, ...]
    seen: Row
    spots: tuple[Spot, ...]
    incidents: Row
    now: float | None


def way(story: Story, zone: tzinfo, width: float) -> Way:
    """The picture of a rollout's way."""
    begin, end = _ends(story)
    times = TimeScale(begin, end, _NAMES, width - _NAMES - 8.0)
    rows = [
        Row(
            _TOP + number * _ROW,
            _name(chapter.name),
            tuple(_planned(chapter, story, times, zone)),
            tuple(_real(chapter, story, times, zone)),
        )
        for number, chapter in enumerate(story.whole)
    ]
    y = _TOP + len(rows) * _ROW
    seen = Row(y, "who saw it", (), tuple(_seen(story, times, zone)))
    incidents = Row(y + _ROW, "incidents", (), tuple(_incidents(story, times, zone)))
    return Way(
        width=width,
        height=y + 2 * _ROW + 20.0,
        left=_NAMES,
        right=width - 8.0,
        top=_TOP - 4.0,
        bottom=y + 2 * _ROW - 2.0,
        days=time_ticks(times, zone, max(2, int((width - _NAMES) / _A_DAY))),
        rows=tuple(rows),
        seen=seen,
        spots=_spots(story.deeds, times, zone),
        incidents=incidents,
        now=times.x(story.at) if times.holds(story.at) else None,
    )


def _ends(story: Story) -> tuple[datetime, datetime]:
    """From the first thing that was planned or done to the last, with some room."""
    planned = [each for c in story.whole if c.planned for each in c.planned if each is not None]
    moments = [story.at, *planned, *begins_at(story.whole, story.deeds), *(i.detected for i in story.incidents)]
    moments += [chapter.expected for chapter in story.chapters if chapter.expected is not None]
    near = [moment for moment in moments if abs(moment - story.at) < _FAR]  # a host may have recorded any year
    begin, end = min(near), max(near)
    pad = max((end - begin) * _PAD, timedelta(hours=1))
    return begin - pad, end + pad


def _name(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def _planned(chapter: Chapter, story: Story, times: TimeScale, zone: tzinfo) -> Iterator[Bar]:
    if chapter.planned is not None:
        begin, end = chapter.planned
        told = f"{chapter.name} as planned: {when(begin, zone)}" + (f" to {when(end, zone)}" if end else " and on")
        yield Bar(*times.stretch(begin, end or times.end, _LEAST), "planned", told)
    if chapter.expected is not None and chapter.state == "ahead":
        told = f"{chapter.name} is expected on {when(max(chapter.expected, story.at), zone)} at the earliest"
        at = max(chapter.expected, story.at)
        yield Bar(*times.stretch(at, at, _LEAST), "expected", told)


def _real(chapter: Chapter, story: Story, times: TimeScale, zone: tzinfo) -> Iterator[Bar]:
    for stay in chapter.stays:
        begin, end = stay.until(story.at)
        kind = "real" if stay.end else "running"
        told = f"{chapter.name}: {until(begin, end, zone)}" if stay.end else f"{chapter.name} since {when(begin, zone)}"
        x, width = times.stretch(begin, end, _LEAST)
        yield Bar(x, width, kind, told)


def _seen(story: Story, times: TimeScale, zone: tzinfo) -> Iterator[Bar]:
    for each in story.watched:
        end = each.end or story.at
        x, width = times.stretch(each.begin, end, 1.0)
        audience = each.audience
        told = f"{people(audience)}: {until(each.begin, end, zone)}"
        yield Bar(x, width, _kind(audience), told, _fitting((people(audience), _short(audience)), width))


def _incidents(story: Story, times: TimeScale, zone: tzinfo) -> Iterator[Bar]:
    for each in story.incidents:
        end = each.recovered or story.at
        x, width = times.stretch(each.detected, end, _LEAST)
        over = f"{until(each.detected, end, zone)}" if each.recovered else f"open since {when(each.detected, zone)}"
        yield Bar(x, width, "real" if each.recovered else "running", f"{each.severity}, {over}: {each.symptom}")


def _spots(deeds: Sequence[Deed], times: TimeScale, zone: tzinfo) -> tuple[Spot, ...]:
    return tuple(
        Spot(
            times.x(each.at),
            f"{when(each.at, zone)}, {each.actor}: {people(each.before)} → {people(each.after)}, {each.outcome}",
        )
        for each in deeds
        if times.holds(each.at)
    )


def _change(each: Deed) -> str:
    return f"{people(each.before)} → {people(each.after)}, {each.outcome}"


def _kind(audience: Audience) -> str:
    return "nobody" if audience.nobody else "some" if audience.limited else "all"


def _short(audience: Audience) -> str:
    return f"{len(audience.companies)}" if audience.limited else ""


def _fitting(labels: Sequence[str], width: float) -> str:
    """The longest that there is room for."""
    return next((each for each in labels if each and len(each) * _CHARACTER + 6 <= width), "")
