"""Calendar files (RFC 5545) on this machine's disk: written whole, and written again as revisions of what was there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import icalendar

from rolloutctl import __version__
from rolloutctl.errors import Refused
from rolloutctl.outside.whole_file import replace_whole
from rolloutctl.rules.timeline_events import Calendar, CalendarEvent

_MAKER = "-//rolloutctl//"
_UNSAID = frozenset({"DTSTAMP", "LAST-MODIFIED", "SEQUENCE"})  # they say when an event was written, not what it is
_MODE = 0o644


def write_calendar(path: Path, calendar: Calendar, now: datetime) -> int:
    """Write the file, or bring the one that is there up to date; gives the number of its events that changed.

    An event that is as it was stays so to the byte. One that the timeline no longer has is cancelled, so that calendars
    which took it in drop it.

    Raises:
        Refused: the file is none of rolloutctl's, or can't be written.
    """
    old = _known(path)
    text, changed = text_of(calendar, now, old)
    try:
        replace_whole(Path(os.path.realpath(path)), text, _MODE)  # a link stays, and leads to it
    except OSError as error:
        raise _unwritten(path, error) from error
    return changed


def text_of(calendar: Calendar, now: datetime, old: Mapping[str, icalendar.Event] | None = None) -> tuple[bytes, int]:
    """The file's text, and how many of its events differ from the `old` ones, by their UIDs."""
    old = old or {}
    whole = icalendar.Calendar()
    whole.add("prodid", f"{_MAKER}rolloutctl {__version__}//EN")
    whole.add("version", "2.0")
    whole.add("method", "PUBLISH")
    whole.add("x-wr-calname", calendar.title)
    changed = 0
    current = {event.uid: _made(event) for event in calendar.events}
    gone = {uid: _cancelled(event) for uid, event in old.items() if uid not in current}
    for uid, event in (*current.items(), *gone.items()):
        before = old.get(uid)
        if before is not None and _said(before) == _said(event) and _number(before) >= 0:
            whole.add_component(before)
            continue
        changed += 1
        written = _number(before) + 1 if before is not None else 0
        event.add("dtstamp", now.astimezone(UTC))
        event.add("sequence", max(written, calendar.revision))
        whole.add_component(event)
    return whole.to_ical(), changed


def _made(event: CalendarEvent) -> icalendar.Event:
    made = icalendar.Event()
    made.add("uid", event.uid)
    made.add("dtstart", event.first)
    made.add("dtend", event.last + timedelta(days=1))  # the first day that is not in it
    made.add("summary", event.title)
    made.add("description", event.text)
    made.add("status", "CONFIRMED" if event.sure else "TENTATIVE")
    made.add("transp", "TRANSPARENT")  # nobody is busy because of it
    return made


def _cancelled(event: icalendar.Event) -> icalendar.Event:
    kept = icalendar.Event()
    for name, value in event.items():
        if name not in _UNSAID and name != "STATUS":
            kept[name] = value
    kept.add("status", "CANCELLED")
    return kept


def _said(event: icalendar.Event) -> dict[str, bytes]:
    return {name: value.to_ical() for name, value in event.items() if name not in _UNSAID}


def _number(event: icalendar.Event) -> int:
    """Which revision it is; -1 where that can't be read."""
    try:
        return int(event.get("sequence", 0))
    except (TypeError, ValueError):
        return -1


def _known(path: Path) -> dict[str, icalendar.Event]:
    """The events of the file that is there, by their UIDs; none where there is no file.

    Raises:
        Refused: something else is there.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _unwritten(path, error) from error
    found = _read(text)
    if found is None or not str(found.get("prodid", "")).startswith(_MAKER):
        raise Refused(
            "This file is there already, and rolloutctl has not made it.",
            subject=str(path),
            state="It was left as it is.",
            hint="Name another file: --ics PATH",
        )
    events = (each for each in found.walk("VEVENT") if isinstance(each, icalendar.Event))
    return {str(event.get("uid")): event for event in events if event.get("uid")}


def _read(text: bytes) -> icalendar.Component | None:
    """The calendar that a text is; None for anything else."""
    try:
        return icalendar.Calendar.from_ical(text)
    except ValueError:  # also bytes that are no text
        return None


def _unwritten(path: Path, error: OSError) -> Refused:
    return Refused(
        f"The file can't be written: {(error.strerror or str(error)).lower()}.",
        subject=str(path),
        state="Nothing was written.",
        hint=f"See: ls -ld {path.parent}; or name another file: --ics PATH",
    )
