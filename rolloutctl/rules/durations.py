"""Lengths of time as people write them, in seconds."""

from __future__ import annotations

import math
import re

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_WRITTEN = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)\s*([smhd]?)")
_LONGEST = 366 * 86400.0
_LONG = 2 * 86400.0  # seconds from which hours alone say little


def parse_duration(written: str | float) -> float:
    """Read `30s`, `10m`, `24h`, `7d` or a plain number of seconds; at most a year.

    Raises:
        ValueError: for anything else, for nothing at all, and for less than nothing.
    """
    seconds = _seconds(written) if isinstance(written, str) else float(written)
    if not (math.isfinite(seconds) and 0 < seconds <= _LONGEST):
        raise ValueError("not between 0 and 366 days")
    return seconds


def write_duration(seconds: float) -> str:
    """The shortest way to write it: `90s`, `10m`, `24h`, `7d`."""
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length and seconds % length == 0 and (unit != "d" or seconds > length):
            return f"{seconds / length:.0f}{unit}"
    return f"{seconds:.3f}".rstrip("0").rstrip(".") + "s"


def in_words(seconds: float) -> str:
    """Whole seconds as people say them: `40 s`, `9 min 40 s`, `10 min`, `2 h 5 min`."""
    whole = max(0, round(seconds))
    hours, minutes = divmod(whole // 60, 60)
    parts = ((hours, "h"), (minutes, "min"), (0 if hours else whole % 60, "s"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "0 s"


def in_days(seconds: float) -> str:
    """As `in_words`, and from two days on in days and hours: `24 h`, `4 d 3 h`, `7 d`."""
    if seconds < _LONG:
        return in_words(seconds)
    days, hours = divmod(round(seconds / 3600), 24)
    return f"{days} d" + (f" {hours} h" if hours else "")


def _seconds(text: str) -> float:
    found = _WRITTEN.fullmatch(text.strip())
    if found is None:
        raise ValueError("not a duration")
    number, unit = found.groups()
    return float(number) * _UNITS[unit or "s"]
