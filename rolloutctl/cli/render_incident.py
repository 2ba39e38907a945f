"""How incidents look: a line each, and the timeline of one with its times."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from rolloutctl.cli import words
from rolloutctl.cli.render import Cell, Page, text
from rolloutctl.rules.durations import in_days
from rolloutctl.rules.incidents import Entry, Incident, in_short
from rolloutctl.workflows.incident_marks import Listed, Said
from rolloutctl.workflows.incidents import Opened

_STYLES = {"critical": "bold red", "high": "red", "medium": "yellow", "low": ""}


def show_incidents(listed: Sequence[Listed], now: datetime, page: Page) -> None:
    """A line an incident, the newest first; the environment is named where there are several."""
    several = len(listed) > 1
    found = sorted((each for one in listed for each in one.incidents), key=lambda each: each.opened, reverse=True)
    if not found:
        page.line("No incidents.")
    rows: list[list[Cell]] = [
        [
            words.local(each.detected.isoformat()),
            each.id,
            *([each.environment] if several else []),
            each.flag,
            text((each.severity, _STYLES[each.severity])),
            _state(each, now),
            each.symptom,
        ]
        for each in found
    ]
    heads = ("detected", "incident", *(["environment"] if several else []), "flag", "severity", "", "what")
    if rows:
        page.columns(rows, heads=heads, indent=0)
    for one in listed:
        for name, why in one.lost:
            page.line(("! ", "bold yellow"), f"{one.environment} · {name} could not be asked: {why}", hang=2)


def show_incident(found: Incident, now: datetime, page: Page) -> None:
    """One incident: what it is, how fast it was off and over, and its timeline."""
    page.gap()
    title = text((f"{found.environment} · {found.flag}", "bold"), "   ", (found.severity, _STYLES[found.severity]))
    page.ends(title + text(f", {_state(found, now)}"), f"incident {found.id}")
    if found.symptom:
        page.line(found.symptom, indent=2)
    page.line(_facts(found), indent=2, hang=2)
    short = in_short(found)
    page.line((f"{short[:1].upper()}{short[1:]}.", "bold"), indent=2, hang=2)
    page.gap()
    _show_timeline(found, page)
    if found.is_open:
        page.gap()
        _show_left(found, page)
        over = words.command("incident", "recovered", found.environment, "--flag", found.flag)
        page.advice(f"Once it is over: {over}", indent=2)


def show_said(said: Said, page: Page) -> None:
    """What was recorded, and what to know of it."""
    for note in said.notes:
        page.line(("! ", "bold yellow"), note, indent=2, hang=2)
    found = said.incident
    named = f"The incident {found.id} of {found.flag} in {found.environment}"
    told = f"is over: {in_short(found)}." if found.recovered else "has a note more."
    page.line(("✓ ", "bold green"), f"{named} {told}", hang=2)
    page.advice(f"its timeline: {words.command('incident', 'show', found.environment, found.id)}", indent=2)


def recorded(opened: Opened, page: Page) -> None:
    """The incident behind a switch-off."""
    for note in opened.notes:
        page.line(("! ", "bold yellow"), note, indent=2, hang=2)
    found = opened.incident
    if found is None:
        return
    how = "was open already, and has been said more of" if opened.joined else "is recorded"
    if opened.kept_here:
        how = "is kept on this machine, and a later change from here writes it on the hosts"
    page.line(("✓ ", "bold green"), f"The incident {found.id} {how}: {in_short(found)}.", hang=2)
    _show_left(found, page)
    page.advice(f"its timeline: {words.command('incident', 'show', found.environment)}", indent=2)


def _show_left(found: Incident, page: Page) -> None:
    """How to finish a switch-off that is not done on every host."""
    if found.is_left_on:
        off = words.command("toggle", found.environment, found.flag, "false")
        page.advice(f"To switch it off everywhere: {off}", indent=2)


def _state(found: Incident, now: datetime) -> str:
    if found.recovered is not None:
        return f"recovered after {_length(found.recovered - found.detected)}"
    return f"open for {_length(now - found.detected)}"


def _facts(found: Incident) -> str:
    share = "nobody knows how many of its users" if found.affected is None else f"{found.affected:g} % of its users"
    return f"Affected: {share}. Opened by {found.actor} at {words.local(found.opened.isoformat())}."


def _show_timeline(found: Incident, page: Page) -> None:
    """A row an entry; where there is no room, a line for what happened when, and one for by whom and why."""
    rows = _timeline(found)
    if page.fits(rows):
        page.columns(rows)
        return
    later = max(len(row[1]) for row in rows)
    for at, since, what, actor, note in rows:
        page.columns([[at, since.ljust(later), what]])
        if actor or note:
            page.line((", ".join(filter(None, (actor, note))), "dim"), indent=6, hang=2)


def _timeline(found: Incident) -> list[list[str]]:
    """When, how long after the detection, what, by whom, and what was said of it."""
    return [
        [
            words.local_second(entry.at),
            f"+{_length(entry.at - found.detected)}" if entry.at > found.detected else "",
            entry.what,
            entry.actor,
            words.quoted(entry.note if entry.note != found.symptom else ""),
        ]
        for entry in (Entry(found.detected, "", "detected"), *found.entries)
    ]


def _length(length: timedelta) -> str:
    return in_days(max(0.0, length.total_seconds()))
