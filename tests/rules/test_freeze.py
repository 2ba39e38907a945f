"""Freeze windows: which moments lie inside, and when the window ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolloutctl.rules.freeze import Freeze, WeekTime, known_zone, parse_week_time, standing

BERLIN = ZoneInfo("Europe/Berlin")
WEEKEND = Freeze(start=parse_week_time("Fri 15:00"), end=parse_week_time("Mon 08:00"), zone="Europe/Berlin")
LUNCH = Freeze(start=parse_week_time("Wed 12:00"), end=parse_week_time("Wed 13:30"), zone="UTC")
_TIMES = st.builds(WeekTime, st.integers(0, 6), st.integers(0, 1439))
_MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("2026-11-20 14:59:59", False),
        ("2026-11-20 15:00", True),
        ("2026-11-21 03:00", True),
        ("2026-11-22 23:59", True),
        ("2026-11-23 07:59:59.999999", True),
        ("2026-11-23 08:00", False),
        ("2026-11-25 12:00", False),
    ],
)
def test_a_window_over_the_weekend_begins_with_its_first_minute_and_ends_before_its_last(
    moment: str, inside: bool
) -> None:
    assert WEEKEND.holds(berlin(moment)) is inside


def test_a_window_is_read_on_the_wall_clock_of_its_zone() -> None:
    assert WEEKEND.holds(datetime(2026, 11, 20, 14, 0, tzinfo=UTC))  # 15:00 in winter
    assert not WEEKEND.holds(datetime(2026, 11, 20, 13, 59, tzinfo=UTC))
    assert WEEKEND.holds(datetime(2026, 7, 3, 13, 0, tzinfo=UTC))  # 15:00 in summer
    assert LUNCH.holds(berlin("2026-11-25 13:00"))


def test_the_end_after_a_change_of_the_clock_is_on_the_wall_clock() -> None:
    before = berlin("2026-10-24 12:00")  # the clock goes back on Sunday
    assert WEEKEND.ends_after(before) == berlin("2026-10-26 08:00")
    assert WEEKEND.ends_after(before).astimezone(UTC) == datetime(2026, 10, 26, 7, 0, tzinfo=UTC)


def test_the_end_at_its_own_minute_is_a_week_later() -> None:
    assert WEEKEND.ends_after(berlin("2026-11-23 08:00")) == berlin("2026-11-30 08:00")


def test_of_several_windows_the_one_that_lasts_longest_stands() -> None:
    whole_wednesday = Freeze(start=WeekTime(2, 0), end=WeekTime(3, 0), zone="UTC")
    noon = datetime(2026, 11, 25, 12, 30, tzinfo=UTC)
    assert standing([LUNCH, whole_wednesday, WEEKEND], noon) == whole_wednesday
    assert standing([LUNCH, WEEKEND], noon + timedelta(hours=2)) is None
    assert standing([], noon) is None


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a time zone"):
        WEEKEND.holds(datetime(2026, 11, 20))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Fri 15:00", "Fri 15:00"),
        ("friday 9:05", "Fri 09:05"),
        (" MON  00:00 ", "Mon 00:00"),
        ("Sun 24:00", "Mon 00:00"),
        ("wed 24:00", "Thu 00:00"),
    ],
)
def test_a_weekday_is_read_in_short_and_in_full(written: str, read: str) -> None:
    assert str(parse_week_time(written)) == read


@pytest.mark.parametrize(
    "written", ["", "Fri", "15:00", "Fri 24:01", "Fri 15:60", "Fre 15:00", "Fri 15", "Fri 15:00:00"]
)
def test_another_spelling_of_a_weekday_and_time_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        parse_week_time(written)


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("UTC", True),
        ("Europe/Berlin", True),
        ("Europe", False),
        ("../etc/passwd", False),
        ("/etc/passwd", False),
        ("Nowhere/Else", False),
        ("", False),
        ("a\0b", False),
    ],
)
def test_a_zone_is_known_only_by_its_name_in_the_database(name: str, known: bool) -> None:
    assert known_zone(name) is known


@given(_TIMES, _TIMES, _MOMENTS)
def test_a_moment_is_in_a_window_or_in_the_window_of_the_other_hours(
    start: WeekTime, end: WeekTime, moment: datetime
) -> None:
    inside = Freeze(start=start, end=end, zone="Europe/Berlin").holds(moment)
    outside = Freeze(start=end, end=start, zone="Europe/Berlin").holds(moment)
    assert inside is not outside or start == end


@given(_TIMES, _TIMES, _MOMENTS)
def test_the_end_lies_within_a_week_and_is_not_in_the_window(start: WeekTime, end: WeekTime, moment: datetime) -> None:
    window = Freeze(start=start, end=end, zone="UTC")
    ends = window.ends_after(moment)
    assert timedelta() < ends - moment <= timedelta(days=7)
    assert not window.holds(ends)
