"""What `make bench` reads on its command line, and how many measurements become one figure."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.arguments import GROUPS, Asked, read
from bench.figures import Figure, ratios, slope
from bench.groups.off import noticed
from bench.imports import slowest
from bench.meter import Cost
from bench.results import Results, Row, table
from bench.watch import Answer

PROFILE = """\
import time: self [us] | cumulative | imported package
import time:      1200 |       1200 |   encodings.aliases
import time:       300 |       1500 | encodings
"""


def test_the_command_line_is_read_and_what_is_out_of_bounds_refused() -> None:
    assert read([]) == Asked(hosts=(1, 10, 40), thin=200, runs=5, only=GROUPS)
    counts = ["--hosts", "40,1", "--thin", "0", "--runs", "3", "--minutes", "2"]
    places = ["--json", "a.json", "--peers", "build/peers"]
    assert read([*counts, *places, "--only", "change", "starts"]) == Asked(
        hosts=(1, 40),
        thin=0,
        runs=3,
        only=("starts", "change"),
        minutes=2,
        json=Path("a.json"),
        peers=Path("build/peers"),
    )
    for refused in (["--hosts", "0"], ["--hosts", "1,x"], ["--runs", "0"], ["--thin", "-1"], ["--only", "all"]):
        with pytest.raises(SystemExit):
            read(refused)


def test_a_figure_is_the_median_with_its_range_and_a_ratio_that_of_the_pairs() -> None:
    assert Figure.of([3, 1, 10]) == Figure(median=3, least=1, most=10, count=3)
    assert Figure.of([4, 2]).median == 3
    assert ratios([2, 9, 40], [1, 3, 10]) == Figure(median=3, least=2, most=4, count=3)
    with pytest.raises(ValueError, match="no values"):
        Figure.of([])
    with pytest.raises(ValueError, match="zip"):
        ratios([1], [1, 2])


def test_round_trips_are_the_slope_by_least_squares() -> None:
    assert slope([(0, 0.5), (0.1, 1.3), (0.2, 2.1)]) == pytest.approx(8)
    assert slope([(0, 1), (0, 3), (1, 5), (1, 7)]) == pytest.approx(4)
    with pytest.raises(ValueError, match="two different"):
        slope([(1, 1), (1, 2)])


def test_visitors_of_a_change_are_compared_with_those_right_before() -> None:
    cost = Cost(began=10, wall=1, cpu=0, memory=0, said="")
    before = [Answer(9, 80, 404, 0.01), Answer(9.5, 80, 404, 0.03), Answer(9.6, 80, 404, 0.01)]
    meanwhile = [Answer(10.1, 80, 502, 0.002), Answer(10.2, 80, 0, 0.06), Answer(10.3, 80, 200, 0.04)]
    told = {"requests": 3, "failed": 2, "delayed": 1, "usual ms": 10, "slowest ms": 60}
    assert noticed([*before, *meanwhile], cost) == pytest.approx(told)


def test_the_table_has_a_line_for_each_row_and_blanks_where_nothing_was_measured() -> None:
    rows = (
        Row("on", 1, "ssh", {"wall s": Figure(0.5, 0.25, 12.34, 3)}),
        Row("on", 40, "rolloutctl", {"wall s": Figure(1, 1, 1, 1), "times": Figure(2, 2, 2, 1)}),
    )
    assert table(Results("change", rows, ("A note.",))).splitlines() == [
        "== change ==",
        "what  hosts  who         wall s              times",
        "on    1      ssh         0.500 (0.250-12.3)",
        "on    40     rolloutctl  1                   2",
        "A note.",
    ]
    assert slowest(PROFILE, 1) == [("all 2 modules", 1.5), ("encodings.aliases", 1.2)]
