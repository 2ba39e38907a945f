"""Freeze windows: the hours of the week in which no flag is widened."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import total_ordering
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_FULL = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WRITTEN = re.compile(r"([A-Za-z]+)\s+([0-9]{1,2}):([0-5][0-9])")
_DAY = 24 * 60
_WEEK = 7 * _DAY


@total_ordering
class WeekTime(Struct, frozen=True):
    """A minute of the week on the wall clock: `weekday` 0 is Monday, `minutes` count from midnight."""

    weekday: int
    minutes: int

    @property
    def of_week(self) -> int:
        """Minutes since Monday 00:00."""
        return self.weekday * _DAY + self.minutes

    def __lt__(self, other: WeekTime) -> bool:
        return self.of_week < other.of_week

    def __str__(self) -> str:
        return f"{DAYS[self.weekday]} {self.minutes // 60:02}:{self.minutes % 60:02}"


class Freeze(Struct, frozen=True, kw_only=True):
    """A window of every week, from `start` up to but without `end`, on the wall clock of `zone`."""

    start: WeekTime
    end: WeekTime
    zone: str

    def holds(self, moment: datetime) -> bool:
        """Whether the moment (with a time zone) lies in the window.

        Hours that a change of the clock repeats or skips count as the wall clock shows them.
        """
        local = _wall_clock(moment, self.zone)
        here = local.weekday() * _DAY + local.hour * 60 + local.minute
        return (here - self.start.of_week) % _WEEK < (self.end.of_week - self.start.of_week) % _WEEK

    def ends_after(self, moment: datetime) -> datetime:
        """The first end of the window after the moment, in the window's zone."""
        local = _wall_clock(moment, self.zone)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        days = (self.end.weekday - local.weekday()) % 7
        end = midnight + timedelta(days=days, minutes=self.end.minutes)
        return end if end > local else end + timedelta(days=7)

    def __str__(self) -> str:
        return f"{self.start} to {self.end}, {self.zone}"


def standing(freezes: Iterable[Freeze], moment: datetime) -> Freeze | None:
    """The window that the moment lies in (of several the one that lasts longest), or None."""
    held = [freeze for freeze in freezes if freeze.holds(moment)]
    return max(held, key=lambda freeze: freeze.ends_after(moment), default=None)


def parse_week_time(written: str) -> WeekTime:
    """Read `Fri 15:00`; `Sun 24:00` is Monday 00:00.

    Raises:
        ValueError: for anything else.
    """
    found = _WRITTEN.fullmatch(written.strip())
    if found is None:
        raise ValueError("not a weekday and a time")
    minutes = int(found[2]) * 60 + int(found[3])
    if minutes > _DAY:
        raise ValueError("not a time of day")
    return WeekTime((_weekday(found[1]) + minutes // _DAY) % 7, minutes % _DAY)


def known_zone(name: str) -> bool:
    """Whether the time zone database has a zone of that name."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: `Europe` is a folder there
        return False
    return True


def _weekday(word: str) -> int:
    lowered = word.lower()
    for day, full in enumerate(_FULL):
        if lowered in (full, full[:3]):
            return day
    raise ValueError("not a weekday")


def _wall_clock(moment: datetime, zone: str) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return moment.astimezone(ZoneInfo(zone))
