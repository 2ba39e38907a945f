"""Moments as people write them: a day, a time and a zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from rolloutctl.rules.freeze import known_zone

_WRITTEN = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)[T ]+(?P<time>\d?\d:\d\d(?::\d\d)?)\s*(?P<zone>Z|[+-]\d\d:?\d\d|[A-Za-z][\w+/-]*)?",
    re.ASCII,
)


def parse_moment(text: str) -> datetime:
    """Read `2025-11-24 09:00 Europe/Berlin`, or `2025-11-24T09:00+01:00`, which ends in Z for UTC.

    Raises:
        ValueError: it is written otherwise, without a zone, or there is no such moment, or there are two: in words.
    """
    found = _WRITTEN.fullmatch(text.strip())
    if found is None:
        raise ValueError("is no moment")
    if found["zone"] is None:
        raise ValueError("does not say in which zone")
    day, time, zone = found["day"], found["time"].zfill(8 if found["time"].count(":") > 1 else 5), found["zone"]
    try:
        if zone == "Z" or zone[0] in "+-":
            return datetime.fromisoformat(f"{day}T{time}{zone}")
        naive = datetime.fromisoformat(f"{day}T{time}")
    except ValueError:
        raise ValueError("is no moment of any day") from None
    if not known_zone(zone):
        raise ValueError(f"names a zone that nobody knows: {zone}")
    return _on_the_clock(naive, ZoneInfo(zone))


def _on_the_clock(naive: datetime, zone: ZoneInfo) -> datetime:
    moment = naive.replace(tzinfo=zone)
    if moment.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != naive:
        raise ValueError("is skipped by the clock there, which is put forward then")
    if moment.utcoffset() != moment.replace(fold=1).utcoffset():
        raise ValueError(f"comes twice there, for the clock is put back: say which, as {moment.isoformat()}")
    return moment
