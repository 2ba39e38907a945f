"""The tables of a report, as text: the page, Markdown and the terminal show the same ones."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from msgspec import Struct

from rolloutctl.cli import words
from rolloutctl.rules.durations import in_days, in_words
from rolloutctl.rules.incidents import Incident
from rolloutctl.rules.reporting import Chapter, Deed, Story
from rolloutctl.rules.reporting_proofs import in_numbers
from rolloutctl.rules.reporting_words import day, people, when

MARKS = {
    "done": "✓",
    "current": "●",
    "over by plan": "○",
    "ahead": "○",
    "left out": "-",
    "met": "✓",
    "so far": "✓",
    "missed": "✗",
    "open": "○",
    "not measured": "?",
    "ok": "✓",
    "shut": "✗",
    "missing": "✗",
    "no data": "?",
    "overridden": "!",
}

_MOST = 100  # changes that are shown
_UNRECORDED = {"done": "over", "over by plan": "over by plan", "current": "going on by plan", "ahead": "not yet"}


class Table(Struct, frozen=True):
    """Rows of cells below heads; `empty` is said where there are none. Cells of `marked` columns begin with a mark."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    empty: str = ""
    marked: tuple[int, ...] = ()
    kind: str = ""  # by which a page knows how wide its columns are


def phases(story: Story) -> Table:
    """Each phase: for whom, planned, real."""
    return Table(
        "Phases",
        ("phase", "who sees it", "planned", "real", "days off plan", "remarks"),
        tuple(_phase(each, story) for each in story.whole),
        "The plan has no phases.",
        marked=(0,),
        kind="phases",
    )


def glance(story: Story) -> Table:
    """Each success metric in each phase that has begun: whether it was met."""
    told = worth_telling(story)
    verdicts = {(goal.what, chapter.name): goal.verdict for chapter in told for goal in chapter.goals}
    names = dict.fromkeys(goal.what for chapter in told for goal in chapter.goals)
    rows = tuple((name, *(marked(verdicts.get((name, each.name), "")) for each in told)) for name in names)
    heads = ("success metric", *(each.name for each in told))
    empty = "No phase has begun, so nothing was measured."
    return Table("Success at a glance", heads, rows, empty, tuple(range(1, len(heads))), "glance")


def goals(chapter: Chapter) -> Table:
    """The success metrics of a phase."""
    return Table(
        f"Success metrics of {chapter.name}",
        ("success metric", "target", "measured", "verdict"),
        tuple((each.what, each.target, each.measured, marked(each.verdict)) for each in chapter.goals),
        "It has not begun, so nothing was measured.",
        marked=(3,),
        kind="goals",
    )


def proofs(chapter: Chapter) -> Table:
    """The gates and sign-offs of a phase."""
    heads = ("gate or sign-off", "how it stands", "evidence")
    rows = tuple((each.name, marked(each.word), each.evidence) for each in chapter.proofs)
    return Table(
        f"Gates and sign-offs of {chapter.name}", heads, rows, "None is asked for, or recorded.", (1,), "proofs"
    )


def deeds(story: Story) -> Table:
    """The changes of the flag, newest first."""
    zone = ZoneInfo(story.zone)
    shown = story.deeds[-_MOST:]
    return Table(
        "Changes" if len(shown) == len(story.deeds) else f"Changes, the newest {len(shown)} of {len(story.deeds)}",
        ("when", "who", "from → to", "outcome", "phase", "why"),
        tuple(
            (
                when(each.at, zone),
                each.actor,
                f"{people(each.before)} → {people(each.after)}",
                each.outcome,
                each.phase,
                each.reason,
            )
            for each in reversed(shown)
        ),
        "Nobody has changed the flag, as far as the records tell.",
        kind="deeds",
    )


def incidents(story: Story) -> Table:
    """What went wrong, with the times to each step."""
    return Table(
        "Incidents",
        ("detected", "severity", "what", "affected", "switched off", "recovered", "decision, by"),
        tuple(_incident(each, ZoneInfo(story.zone)) for each in story.incidents),
        "None is recorded.",
        kind="incidents",
    )


def timeline(incident: Incident, zone: ZoneInfo) -> Table:
    """All that was recorded of one incident, in order."""
    rows = tuple((when(each.at, zone), each.actor, each.what, each.note) for each in incident.entries)
    return Table(f"The incident of {when(incident.detected, zone)}", ("when", "who", "what", "note"), rows, kind="log")


def audit(story: Story) -> Table:
    """The newest of the audit log."""
    zone = ZoneInfo(story.zone)
    title = "Audit log" if len(story.audit) == story.lines else f"Audit log, the newest {len(story.audit)}"
    return Table(
        title,
        ("when", "who", "what", "why"),
        tuple((when(each.at, zone), each.actor, each.what, each.why) for each in story.audit),
        "Nothing is recorded of the flag.",
        kind="log",
    )


def marked(word: str) -> str:
    """A word with its mark in front."""
    return f"{MARKS.get(word, '')} {word}".strip()


def worth_telling(story: Story) -> tuple[Chapter, ...]:
    """The validation and the phases that have begun."""
    return tuple(chapter for chapter in story.whole if chapter.goals or chapter.proofs)


def tally(chapters: Iterable[Chapter]) -> str:
    """`24 met, 1 missed, 9 not measured`."""
    found = [goal.verdict for each in chapters for goal in each.goals]
    counted = {"met": found.count("met") + found.count("so far")}
    counted |= {word: found.count(word) for word in ("missed", "open", "not measured")}
    told = [f"{number} {word}" for word, number in counted.items() if number]
    return ", ".join(told) or "nothing measured yet"


def planned(chapter: Chapter, zone: ZoneInfo) -> str:
    """`Mon 24 Nov to Mon 1 Dec`."""
    if chapter.planned is None:
        return "no day planned"
    begin, end = chapter.planned
    return f"{day(begin, zone)} to {day(end, zone)}" if end else f"from {day(begin, zone)}"


def real(chapter: Chapter, story: Story) -> str:
    """When it was, or when it may be."""
    zone = ZoneInfo(story.zone)
    if chapter.stays:
        spans = [_span(stay.begin, stay.end, zone) for stay in chapter.stays]
        return "; ".join(spans) + (
            f"; soaked {in_days(chapter.soaked)} of {in_days(chapter.soak)}" if chapter.soak else ""
        )
    if chapter.kind != "phase":
        return _UNRECORDED.get(chapter.state, "")
    if chapter.state == "left out":
        return "left out"
    if chapter.expected is not None:
        return f"expected {day(chapter.expected, zone)}"
    return {"held": "not known: the clock before it stands", "no start": "not begun"}.get(chapter.unknown, "not known")


def _phase(chapter: Chapter, story: Story) -> tuple[str, ...]:
    zone = ZoneInfo(story.zone)
    remarks = [chapter.note]
    if chapter.cohort is not None:
        remarks.insert(0, in_numbers(chapter.cohort))
    mark = f"{MARKS[chapter.state]} {chapter.name}"
    return (
        mark,
        chapter.who or ("" if chapter.kind == "preparation" else "not known"),
        planned(chapter, zone),
        real(chapter, story),
        late(chapter),
        "; ".join(filter(None, remarks)),
    )


def late(chapter: Chapter) -> str:
    """`2 days late`, `on time`; not known where one of the two days is not."""
    if chapter.slipped is None:
        return "not known" if chapter.kind == "phase" else ""
    if not chapter.slipped:
        return "on time"
    return f"{words.counted(abs(chapter.slipped), 'day')} {'late' if chapter.slipped > 0 else 'early'}"


def _way(each: Deed) -> str:
    return f"{people(each.before)} → {people(each.after)}"


def _span(begin: datetime, end: datetime | None, zone: ZoneInfo) -> str:
    return f"{when(begin, zone)} to {when(end, zone)}" if end else f"since {when(begin, zone)}"


def _incident(each: Incident, zone: ZoneInfo) -> tuple[str, ...]:
    affected = "not known" if each.affected is None else f"{each.affected:g} % of its users"
    never = "not off everywhere" if each.decision == "switch-off" else "not switched off"
    off = never if each.switched_off is None else f"after {_after(each.switched_off, each)}"
    over = "not yet" if each.recovered is None else f"after {_after(each.recovered, each)}"
    what = each.symptom or "nobody said"
    return when(each.detected, zone), each.severity, what, affected, off, over, f"{each.decision}, {each.actor}"


def _after(moment: datetime, each: Incident) -> str:
    return in_words((moment - each.detected).total_seconds())
