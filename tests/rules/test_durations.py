"""Durations as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolloutctl.rules.durations import parse_duration, write_duration


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("30s", 30),
        ("10m", 600),
        ("24h", 86400),
        ("7d", 604800),
        ("45", 45),
        (45, 45),
        (0.5, 0.5),
        ("1.5h", 5400),
        (" 2 m ", 120),
    ],
)
def test_a_duration_is_read_in_seconds(written: str | float, seconds: float) -> None:
    assert parse_duration(written) == seconds


@pytest.mark.parametrize(
    "written", ["", "s", "-1s", "0", 0, -1, "1w", "1h30m", "1e3", "٣s", "367d", float("nan"), float("inf")]
)
def test_what_is_no_duration_is_refused(written: str | float) -> None:
    with pytest.raises(ValueError, match="not"):
        parse_duration(written)


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0.5, "0.5s"), (90, "90s"), (120, "2m"), (5400, "90m"), (86400, "24h"), (604800, "7d"), (31622400, "366d")],
)
def test_a_duration_is_written_in_its_largest_whole_unit(seconds: float, written: str) -> None:
    assert write_duration(seconds) == written


@given(st.integers(1, 366 * 86400))
def test_what_is_written_is_read_back(seconds: int) -> None:
    assert parse_duration(write_duration(seconds)) == seconds
