"""A curve in one line: a character a value, as high as the value is among the others."""

from __future__ import annotations

from collections.abc import Sequence

BLOCKS = "▁▂▃▄▅▆▇█"
PLAIN = "_.-~=+*#"  # where a terminal has no blocks
_NONE = " "


def sparkline(values: Sequence[float | None], width: int, levels: str = BLOCKS) -> str:
    """The newest values, at most `width` of them; a blank for one that could not be had.

    The lowest character is zero, or the least value where some are below; so what varies little around a high value is
    a high line, and not noise.
    """
    newest = values[-width:] if width > 0 else ()
    known = [value for value in newest if value is not None]
    least, most = min([0.0, *known]), max([0.0, *known])
    return "".join(_NONE if value is None else levels[_level(value, least, most, len(levels))] for value in newest)


def _level(value: float, least: float, most: float, count: int) -> int:
    if most <= least:
        return 0
    return min(count - 1, int((value - least) / (most - least) * count))
