"""Calendar files, read back by another library than the one that writes them."""

from __future__ import annotations

import stat
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import vobject
from msgspec.structs import replace

from rolloutctl.errors import Refused
from rolloutctl.outside.calendar_file import write_calendar
from rolloutctl.rules.timeline_events import Calendar, CalendarEvent

NOW = datetime(2025, 11, 20, 9, 30, tzinfo=UTC)
LONG = "planned: 2025-11-24; a comma, a back\\slash, ümläuts and 漢字, " * 4 + "\nsecond line"
PILOT = CalendarEvent(
    uid="1@rolloutctl",
    first=date(2025, 11, 24),
    last=date(2025, 11, 30),
    title="portal: pilot",
    text=LONG,
    sure=False,
)
FULL = CalendarEvent(
    uid="2@rolloutctl", first=date(2025, 12, 1), last=date(2025, 12, 1), title="portal: full", text="", sure=False
)
PLAN = Calendar("portal in production", (PILOT, FULL), 4)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "portal.ics"


def events(file: Path) -> dict[str, Any]:
    read = vobject.readOne(file.read_text(encoding="utf-8"))
    return {event.uid.value: event for event in read.vevent_list}


def test_another_reader_finds_every_event_with_its_days_and_its_text(file: Path) -> None:
    assert write_calendar(file, PLAN, NOW) == 2
    pilot, full = events(file)["1@rolloutctl"], events(file)["2@rolloutctl"]
    assert (pilot.dtstart.value, pilot.dtend.value) == (date(2025, 11, 24), date(2025, 12, 1))  # the end is not in it
    assert (full.dtstart.value, full.dtend.value) == (date(2025, 12, 1), date(2025, 12, 2))
    assert (pilot.summary.value, pilot.description.value) == ("portal: pilot", LONG)
    assert (pilot.dtstamp.value, pilot.sequence.value, pilot.status.value) == (NOW, "4", "TENTATIVE")
    read = vobject.readOne(file.read_text(encoding="utf-8"))
    assert (read.method.value, read.x_wr_calname.value) == ("PUBLISH", "portal in production")


def test_lines_end_and_are_folded_as_the_rfc_has_it(file: Path) -> None:
    write_calendar(file, PLAN, NOW)
    lines = file.read_bytes().split(b"\r\n")
    assert lines[-1] == b""
    assert max(map(len, lines)) <= 75
    assert not any(b"\n" in line for line in lines)


def test_a_second_export_of_the_same_changes_no_byte(file: Path) -> None:
    write_calendar(file, PLAN, NOW)
    before = file.read_bytes()
    assert write_calendar(file, replace(PLAN, revision=9), NOW + timedelta(days=3)) == 0
    assert file.read_bytes() == before


def test_an_event_that_moved_is_a_later_revision_of_the_same(file: Path) -> None:
    write_calendar(file, PLAN, NOW)
    moved = replace(PILOT, first=date(2025, 11, 26), sure=True)
    later = NOW + timedelta(days=5)
    assert write_calendar(file, replace(PLAN, events=(moved, FULL)), later) == 1
    pilot, full = events(file)["1@rolloutctl"], events(file)["2@rolloutctl"]
    assert (pilot.dtstart.value, pilot.sequence.value, pilot.dtstamp.value) == (date(2025, 11, 26), "5", later)
    assert pilot.status.value == "CONFIRMED"
    assert (full.sequence.value, full.dtstamp.value) == ("4", NOW)
    assert write_calendar(file, replace(PLAN, revision=12), later) == 1
    assert events(file)["1@rolloutctl"].sequence.value == "12"  # another machine may have written up to there


def test_a_step_that_is_gone_is_cancelled_once_and_comes_back_when_it_does(file: Path) -> None:
    write_calendar(file, PLAN, NOW)
    assert write_calendar(file, replace(PLAN, events=(PILOT,)), NOW) == 1
    full = events(file)["2@rolloutctl"]
    assert (full.status.value, full.sequence.value, full.dtstart.value) == ("CANCELLED", "5", date(2025, 12, 1))
    assert write_calendar(file, replace(PLAN, events=(PILOT,)), NOW) == 0
    assert write_calendar(file, PLAN, NOW) == 1
    assert (events(file)["2@rolloutctl"].status.value, events(file)["2@rolloutctl"].sequence.value) == (
        "TENTATIVE",
        "6",
    )


@pytest.mark.parametrize(
    "text", [b"version: 1\n", b"", b"\xff\xfe\x00", b"BEGIN:VCALENDAR\r\nPRODID:-//other//\r\nEND:VCALENDAR\r\n"]
)
def test_a_file_that_is_none_of_ours_stays(file: Path, text: bytes) -> None:
    file.write_bytes(text)
    with pytest.raises(Refused, match="rolloutctl has not made it"):
        write_calendar(file, PLAN, NOW)
    assert file.read_bytes() == text


def test_a_damaged_event_of_ours_is_written_anew(file: Path) -> None:
    write_calendar(file, PLAN, NOW)
    file.write_bytes(file.read_bytes().replace(b"DTSTART;VALUE=DATE:20251201", b"DTSTART:never").replace(b":4", b":x"))
    assert write_calendar(file, PLAN, NOW) == 2
    assert events(file)["2@rolloutctl"].dtstart.value == date(2025, 12, 1)


def test_the_file_is_whole_readable_by_all_and_a_link_to_it_stays(tmp_path: Path, file: Path) -> None:
    link = tmp_path / "link.ics"
    link.symlink_to(file.name)
    write_calendar(link, PLAN, NOW)
    assert link.is_symlink()
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.ics", "portal.ics"]


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no such file or directory"):
        write_calendar(tmp_path / "nowhere" / "portal.ics", PLAN, NOW)
    with pytest.raises(Refused, match="is a directory"):
        write_calendar(tmp_path, PLAN, NOW)
