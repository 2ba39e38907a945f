"""Moments as people write them: which are understood, and why the others are not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rolloutctl.rules.moments import parse_moment


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("2025-11-24 09:00 Europe/Berlin", "2025-11-24T08:00"),
        ("2025-11-24 9:00 Europe/Berlin", "2025-11-24T08:00"),
        (" 2025-07-01T09:00 Europe/Berlin ", "2025-07-01T07:00"),
        ("2025-11-24T09:00Z", "2025-11-24T09:00"),
        ("2025-11-24 09:00:30 UTC", "2025-11-24T09:00:30"),
        ("2025-11-24 09:00 +0530", "2025-11-24T03:30"),
        ("2025-11-24T09:00:00-08:00", "2025-11-24T17:00"),
        ("2025-10-26T02:30+02:00", "2025-10-26T00:30"),
    ],
)
def test_a_day_a_time_and_a_zone_are_a_moment(written: str, utc: str) -> None:
    assert parse_moment(written).astimezone(UTC) == datetime.fromisoformat(utc).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("tomorrow", "is no moment"),
        ("", "is no moment"),
        ("09:00 Europe/Berlin", "is no moment"),
        ("2025-11-24 Europe/Berlin", "is no moment"),
        ("2025-11-24 09:00", "does not say in which zone"),
        ("2025-02-30 09:00 UTC", "is no moment of any day"),
        ("2025-11-24 25:00 UTC", "is no moment of any day"),
        ("2025-11-24T09:00+99:00", "is no moment of any day"),
        ("2025-11-24 09:00 Europe/Atlantis", "names a zone that nobody knows: Europe/Atlantis"),
        ("2025-11-24 09:00 ../../etc/passwd", "is no moment"),
        ("2025-03-30 02:30 Europe/Berlin", "is skipped by the clock"),
        ("2025-10-26 02:30 Europe/Berlin", r"comes twice there.*2025-10-26T02:30:00\+02:00"),
    ],
)
def test_anything_else_is_told_why(written: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_moment(written)
