"""Where things stand in a plot: scales that hold, round ticks, days of the zone, paths that end where they should."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolloutctl.rules.plots import TimeScale, ValueScale, area, number_ticks, path, time_ticks

BEGIN = datetime(2025, 10, 20, 8, tzinfo=UTC)
DAY = timedelta(days=1)
BERLIN = ZoneInfo("Europe/Berlin")


def scale(length: timedelta, begin: datetime = BEGIN) -> TimeScale:
    return TimeScale(begin, begin + length, 50.0, 800.0)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 1, (0, 0.2, 0.4, 0.6, 0.8, 1)),
        (0, 0.5, (0, 0.1, 0.2, 0.3, 0.4, 0.5)),
        (0, 3_000, (0, 1_000, 2_000, 3_000)),
        (88.4, 97.1, (88, 90, 92, 94, 96, 98)),
        (-3, 12, (-5, 0, 5, 10, 15)),
        (0, 0, (0, 0.2)),
    ],
)
def test_the_numbers_beside_a_plot_are_round_and_enclose_it(low: float, high: float, ticks: tuple[float, ...]) -> None:
    assert number_ticks(low, high) == pytest.approx(ticks)


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9))
def test_whatever_the_values_there_are_few_ticks_and_none_of_them_is_missing(low: float, length: float) -> None:
    ticks = number_ticks(low, low + length)
    assert 2 <= len(ticks) <= 12
    slack = max(abs(low), length) * 1e-6
    assert ticks[0] <= low + slack
    assert ticks[-1] >= low + length - slack


def test_a_moment_and_a_value_stand_in_proportion_and_never_outside() -> None:
    times, values = scale(10 * DAY), ValueScale(0.0, 100.0, 20.0, 200.0)
    assert (times.x(BEGIN), times.x(BEGIN + 5 * DAY), times.x(BEGIN + 99 * DAY)) == (50.0, 450.0, 850.0)
    assert (values.y(0), values.y(75), values.y(1e9), values.y(-1)) == (220.0, 70.0, 20.0, 220.0)
    assert (times.holds(BEGIN + 11 * DAY), values.holds(101)) == (False, False)


def test_a_stretch_can_be_seen_however_short_and_stays_within() -> None:
    times = scale(10 * DAY)
    assert times.stretch(BEGIN, BEGIN + DAY) == (50.0, 80.0)
    assert times.stretch(BEGIN + 10 * DAY, BEGIN + 10 * DAY, 3.0) == (847.0, 3.0)


@pytest.mark.parametrize(
    ("length", "most", "labels"),
    [
        (timedelta(minutes=4), 8, ["10:00", "10:01", "10:02", "10:03", "10:04"]),
        (timedelta(minutes=50), 8, ["10:00", "10:15", "10:30", "10:45"]),
        (5 * timedelta(hours=1), 8, ["10:00", "11:00", "12:00", "13:00", "14:00", "15:00"]),
        (4 * DAY, 8, ["21 Oct", "22 Oct", "23 Oct", "24 Oct"]),
        (36 * DAY, 8, ["20 Oct", "27 Oct", "3 Nov", "10 Nov", "17 Nov", "24 Nov"]),
        (36 * DAY, 3, ["20 Oct", "3 Nov", "17 Nov"]),
        (700 * DAY, 8, ["20 Oct", "19 Jan", "20 Apr", "20 Jul", "19 Oct", "18 Jan", "19 Apr", "19 Jul"]),
    ],
)
def test_days_are_those_of_the_zone_and_weeks_begin_on_monday(length: timedelta, most: int, labels: list[str]) -> None:
    found = time_ticks(scale(length, BEGIN - timedelta(hours=0 if length < 5 * DAY else 10)), BERLIN, most)
    assert [tick.label for tick in found] == labels


def test_a_day_of_25_hours_keeps_its_ticks_at_midnight() -> None:
    times = scale(4 * DAY, datetime(2025, 10, 24, 12, tzinfo=UTC))  # clocks go back on the 26th
    found = time_ticks(times, BERLIN, 8)
    gaps = [round(later.at - sooner.at) for sooner, later in pairwise(found)]
    assert [tick.label for tick in found] == ["25 Oct", "26 Oct", "27 Oct", "28 Oct"]
    assert gaps == [200, 208, 200]


def test_paths_join_their_points_and_areas_close() -> None:
    assert path([(1, 2), (3.25, 4)]) == "M1 2L3.2 4"
    assert path([(1, 2)]) == "M1 2h.1"  # a dot
    assert path([]) == ""
    assert area([(0, 1), (5, 1)], [(0, 9), (5, 9)]) == "M0 1L5 1L5 9L0 9Z"
    assert area([(0, 1)], [(0, 9)]) == ""
