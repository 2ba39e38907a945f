"""Many samples as few, without losing a spike; and what a stretch of time came to by the metric's own rule."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolloutctl.rules.metrics import FromLog, FromRedis, FromRequest, Limit, Metric, Sample, Sustained
from rolloutctl.rules.reporting_series import buckets, coarser, grid, pace, round_length, together
from rolloutctl.rules.reporting_tally import Before, Series, Spell, Tally
from rolloutctl.rules.reporting_tally import before as before_in
from rolloutctl.rules.reporting_tally import tally as tally_of

BEGIN = datetime(2025, 10, 27, 8, tzinfo=UTC)
EVERY = timedelta(seconds=30)
DAY = timedelta(days=1)
P95 = Metric(name="p95", source=FromRequest(path="/", value="ms"), unit="ms", limit=Limit("<", 100.0))
ERRORS = Metric(name="errors", source=FromLog(file="l"), limit=Limit("<=", 0.5), worse=2.0)
RATIO = Metric(name="ratio", source=FromRedis(), limit=Limit(">=", 80.0), sustained=Sustained(2, 3))


def samples(metric: Metric, values: Iterable[float | None], begin: datetime = BEGIN) -> list[Sample]:
    return [Sample(metric.name, "web-1", begin + n * EVERY, value) for n, value in enumerate(values)]


def over(found: list[Sample]) -> list[tuple[datetime, datetime]]:
    return [(BEGIN, found[-1].at + EVERY)]


def tally(metric: Metric, host: str | None, found: list[Sample], spans: list[tuple[datetime, datetime]]) -> Tally:
    return tally_of(Series.of(metric, host, found), spans)


def before(metric: Metric, found: list[Sample], moment: datetime) -> Before | None:
    return before_in(Series.of(metric, "web-1", found), moment)


@pytest.mark.parametrize("days", [0.01, 1, 7, 31, 90, 800])
def test_any_stretch_of_time_has_few_buckets_of_a_round_length(days: float) -> None:
    found = grid(BEGIN, BEGIN + days * DAY, 240)
    assert found.count <= 240
    assert found.begin <= BEGIN
    assert found.of(BEGIN + days * DAY) < found.count
    assert (found.begin - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() % found.seconds == 0


@pytest.mark.parametrize(
    ("least", "unit", "length"), [(1, 120, 120), (130, 120, 600), (3_000, 300, 3_600), (90_000, 600, 172_800)]
)
def test_some_buckets_together_have_a_round_length_again(least: float, unit: int, length: int) -> None:
    assert round_length(least, unit) == length


@given(st.lists(st.one_of(st.none(), st.floats(0, 1e6)), min_size=1, max_size=300))
def test_no_spike_is_lost_in_buckets(values: list[float | None]) -> None:
    found = samples(P95, values)
    known = [value for value in values if value is not None]
    shown = buckets(P95, found, grid(BEGIN, BEGIN + DAY, 240))
    assert (max((b.most for b in shown), default=None)) == max(known, default=None)
    assert (min((b.least for b in shown), default=None)) == min(known, default=None)
    assert all(b.least <= b.middle <= b.most or b.middle == pytest.approx(b.least) for b in shown)


def test_the_middle_of_times_is_their_median_and_of_errors_their_mean() -> None:
    values = [1.0, 1.0, 1.0, 1.0, 96.0]
    whole = grid(BEGIN, BEGIN + 7 * DAY, 240)
    assert [b.middle for b in buckets(P95, samples(P95, values), whole)] == [1.0]
    assert [b.middle for b in buckets(ERRORS, samples(ERRORS, values), whole)] == [20.0]


def test_hosts_together_reach_from_the_least_to_the_most_of_any() -> None:
    whole = grid(BEGIN, BEGIN + 7 * DAY, 240)
    hosts = [buckets(P95, samples(P95, [value, value + 4]), whole) for value in (10.0, 20.0, 90.0)]
    (bucket,) = together(hosts)
    assert (bucket.least, bucket.middle, bucket.most) == (10.0, 22.0, 94.0)


def test_coarser_buckets_keep_their_extremes() -> None:
    whole = grid(BEGIN, BEGIN + DAY, 240)
    fine = buckets(P95, samples(P95, [float(n % 97) for n in range(2_880)]), whole)
    coarse = coarser(P95, fine, 4)
    assert len(coarse) <= len(fine) / 4 + 1
    assert (max(b.most for b in coarse), min(b.least for b in coarse)) == (96.0, 0.0)


def test_a_stretch_tells_the_share_within_the_worst_and_how_much_was_measured() -> None:
    found = samples(P95, [50.0] * 95 + [None] * 2 + [400.0] + [50.0] * 2)
    told = tally(P95, "web-1", found, [(BEGIN, BEGIN + 200 * EVERY)])
    assert (told.samples, told.blind, told.within, told.share) == (98, 2, 97, 97 / 98)
    assert (told.worst, told.worst_at, told.middle) == (400.0, BEGIN + 97 * EVERY, 50.0)
    assert told.covered == pytest.approx(0.5, abs=0.01)
    assert told.spells == ()  # a single one is no failure


def test_of_what_falls_the_least_is_the_worst() -> None:
    found = samples(RATIO, [95.0, 60.0, 94.0])
    assert tally(RATIO, None, found, over(found)).worst == 60.0


def test_a_sustained_failure_is_one_spell_from_its_first_sample_to_its_last() -> None:
    found = samples(P95, [50.0] * 10 + [200.0] * 4 + [50.0] * 20 + [200.0, 50.0] * 3 + [50.0] * 5)
    told = tally(P95, "web-1", found, over(found))
    assert told.spells == (
        Spell(BEGIN + 10 * EVERY, BEGIN + 13 * EVERY),
        Spell(BEGIN + 34 * EVERY, BEGIN + 38 * EVERY),
    )


def test_one_that_lasts_to_the_end_counts_too() -> None:
    found = samples(RATIO, [95.0] * 5 + [10.0] * 2)
    assert tally(RATIO, "web-1", found, over(found)).spells == (Spell(BEGIN + 5 * EVERY, BEGIN + 6 * EVERY),)


def test_samples_before_a_pause_join_no_failure_behind_it() -> None:
    found = [*samples(P95, [50.0] * 9 + [200.0] * 2), *samples(P95, [200.0] + [50.0] * 9, BEGIN + DAY)]
    assert tally(P95, "web-1", found, [(BEGIN, BEGIN + 2 * DAY)]).spells == ()


def test_two_monitors_that_saw_one_spike_saw_one() -> None:
    one = samples(P95, [50.0] * 20 + [200.0] * 2 + [50.0] * 20)
    other = [Sample(s.metric, s.host, s.at + EVERY / 30, s.value) for s in one]
    both = sorted([*one, *other], key=lambda sample: sample.at)
    assert tally(P95, "web-1", one, over(one)).spells == ()
    assert tally(P95, "web-1", both, over(both)).spells == ()


def test_what_was_before_needs_enough_samples_and_is_no_older_than_a_week() -> None:
    assert before(ERRORS, samples(ERRORS, [0.1] * 59), BEGIN + DAY) is None
    assert before(ERRORS, samples(ERRORS, [0.1] * 600), BEGIN + 8 * DAY) is None
    known = before(ERRORS, samples(ERRORS, [0.0, 0.2] * 300), BEGIN + DAY)
    assert known is not None
    assert known.level == pytest.approx(0.1)
    assert known.normal is not None
    assert known.normal.bound > 0.2


def test_nothing_measured_is_nothing_told() -> None:
    told = tally(P95, "web-1", [], [(BEGIN, BEGIN + DAY)])
    assert (told.samples, told.share, told.worst, told.covered, pace([])) == (0, None, None, 0.0, 0.0)
