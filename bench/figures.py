"""What many measurements amount to: medians with their range, slopes, ratios of pairs."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """A median, with the least and the most of so many values."""

    median: float
    least: float
    most: float
    count: int

    @classmethod
    def of(cls, values: Iterable[float]) -> Figure:
        """Of at least one value.

        Raises:
            ValueError: there is none.
        """
        found = sorted(values)
        if not found:
            raise ValueError("no values")
        return cls(statistics.median(found), found[0], found[-1], len(found))


def ratios(values: Sequence[float], others: Sequence[float]) -> Figure:
    """How many times as much the values are as the others, measured in pairs: the median of the pairs' own ratios.

    Raises:
        ValueError: there are no pairs, or a value without its other.
    """
    return Figure.of(value / other for value, other in zip(values, others, strict=True))


def slope(points: Iterable[tuple[float, float]]) -> float:
    """By how much y grows with each x, by least squares.

    Raises:
        ValueError: there are not two different x.
    """
    found = list(points)
    if len({x for x, _ in found}) < 2:  # noqa: PLR2004 - a line has two points
        raise ValueError("a slope needs two different x")
    middle_x = statistics.fmean(x for x, _ in found)
    middle_y = statistics.fmean(y for _, y in found)
    rise = sum((x - middle_x) * (y - middle_y) for x, y in found)
    return rise / sum((x - middle_x) ** 2 for x, _ in found)
