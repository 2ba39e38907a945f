"""What `python -X importtime` says."""

from __future__ import annotations

import re

_LINE = re.compile(r"^import time: +(\d+) \| +(\d+) \| *(\S+)$", re.MULTILINE)


def slowest(said: str, count: int) -> list[tuple[str, float]]:
    """The modules that took longest by themselves, in milliseconds; first of all the sum of all of them."""
    found = [(name, int(own) / 1000) for own, _, name in _LINE.findall(said)]
    longest = sorted(found, key=lambda each: -each[1])[:count]
    return [(f"all {len(found)} modules", sum(ms for _, ms in found)), *longest]
