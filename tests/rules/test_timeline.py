"""The whole way of a rollout with its days: counted back from the start, and held against what the records say."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolloutctl.rules.config import Environment
from rolloutctl.rules.flags import NOBODY
from rolloutctl.rules.rollout_standing import Mark, Standing, Stay
from rolloutctl.rules.rollouts import Phase, Preparation, Rollout, Validation
from rolloutctl.rules.timeline import Step, Timeline, days_of, timeline
from rolloutctl.rules.timeline_events import calendar_of

DAY = 86400.0
PREPARED = (
    Preparation(name="development", days=15),
    Preparation(name="staging validation", days=5, validation=True),
    Preparation(name="production deployment", days=2),
)
PHASES = (
    Phase(name="dark", audience="nobody", soak=DAY),
    Phase(name="pilot", companies=(15,), soak=7 * DAY),
    Phase(name="full", audience="everyone"),
)


def plan(start: date | None = date(2025, 11, 24), **more: object) -> Rollout:
    fields = {"flag": "portal", "environment": "production", "timeline": PREPARED, "phases": PHASES}
    return Rollout(start=start, **{**fields, **more})  # type: ignore[arg-type]


def at(day: int, month: int = 11, hour: int = 9) -> datetime:
    return datetime(2025, month, day, hour, tzinfo=UTC)


def nov(first: int, last: int = 0) -> tuple[date, date]:
    return date(2025, 11, 1) + timedelta(first - 1), date(2025, 11, 1) + timedelta((last or first) - 1)


def mark(when: datetime, **fields: object) -> Mark:
    return Mark({"at": when.isoformat(), **fields})


def stay(phase: str, when: datetime, *, over: bool = False) -> Stay:
    return Stay(phase, when, "ops", NOBODY, {}, soaked=DAY if over else 0.0, since=None if over else when)


def by_name(way: Timeline) -> dict[str, Step]:
    return {step.name: step for step in way.steps}


def test_the_work_before_the_first_phase_is_counted_back_in_working_days() -> None:
    way = timeline(plan(), Standing(), at(1, 10))
    assert [(step.name, step.planned) for step in way.steps] == [
        ("development", (date(2025, 10, 23), date(2025, 11, 12))),
        ("staging validation", nov(13, 19)),
        ("production deployment", nov(20, 21)),
        ("dark", nov(24)),
        ("pilot", nov(25, 31)),
        ("full", nov(32)),
    ]
    assert {step.state for step in way.steps} == {"ahead"}


def test_weekends_and_holidays_are_no_working_days_and_a_start_on_one_moves() -> None:
    holidays = (date(2025, 11, 19), date(2025, 11, 24))
    steps = by_name(timeline(plan(date(2025, 11, 22), holidays=holidays), Standing(), at(1, 10)))
    assert steps["dark"].planned == nov(25)
    assert steps["production deployment"].planned == nov(20, 21)
    assert steps["staging validation"].planned == nov(12, 18)
    everyday = by_name(timeline(plan(weekend=()), Standing(), at(1, 10)))
    assert everyday["production deployment"].planned == nov(22, 23)


@given(
    st.dates(date(2025, 1, 1), date(2026, 12, 31)),
    st.lists(st.integers(1, 30), min_size=1, max_size=4),
    st.sets(st.integers(0, 60), max_size=20),
)
def test_steps_have_their_working_days_and_follow_each_other(start: date, days: list[int], free: set[int]) -> None:
    holidays = tuple(start - timedelta(days=each) for each in free)
    prepared = tuple(Preparation(name=str(number), days=each) for number, each in enumerate(days))
    way = timeline(plan(start, timeline=prepared, holidays=holidays), Standing(), at(1))
    spans = [step.planned for step in way.steps if step.planned is not None]
    for (first, last), (following, _) in pairwise(spans):
        assert first <= last < following
    for wanted, (first, last) in zip(days, spans, strict=False):
        each = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        worked = [day for day in each if day.weekday() < 5 and day not in holidays]
        assert (len(worked), worked[0], worked[-1]) == (wanted, first, last)


def test_without_a_start_there_are_lengths_and_no_days() -> None:
    way = timeline(plan(None), Standing(), at(24))
    assert not way.dated
    assert [step.length for step in way.steps] == ["15 working days", "5 working days", "2 working days", *LENGTHS]
    assert {step.unknown for step in way.steps if step.kind == "phase"} == {"no start"}
    assert calendar_of(way, production()).events == ()


LENGTHS = ["1 day", "7 days", ""]


def test_before_the_start_only_the_plan_tells_of_work_that_leaves_no_record() -> None:
    states = [step.state for step in timeline(plan(), Standing(), at(14)).steps]
    assert states == ["over by plan", "current", "ahead", "ahead", "ahead", "ahead"]
    assert all(step.real is None for step in timeline(plan(), Standing(), at(14)).steps)


def test_the_validation_is_real_from_its_first_record_and_late_from_its_planned_end() -> None:
    checks = ({"at": at(17).isoformat(), "phase": "validate"}, {"at": at(26).isoformat(), "phase": "pilot"})
    now = Standing(checks=checks, validated={"qa": mark(at(18))})
    going = by_name(timeline(plan(), now, at(21)))["staging validation"]
    assert (going.state, going.real, going.slipped_days) == ("current", (at(17), None), 2)
    assert by_name(timeline(plan(), now, at(18)))["staging validation"].slipped_days == 0
    begun = Standing(checks=checks, validated=now.validated, stays=(stay("dark", at(24)),))
    over = by_name(timeline(plan(), begun, at(24, hour=12)))["staging validation"]
    assert (over.state, over.real, over.slipped_days) == ("done", (at(17), at(18)), -1)


def test_a_validation_that_the_timeline_does_not_list_is_a_step_of_its_own() -> None:
    bare = plan(timeline=PREPARED[:1], validate=Validation(environment="staging", signoffs=("qa",)))
    names = [step.name for step in timeline(bare, Standing(), at(20)).steps]
    assert names == ["development", "validate", "dark", "pilot", "full"]
    found = by_name(timeline(bare, Standing(validated={"qa": mark(at(18))}), at(20)))["validate"]
    assert (found.real, found.planned, found.slipped_days) == ((at(18), None), None, None)


def test_phases_are_real_until_the_next_one_and_what_comes_slips_with_them() -> None:
    now = Standing(stays=(stay("dark", at(26), over=True), stay("pilot", at(27))), run="r")
    way = timeline(plan(), now, at(28))
    steps = by_name(way)
    assert (steps["dark"].state, steps["dark"].real) == ("done", (at(26), at(27)))
    assert (steps["pilot"].state, steps["pilot"].real) == ("current", (at(27), None))
    assert steps["pilot"].forecast == nov(27, 33)
    assert steps["full"].forecast == nov(34)
    assert [steps[name].slipped_days for name in ("dark", "pilot", "full")] == [2, 2, 2]
    assert [steps[each.name].state for each in PREPARED] == ["done"] * 3
    assert days_of(steps["pilot"], way) == nov(27, 33)
    assert days_of(steps["dark"], way) == nov(26, 27)


def test_behind_a_hold_nobody_can_say_and_the_plan_stays() -> None:
    now = Standing(stays=(stay("dark", at(24), over=True),), held=mark(at(24)), run="r")
    steps = by_name(timeline(plan(), now, at(25)))
    assert (steps["dark"].unknown, steps["dark"].forecast, steps["dark"].real) == ("held", None, (at(24), None))
    assert (steps["pilot"].unknown, steps["pilot"].forecast, steps["pilot"].planned) == ("held", None, nov(25, 31))


def test_after_an_abort_what_was_done_keeps_its_days_and_the_rest_is_expected_anew() -> None:
    stays = (stay("dark", at(24), over=True), stay("pilot", at(25), over=True))
    now = Standing(stays=stays, good="pilot", run="r", aborted=mark(at(26)))
    steps = by_name(timeline(plan(), now, at(27)))
    assert (steps["dark"].state, steps["dark"].real) == ("done", (at(24), at(25)))
    assert (steps["pilot"].state, steps["pilot"].forecast) == ("ahead", nov(27, 33))


def test_where_no_host_was_reached_there_is_no_forecast() -> None:
    steps = by_name(timeline(plan(), None, at(28)))
    assert (steps["pilot"].planned, steps["pilot"].forecast, steps["pilot"].unknown) == (
        nov(25, 31),
        None,
        "unreachable",
    )


def test_days_are_those_of_the_rollouts_zone() -> None:
    late = datetime(2025, 11, 24, 23, 30, tzinfo=UTC)
    assert timeline(plan(zone="Europe/Berlin"), None, late).today == date(2025, 11, 25)
    with pytest.raises(ValueError, match="time zone"):
        timeline(plan(), None, late.replace(tzinfo=None))


def production(url: str | None = None) -> Environment:
    return Environment(name="production", hosts=(), url=url)


def test_an_event_has_its_name_for_ever_and_another_in_another_project() -> None:
    early, late = (calendar_of(timeline(plan(), Standing(), moment), production()) for moment in (at(1, 10), at(30)))
    assert [each.uid for each in early.events] == [each.uid for each in late.events]
    assert len({each.uid for each in early.events}) == 6
    elsewhere = calendar_of(timeline(plan(), Standing(), at(1, 10)), production("https://other.example.com"))
    assert not {each.uid for each in early.events} & {each.uid for each in elsewhere.events}


def test_an_event_says_what_was_planned_and_how_late_it_is() -> None:
    now = Standing(stays=(stay("dark", at(26)),), run="r", known=frozenset("abc"))
    found = calendar_of(timeline(plan(), now, at(26)), production())
    dark = next(each for each in found.events if each.title == "portal: dark")
    assert (dark.first, dark.last, dark.sure, found.revision) == (*nov(26), True, 3)
    assert dark.text.splitlines() == [
        "dark of portal in production",
        "planned: 2025-11-24",
        "since: 2025-11-26",
        "expected: 2025-11-26",
        "2 days late",
        "rolloutctl rollout status portal",
    ]
