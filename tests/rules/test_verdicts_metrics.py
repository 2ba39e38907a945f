"""From samples to a verdict: no false alarm by noise, a real shift found in time, and nothing judged by too little."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from rolloutctl.rules.baselines import FEWEST, Baseline, Normal, baseline_of, normal, spans_for
from rolloutctl.rules.metrics import (
    FromLog,
    FromMysql,
    FromRedis,
    FromRequest,
    Limit,
    Metric,
    Sample,
    Source,
    Sustained,
)
from rolloutctl.rules.verdicts_metrics import Pace, Verdict, judge, worst

EVERY = 30.0
NOW = datetime(2025, 11, 26, 12, 0, tzinfo=UTC)  # a Wednesday
PACE = Pace(NOW, EVERY)
TWO_OF_THREE, THREE_OF_FIVE = Sustained(2, 3), Sustained(3, 5)
P95 = Metric(name="p95", source=FromRequest(path="/", value="ms"), unit="ms", limit=Limit("<", 3000.0))
ERRORS = Metric(name="errors", source=FromLog(file="l"), unit="per minute", limit=Limit("<=", 0.05))
HOUR = timedelta(hours=1)
Noise = Callable[[random.Random], float]


def samples(metric: Metric, values: Iterable[float | None], newest: datetime = NOW) -> list[Sample]:
    """Samples at the pace, the last value the newest."""
    found = list(values)
    return [
        Sample(metric.name, "web-1", newest - timedelta(seconds=EVERY * (len(found) - 1 - number)), value)
        for number, value in enumerate(found)
    ]


def verdict(metric: Metric, *values: float | None, before: Normal | Baseline | None = None) -> Verdict:
    return judge(metric, "web-1", samples(metric, values), before, PACE)


def word(metric: Metric, *values: float | None, before: Normal | Baseline | None = None) -> str:
    return verdict(metric, *values, before=before).word


def before(metric: Metric, values: Iterable[float]) -> Normal:
    found = normal(metric, Baseline(tuple(values), "the same hours of the days before"), EVERY)
    assert found is not None
    return found


# The limit.


def test_a_single_spike_never_fails_and_a_sustained_breach_does() -> None:
    assert word(P95, 200, 200, 200, 200, 1e9) == "warn"
    assert word(P95, 200, 200, 1e9, 200, 200) == "ok"
    assert word(P95, 200, 200, 200, 4000, 4000) == "warn"
    assert word(P95, 200, 200, 4000, 4000, 4000) == "fail"
    assert word(P95, 4000, 200, 4000, 200, 4000) == "fail"
    assert word(P95, 4000, 4000, 4000, 200, 200) == "fail"
    assert word(P95, 4000, 4000, 4000, 200, 200, 200) == "ok"


def test_a_limit_is_kept_by_its_own_bound_where_it_says_so() -> None:
    for limit, kept in (
        (Limit("<=", 5), "ok"),
        (Limit("<", 5), "fail"),
        (Limit(">=", 5), "ok"),
        (Limit(">", 5), "fail"),
    ):
        assert word(replace(P95, limit=limit), 5, 5, 5) == kept
    assert word(replace(P95, limit=Limit(">=", 80.0)), 79, 79, 79) == "fail"
    assert word(replace(P95, limit=Limit(">=", 80.0)), 81, 81, 81) == "ok"


def test_more_than_one_slow_answer_in_twenty_fails_the_95th_percentile() -> None:
    metric = replace(P95, sustained=Sustained(2, 20))
    assert word(metric, *[200] * 18, 4000, 200) == "ok"
    assert word(metric, 4000, *[200] * 18, 4000) == "fail"
    assert word(metric, 4000, *[200] * 19, 4000) == "warn"


def test_few_samples_are_not_enough_data() -> None:
    assert word(P95) == word(P95, 200, 200) == word(P95, 9000, 9000) == "not enough data"
    assert word(P95, 200, 200, None, None, None) == word(P95, 200, None, 200) == "not enough data"
    assert word(P95, 200, None, 200, None, 200) == "ok"
    assert word(P95, 200, 200, 200, None, None, None, None, None) == "not enough data"
    told = judge(P95, "web-1", [Sample("p95", "web-1", NOW, None, "the host was lost")], None, PACE)
    assert (told.word, told.told, told.host) == (
        "not enough data",
        "0 of at least 3 samples; the host was lost",
        "web-1",
    )


def test_what_was_seen_before_a_machine_slept_does_not_count_after_it() -> None:
    asleep = samples(P95, [9000] * 5, NOW - HOUR)
    assert judge(P95, None, asleep, None, PACE).word == "not enough data"
    assert judge(P95, None, [*asleep, *samples(P95, [200] * 3)], None, PACE).word == "ok"
    assert judge(P95, None, samples(P95, [9000] * 5, NOW + HOUR), None, PACE).word == "not enough data"


def test_two_monitors_that_saw_one_spike_saw_one() -> None:
    metric = replace(P95, sustained=TWO_OF_THREE)
    mine, other = samples(metric, [200, 200, 200, 9000]), samples(metric, [200, 200, 200, 9000], NOW - HOUR / 600)
    assert judge(metric, None, [*mine, *other], None, PACE).word == "warn"


def test_the_rule_and_the_numbers_are_told() -> None:
    metric = replace(ERRORS, worse=2.0)
    calm = before(metric, [2.0, 4.0] * 60)
    assert verdict(ERRORS, 0, 0, 12, 12, 12) == Verdict(
        metric="errors",
        host="web-1",
        word="fail",
        told="3 of the newest 5 are beyond the limit <= 0.05 per minute; 3 of 5 fail; now 12 per minute",
        now=12,
        beyond=3,
        of=5,
    )
    failed = verdict(replace(metric, limit=None), 3, 3, 90, 90, 90, before=calm)
    assert (failed.now, failed.baseline, failed.bound, failed.beyond, failed.of) == (90, 3, calm.bound, 3, 5)
    assert failed.told == (
        "3 of the newest 5 are above 16 per minute; 3 of 5 fail; now 90 per minute; "
        "2x the 3 per minute of the same hours of the days before is 6 per minute, its noise ends at 16 per minute"
    )
    assert verdict(metric, 0, 0, 0, 0, 0).told == (
        "now 0 per minute; not beyond the limit <= 0.05 per minute; "
        f"from before the change there are 0 of at least {FEWEST} samples"
    )
    assert verdict(P95, 200, 200, 3000).told == (
        "now 3000 ms, beyond the limit < 3000 ms; 1 of the newest 3; 3 of 5 fail"
    )


def test_without_a_limit_nothing_is_told_before_there_is_a_baseline() -> None:
    metric = replace(P95, limit=None, worse=2.0)
    few = Baseline((200.0,) * (FEWEST - 1), "the day before the change")
    assert normal(metric, few, EVERY) is None
    assert word(metric, 200, 200, 200) == word(metric, 200, 200, 200, before=few) == "not enough data"
    assert word(metric, 200, 200, 200, before=before(metric, [200.0] * FEWEST)) == "ok"
    assert word(replace(metric, limit=Limit("<", 3000.0)), 4000, 4000, 4000, before=few) == "fail"


def test_the_worst_verdict_counts_for_all_hosts() -> None:
    ok, warn, fail = verdict(P95, 1, 1, 1), verdict(P95, 1, 1, 9000), verdict(P95, 9000, 9000, 9000)
    silent = verdict(P95)
    assert worst([ok, warn, silent, fail]) == fail
    assert worst([ok, warn, silent]) == silent
    assert worst([ok, warn]) == warn
    assert worst([]) is None


# Worse than before.


def drawn(seed: int) -> random.Random:
    """Chance that is the same in each run."""
    return random.Random(seed)  # noqa: S311 - nothing is kept secret by it


def poisson(mean: float, event: float) -> Noise:
    def draw(chance: random.Random) -> float:
        count, left = 0, math.exp(-mean)
        product = chance.random()
        while product > left:
            count, product = count + 1, product * chance.random()
        return event * count

    return draw


def log_normal(spread: float) -> Noise:
    return lambda chance: 200 * math.exp(spread * chance.gauss(0, 1))


def whole(noise: Noise) -> Noise:
    return lambda chance: float(round(noise(chance)))


def hit_ratio(chance: random.Random) -> float:
    return min(100.0, 97 + chance.gauss(0, 1))


LOG = FromLog(file="storage/logs/laravel.log")
NOISES = [
    *(pytest.param(LOG, 2.0, poisson(mean, 2.0), id=f"{mean} errors") for mean in (0.001, 0.02, 0.1, 0.5, 1, 3, 10)),
    *(pytest.param(FromMysql(query="q"), 0.5, poisson(mean, 1.0), id=f"{mean} calls") for mean in (3, 10, 40)),
    *(pytest.param(P95.source, 1.2, log_normal(spread), id=f"latency {spread}") for spread in (0.1, 0.3, 0.5, 0.8)),
    pytest.param(P95.source, 1.2, whole(log_normal(0.5)), id="whole milliseconds"),
    pytest.param(FromRedis(), 0.95, hit_ratio, id="hit ratio"),
]
SEEDS = 12


def intervals(metric: Metric, noise: Iterator[float], known: Normal, number: int) -> Iterator[str]:
    """The verdict after each of so many intervals."""
    window: list[Sample] = []
    for passed in range(number):
        at = NOW + timedelta(seconds=EVERY * passed)
        window = [*window, Sample(metric.name, "web-1", at, next(noise))][-metric.sustained.of :]
        yield judge(metric, "web-1", window, known, Pace(at, EVERY)).word


def endless(noise: Noise, chance: random.Random) -> Iterator[float]:
    while True:
        yield noise(chance)


@pytest.mark.parametrize(("size", "sustained"), [(FEWEST, THREE_OF_FIVE), (240, TWO_OF_THREE)])
@pytest.mark.parametrize(("source", "worse", "noise"), NOISES)
def test_500_intervals_of_normal_noise_raise_no_alarm(
    source: Source, worse: float, noise: Noise, size: int, sustained: Sustained
) -> None:
    metric = Metric(name="m", source=source, worse=worse, sustained=sustained)
    for seed in range(SEEDS):
        values = endless(noise, drawn(seed))
        known = before(metric, (next(values) for _ in range(size)))
        assert "fail" not in set(intervals(metric, values, known, 500)), seed


SHIFTS = [
    pytest.param(LOG, 2.0, poisson(0.02, 2.0), poisson(20, 2.0), id="errors where there were none"),
    pytest.param(LOG, 2.0, poisson(1, 2.0), poisson(25, 2.0), id="many errors where there were some"),
    pytest.param(FromMysql(query="q"), 0.5, poisson(40, 1.0), poisson(2, 1.0), id="calls that stay away"),
    pytest.param(P95.source, 1.5, log_normal(0.1), lambda chance: 3 * log_normal(0.1)(chance), id="3 times as slow"),
    pytest.param(P95.source, 1.5, log_normal(0.5), lambda chance: 30 * log_normal(0.5)(chance), id="30 times as slow"),
    pytest.param(FromRedis(), 0.9, hit_ratio, lambda chance: 40 + chance.random(), id="a cold cache"),
]


@pytest.mark.parametrize(("source", "worse", "noise", "shifted"), SHIFTS)
def test_a_real_shift_is_found_within_three_intervals(
    source: Source, worse: float, noise: Noise, shifted: Noise
) -> None:
    metric = Metric(name="m", source=source, worse=worse, sustained=TWO_OF_THREE)
    for seed in range(SEEDS):
        chance = drawn(seed)
        known = before(metric, (noise(chance) for _ in range(240)))
        assert list(intervals(metric, endless(shifted, chance), known, 3))[-1] == "fail", seed


@pytest.mark.parametrize(("source", "worse", "noise"), NOISES)
def test_spikes_that_stand_alone_never_fail(source: Source, worse: float, noise: Noise) -> None:
    metric = Metric(name="m", source=source, worse=worse)
    spike = 0.0 if worse < 1 else 1e6
    for seed in range(SEEDS // 3):
        chance = drawn(seed)
        known = before(metric, (noise(chance) for _ in range(240)))
        spiky = (spike if number % 5 == 0 else noise(chance) for number in range(500))
        assert "fail" not in set(intervals(metric, spiky, known, 500)), seed


def test_a_value_is_worse_only_beyond_the_factor_and_beyond_the_noise() -> None:
    metric = replace(P95, limit=None, worse=2.0)
    steady = before(metric, [200.0] * 120)  # no noise at all: the factor counts
    assert word(metric, 399, 399, 399, before=steady) == "ok"
    assert word(metric, 401, 401, 401, before=steady) == "fail"
    noisy = before(metric, [100.5, 400.5] * 60)
    assert noisy.noise > noisy.factor
    assert word(metric, *[noisy.factor * 1.1] * 5, before=noisy) == "ok"
    assert word(metric, *[noisy.noise * 1.1] * 5, before=noisy) == "fail"
    falling = replace(P95, limit=None, worse=0.5)
    assert word(falling, 101, 101, 101, before=before(falling, [200.5] * 120)) == "ok"
    assert word(falling, 99, 99, 99, before=before(falling, [200.5] * 120)) == "fail"


def test_a_baseline_below_zero_is_compared_too() -> None:
    metric = replace(P95, limit=None, worse=1.5)
    known = before(metric, [-200.0, -200.5] * 60)
    assert word(metric, *[-200] * 5, before=known) == "ok"
    assert word(metric, *[-50] * 5, before=known) == "fail"


# The baseline.


def around(days: float, minutes: int, value: float) -> list[Sample]:
    """A sample a minute, so many days before now."""
    middle = NOW - timedelta(days=days)
    return [Sample("m", "web-1", middle + timedelta(minutes=each - minutes / 2), value) for each in range(minutes)]


def test_the_baseline_is_the_same_hours_of_the_same_weekday_where_there_are_enough() -> None:
    week, yesterday = around(7, 100, 1.0), around(1, 100, 2.0)
    night = around(0.5, 300, 3.0)
    found = baseline_of([*week, *yesterday, *night], NOW - HOUR, NOW)
    assert (set(found.values), found.told) == ({1.0}, "the same hours of the same weekday before")
    found = baseline_of([*week[:20], *yesterday, *night], NOW - HOUR, NOW)
    assert (set(found.values), found.told) == ({1.0, 2.0}, "the same hours of the days before")
    found = baseline_of([*week[:20], *night], NOW - HOUR, NOW)
    assert (set(found.values), len(found.values), found.told) == ({3.0}, 300, "the day before the change")
    assert baseline_of([], NOW, NOW) == Baseline((), "the day before the change")


def test_nothing_from_after_the_change_or_from_long_ago_is_in_the_baseline() -> None:
    changed = NOW - timedelta(hours=3)
    found = baseline_of([*around(0, 400, 9.0), *around(35, 100, 8.0), *around(1, 100, 1.0)], changed, NOW)
    assert set(found.values) <= {1.0, 9.0}
    assert found.values.count(1.0) == 100
    later = baseline_of(around(0, 100, 9.0), changed, NOW)
    assert later.values == ()


def test_samples_without_a_value_are_in_no_baseline() -> None:
    lost = [replace(sample, value=None) for sample in around(1, 100, 1.0)]
    assert baseline_of([*lost, *around(1, 70, 2.0)], NOW, NOW).values == (2.0,) * 70


@pytest.mark.parametrize("ago", [0, 1, 30, 24 * 9])
def test_the_spans_hold_all_that_a_baseline_is_made_of(ago: int) -> None:
    """Of four weeks of samples, a tenth has to be read; what comes of it is the same, and compares weekdays."""
    changed = NOW - timedelta(hours=ago)
    every = timedelta(minutes=2)
    first = changed - timedelta(days=30)
    all_of_them = [Sample("errors", "web-1", first + n * every, float(n % 97)) for n in range(30 * 720)]
    spans = spans_for(changed, NOW)
    read = [each for each in all_of_them if any(since <= each.at < until for since, until in spans)]
    assert len(read) < len(all_of_them) / 6
    found = baseline_of(read, changed, NOW)
    assert found == baseline_of(all_of_them, changed, NOW)
    assert found.told == "the same hours of the same weekday before"
    assert all(earlier[1] < later[0] for earlier, later in pairwise(spans))


# What a hostile host sends.

ABSURD = st.floats() | st.sampled_from([math.nan, math.inf, -math.inf, 1e308, -1e308, 5e-324, -0.0, 1e15, -1e15])
METRICS = [
    replace(P95, worse=2.0),
    replace(P95, limit=Limit(">=", 80.0), worse=0.5),
    replace(ERRORS, worse=1.5),
    replace(P95, limit=None, worse=1e6),
]


@given(
    metric=st.sampled_from(METRICS),
    old=st.lists(ABSURD, max_size=80),
    new=st.lists(ABSURD | st.none(), max_size=7),
    every=st.sampled_from([1.0, 30.0, 86400.0]),
)
def test_absurd_values_are_harmless(metric: Metric, old: list[float], new: list[float | None], every: float) -> None:
    past = [Sample("m", "h", NOW - timedelta(days=1, seconds=number), value) for number, value in enumerate(old)]
    found = baseline_of(past, NOW, NOW)
    assert all(math.isfinite(value) for value in found.values)
    told = judge(metric, "h", samples(metric, new), normal(metric, found, every) or found, Pace(NOW, every))
    assert all(number is None or math.isfinite(number) for number in (told.now, told.baseline, told.bound))
    assert told.told.isprintable()
    assert len(told.told) < 500


@given(st.sampled_from([math.nan, math.inf, -math.inf, 1e16, -1e300]))
def test_what_is_no_number_is_never_ok(value: float) -> None:
    assert word(P95, *[value] * 5) == "not enough data"
    sample = Sample("p95", "web-1", NOW, value)
    assert (sample.value, sample.note) == (None, "not a number that can be measured")


def test_a_note_is_one_short_line_and_a_time_is_in_utc() -> None:
    sample = Sample("m", "h", NOW.astimezone(), 1.0, "a\x1b[2J\nb" + "c" * 9000)
    assert sample.note.isprintable()
    assert len(sample.note) == 500
    assert (sample.at, sample.at.tzinfo) == (NOW, UTC)
