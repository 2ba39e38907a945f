"""Bars on a scale of days: pure text, so many columns wide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from msgspec import Struct

REAL, EXPECTED, PLANNED, TODAY = "█", "▒", "·", "│"
_WIDEST = 4  # columns for a day: a short way is drawn short
_WEEK = timedelta(days=7)
Piece = tuple[str, date, date]  # a sign, and the days that it stands for, both in it


class Scale(Struct, frozen=True):
    """Which column a day has. `last` is in it."""

    first: date
    last: date
    room: int  # columns that there are

    @property
    def width(self) -> int:
        """Columns that are used."""
        return min(self.room, _WIDEST * self._days)

    @property
    def _days(self) -> int:
        return (self.last - self.first).days + 1

    def column(self, day: date) -> int:
        """The first column of a day."""
        return (day - self.first).days * self.width // self._days

    def columns(self, first: date, last: date) -> range:
        """The columns of some days, one at least."""
        begin = self.column(first)
        return range(begin, max(begin + 1, self.column(last + timedelta(days=1))))

    def bar(self, pieces: Iterable[Piece], today: date) -> str:
        """Spans drawn over each other, the first the lowest; today's line runs where nothing else is."""
        line = [" "] * self.width
        if self.first <= today <= self.last:
            line[min(self.column(today), self.width - 1)] = TODAY
        for mark, first, last in pieces:
            for column in self.columns(first, last):
                line[min(column, self.width - 1)] = mark
        return "".join(line).rstrip()

    def heads(self) -> str:
        """The days above the bars: Mondays where they have room, else the months."""
        weekly = self.column(self.first + _WEEK) > len("24 Nov")
        line = ""
        for day in self._mondays() if weekly else self._months():
            column, label = self.column(day), f"{day.day} {day:%b}" if weekly else f"{day:%b}"
            if (not line or column > len(line)) and column + len(label) <= self.width:
                line = line.ljust(column) + label
        return line

    def _mondays(self) -> Iterator[date]:
        day = self.first + timedelta(days=-self.first.weekday() % 7)
        while day <= self.last:
            yield day
            day += _WEEK

    def _months(self) -> Iterator[date]:
        """The first of each month; before them the first day, where what is left of its month has room for its name."""
        second = _next_month(self.first)
        if self.first.day == 1 or second > self.last or self.column(second) > len("Nov"):
            yield self.first
        while second <= self.last:
            yield second
            second = _next_month(second)


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
