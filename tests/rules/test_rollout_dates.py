"""The days of a rollout: planned, slipped, expected; never a weekend, never before the soak is over."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rolloutctl.rules.rollout_dates import Forecast, forecast, is_start_day, next_start_day, planned
from rolloutctl.rules.rollouts import Phase, Rollout

BERLIN = ZoneInfo("Europe/Berlin")
DAY = 86400.0
SOAKS = {"dark": DAY, "pilot": 7 * DAY, "10%": 7 * DAY, "full": 0.0}
# The clock is changed at 2 and 3, at midnight, to midnight, by half an hour, by a day, and never.
ZONES = ("Europe/Berlin", "Africa/Cairo", "America/Havana", "Australia/Lord_Howe", "Pacific/Apia", "UTC")


def plan(start: date | None = date(2025, 11, 24), **settings: object) -> Rollout:
    phases = tuple(Phase(name=name, audience="nobody", soak=soak) for name, soak in SOAKS.items())
    fields = {"flag": "customer_portal", "environment": "production", "zone": "Europe/Berlin", "phases": phases}
    return Rollout(start=start, **{**fields, **settings})  # type: ignore[arg-type]


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def november(*days: int) -> tuple[date, ...]:
    return tuple(date(2025, 11, 1) + timedelta(days=day - 1) for day in days)


def expected(forecasts: tuple[Forecast, ...]) -> list[date | None]:
    return [each.expected for each in forecasts]


def test_each_phase_is_planned_when_the_one_before_has_soaked() -> None:
    assert planned(plan()) == november(24, 25, 32, 39)


def test_a_planned_day_moves_past_the_weekend_and_the_holidays() -> None:
    assert planned(plan(date(2025, 11, 22))) == november(24, 25, 32, 39)
    assert planned(plan(holidays=(date(2025, 12, 2), date(2025, 12, 3)))) == november(24, 25, 34, 41)
    assert planned(plan(date(2025, 11, 22), weekend=())) == november(22, 23, 30, 37)
    assert planned(plan(date(2025, 12, 24), holidays=(date(2025, 12, 25), date(2025, 12, 26)))) == (
        date(2025, 12, 24),
        date(2025, 12, 29),
        date(2026, 1, 5),
        date(2026, 1, 12),
    )


def test_without_a_start_nothing_is_planned_or_expected() -> None:
    assert planned(plan(None)) == (None,) * 4
    found = forecast(plan(None), berlin("2025-11-24 12:00"), {}, current=None, soak_left=0, held=False)
    assert found == tuple(Forecast(phase=name, unknown="no start") for name in SOAKS)


def test_a_week_is_planned_to_end_on_its_weekday_also_where_the_clock_is_changed() -> None:
    autumn, spring = date(2026, 10, 20), date(2026, 3, 24)  # Tuesdays; the dark day comes first
    assert planned(plan(autumn)) == (autumn, *(autumn + timedelta(days=1 + 7 * week) for week in range(3)))
    assert planned(plan(spring)) == (spring, *(spring + timedelta(days=1 + 7 * week) for week in range(3)))


def test_before_its_start_a_rollout_is_expected_as_planned() -> None:
    found = forecast(plan(), berlin("2025-11-20 12:00"), {}, current=None, soak_left=0, held=False)
    days = november(24, 25, 32, 39)
    assert found == tuple(
        Forecast(phase=name, planned=day, expected=day) for name, day in zip(SOAKS, days, strict=True)
    )
    assert [each.slipped for each in found] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("now", "first"),
    [("2025-11-26 12:00", 26), ("2025-11-28 23:59", 28), ("2025-11-29 00:00", 31), ("2025-11-30 12:00", 31)],
)
def test_a_start_that_is_past_is_expected_today_or_on_the_next_start_day(now: str, first: int) -> None:
    found = forecast(plan(), berlin(now), {}, current=None, soak_left=0, held=False)
    assert found[0].expected == november(first)[0]
    assert found[0].slipped == first - 24


def test_what_comes_slips_with_the_phase_that_is_on() -> None:
    entered = {0: berlin("2025-11-24 10:00"), 1: berlin("2025-11-27 10:00")}
    found = forecast(
        plan(), berlin("2025-11-28 10:00"), entered, current=1, soak_left=6 * DAY, held=False
    )  # over on Thursday
    assert [each.entered for each in found] == [*november(24, 27), None, None]
    assert expected(found) == [None, None, *november(34, 41)]
    assert [each.day for each in found] == list(november(24, 27, 34, 41))
    assert [each.slipped for each in found] == [0, 2, 2, 2]


def test_a_phase_that_has_soaked_long_enough_is_left_today_at_the_earliest() -> None:
    entered = {0: berlin("2025-11-24 10:00")}
    for soak_left in (0.0, -3 * DAY):
        found = forecast(plan(), berlin("2025-11-28 10:00"), entered, current=0, soak_left=soak_left, held=False)
        assert expected(found) == [None, *november(28, 35, 42)]


def test_behind_a_hold_nobody_can_say() -> None:
    entered = {0: berlin("2025-11-24 10:00"), 1: berlin("2025-11-25 10:00")}
    found = forecast(plan(), berlin("2025-11-28 10:00"), entered, current=1, soak_left=DAY, held=True)
    assert [each.unknown for each in found] == ["", "", "held", "held"]
    assert [each.planned for each in found] == list(november(24, 25, 32, 39))
    assert [each.slipped for each in found] == [0, 0, None, None]


def test_a_phase_that_was_passed_over_has_no_day_and_one_that_comes_again_is_expected() -> None:
    entered = {0: berlin("2025-11-24 10:00"), 2: berlin("2025-11-25 10:00"), 3: berlin("2025-11-26 10:00")}
    found = forecast(plan(), berlin("2025-11-27 10:00"), entered, current=2, soak_left=DAY, held=False)
    assert [each.unknown for each in found] == ["", "skipped", "", ""]
    assert found[3] == Forecast(phase="full", planned=november(39)[0], expected=november(28)[0])
    assert found[3].slipped == -11


def test_the_last_phase_has_nothing_behind_it() -> None:
    entered = {index: berlin(f"2025-11-{24 + index} 10:00") for index in range(4)}
    found = forecast(plan(), berlin("2025-11-28 10:00"), entered, current=3, soak_left=0, held=True)
    assert [each.day for each in found] == list(november(24, 25, 26, 27))


def test_soak_is_time_gone_by_not_a_day_on_the_calendar() -> None:
    # 24 h from Saturday 12:00 end on Sunday at 11:00 when the clock has gone back, and at 13:00 when it went forward.
    entered = {0: berlin("2026-10-24 12:00")}
    every_day = plan(weekend=())
    before = berlin("2026-10-24 23:30")
    found = forecast(every_day, before, entered, current=0, soak_left=DAY, held=False)
    assert found[1].expected == date(2026, 10, 25)  # 22:30: the day has 25 hours
    found = forecast(every_day, berlin("2026-03-28 23:30"), entered, current=0, soak_left=DAY, held=False)
    assert found[1].expected == date(2026, 3, 30)  # 0:30: the day has 23


def test_a_planned_phase_has_soaked_also_when_the_day_has_but_23_hours() -> None:
    phases = (Phase(name="dark", audience="nobody", soak=23.5 * 3600), Phase(name="full", audience="everyone"))
    sunday = date(2026, 3, 29)
    assert planned(plan(sunday, weekend=(), phases=phases)) == (sunday, date(2026, 3, 30))
    week_before = sunday - timedelta(days=7)
    assert planned(plan(week_before, weekend=(), phases=phases)) == (week_before, week_before)


def test_a_day_is_a_day_in_the_zone_of_the_rollout() -> None:
    late = datetime(2025, 11, 28, 23, 30, tzinfo=UTC)  # Friday, and Saturday in Berlin
    assert is_start_day(plan(zone="UTC"), late) == ""
    assert is_start_day(plan(), late) == "a Saturday"
    assert next_start_day(plan(), late) == datetime(2025, 11, 30, 23, 0, tzinfo=UTC)
    found = forecast(plan(), late, {0: late}, current=0, soak_left=0, held=False)
    assert found[0].entered == date(2025, 11, 29)


@pytest.mark.parametrize(
    ("day", "why"),
    [
        ("2025-12-24", ""),
        ("2025-12-25", "a holiday (25 Dec)"),
        ("2025-12-27", "a Saturday"),
        ("2025-12-28", "a Sunday"),
        ("2026-01-01", "a holiday (1 Jan)"),
    ],
)
def test_why_a_day_is_no_start_day_is_said_in_words(day: str, why: str) -> None:
    rollout = plan(holidays=(date(2025, 12, 25), date(2026, 1, 1)))
    assert is_start_day(rollout, berlin(f"{day} 12:00")) == why


def test_a_start_day_begins_with_the_moment_itself_or_with_its_first_moment() -> None:
    friday = berlin("2025-11-28 15:00")
    assert next_start_day(plan(), friday) == friday
    assert next_start_day(plan(), friday + timedelta(days=1)) == berlin("2025-12-01 00:00")


def test_a_midnight_that_the_clock_skips_is_the_moment_after_it() -> None:
    cairo = plan(zone="Africa/Cairo", weekend=(3,))  # the clock went from 0:00 to 1:00 on Friday, 26 April 2024
    thursday = datetime(2024, 4, 25, 12, 0, tzinfo=ZoneInfo("Africa/Cairo"))
    assert next_start_day(cairo, thursday).isoformat() == "2024-04-26T01:00:00+03:00"


def test_a_day_that_the_calendar_skips_is_no_start_day() -> None:
    samoa = plan(zone="Pacific/Apia", weekend=(0, 1, 2, 3, 5, 6))  # Fridays only; 30 December 2011, a Friday, was none
    thursday = datetime(2011, 12, 29, 12, 0, tzinfo=ZoneInfo("Pacific/Apia"))
    assert next_start_day(samoa, thursday).date() == date(2012, 1, 6)


def test_a_plan_without_a_day_is_refused_and_not_looked_for_without_end() -> None:
    never = plan(weekend=(0, 1, 2, 3, 4, 5, 6), holidays=(date(2025, 12, 25),))
    with pytest.raises(ValueError, match="no day of the week is left"):
        next_start_day(never, berlin("2025-11-24 12:00"))
    with pytest.raises(ValueError, match="no day of the week is left"):
        planned(never)


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a time zone"):
        is_start_day(plan(), datetime(2025, 11, 24))
    with pytest.raises(ValueError, match="needs a time zone"):
        forecast(plan(None), datetime(2025, 11, 24), {}, current=None, soak_left=0, held=True)


_DAYS = st.dates(date(2000, 1, 1), date(2035, 1, 1))
_MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))


@st.composite
def plans(draw: st.DrawFn) -> Rollout:
    start = draw(_DAYS)
    soaks = draw(
        st.lists(
            st.one_of(st.integers(0, 20).map(lambda days: days * DAY), st.floats(0, 30 * DAY)), min_size=1, max_size=8
        )
    )
    near = st.integers(0, 60).map(lambda days: start + timedelta(days=days))
    return plan(
        start,
        zone=draw(st.sampled_from(ZONES)),
        weekend=tuple(draw(st.sets(st.integers(0, 6), max_size=6))),
        holidays=tuple(draw(st.sets(near, max_size=20))),
        phases=tuple(Phase(name=str(number), audience="nobody", soak=soak) for number, soak in enumerate(soaks)),
    )


def assert_in_order_on_start_days(rollout: Rollout, days: list[date], earliest: date) -> None:
    assert days == sorted(days)
    assert all(day.weekday() not in rollout.weekend and day not in rollout.holidays for day in days)
    assert all(day >= earliest for day in days)


def assert_soaked(rollout: Rollout, days: list[date], phases: tuple[Phase, ...]) -> None:
    """Between the first moment of one day and the last of the next, the soak has room."""
    zone = ZoneInfo(rollout.zone)
    for phase, day, following in zip(phases, days, days[1:], strict=False):
        begin = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
        end = following + timedelta(days=1)
        assert datetime(end.year, end.month, end.day, tzinfo=zone).astimezone(UTC) - begin >= timedelta(
            seconds=phase.soak
        )


@given(plans())
def test_planned_days_never_decrease_and_are_start_days_and_leave_room_for_the_soak(rollout: Rollout) -> None:
    days = [day for day in planned(rollout) if day]
    assert rollout.start
    assert len(days) == len(rollout.phases)
    assert_in_order_on_start_days(rollout, days, rollout.start)
    assert_soaked(rollout, days, rollout.phases)


@given(plans(), _MOMENTS, st.data())
def test_expected_days_never_decrease_and_are_start_days_and_never_before_now(
    rollout: Rollout, now: datetime, data: st.DataObject
) -> None:
    current = data.draw(st.none() | st.integers(0, len(rollout.phases) - 1))
    left = data.draw(st.floats(0, 30 * DAY))
    entered = {} if current is None else {current: now - timedelta(days=1)}
    found = forecast(rollout, now, entered, current=current, soak_left=left, held=False)
    first = 0 if current is None else current + 1
    days = [each.expected for each in found if each.expected]
    assert len(days) == len(found) - first
    today = now.astimezone(ZoneInfo(rollout.zone)).date()
    assert_in_order_on_start_days(rollout, days, today)
    assert_soaked(rollout, days, rollout.phases[first:])
    if current is not None and days:
        assert days[0] >= (now + timedelta(seconds=left)).astimezone(ZoneInfo(rollout.zone)).date()


@given(plans(), _MOMENTS)
def test_before_the_start_the_forecast_is_the_plan(rollout: Rollout, now: datetime) -> None:
    assert rollout.start
    assume(now.date() < rollout.start - timedelta(days=1))
    found = forecast(rollout, now, {}, current=None, soak_left=0, held=False)
    assert tuple(expected(found)) == planned(rollout)


@given(plans(), _MOMENTS)
def test_the_next_start_day_is_the_first_one(rollout: Rollout, moment: datetime) -> None:
    found = next_start_day(rollout, moment)
    assert found >= moment
    assert is_start_day(rollout, found) == ""
    passed = moment
    while passed.astimezone(ZoneInfo(rollout.zone)).date() < found.date():
        assert is_start_day(rollout, passed) != ""
        passed += timedelta(hours=1)
