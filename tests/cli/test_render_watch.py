"""The picture of a watch: what is told where there is little room, and what a terminal without blocks shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from rolloutctl.cli.render_watch import Size, View, picture
from rolloutctl.cli.sparkline import BLOCKS, PLAIN, sparkline
from rolloutctl.rules.metrics import FromCommand, Metric
from rolloutctl.rules.verdicts_metrics import Verdict
from rolloutctl.workflows.log_lines import LogLine
from rolloutctl.workflows.monitor import Round
from rolloutctl.workflows.sampling import Lost
from tests.fakes import PRODUCTION

NOW = datetime(2025, 11, 24, 9, tzinfo=UTC)
TOLD = "3 of the newest 5 are beyond the limit <= 0.05 per minute; 3 of 5 fail; now 12 per minute"


def metric(name: str, unit: str = "") -> Metric:
    return Metric(name=name, source=FromCommand(run="x"), unit=unit)


ROUND = Round(
    at=NOW,
    environment=PRODUCTION,
    metrics=(metric("portal_errors", "per minute"), metric("calls", "per hour"), metric("new")),
    samples=(),
    verdicts=(
        Verdict(metric="portal_errors", host="web-1", word="ok", told="now 0", now=0.0, baseline=0.5),
        Verdict(metric="portal_errors", host="web-2", word="fail", told=TOLD, now=12.0, baseline=0.5),
        Verdict(metric="calls", host=None, word="ok", told="now 40 per hour; not below 20", now=40.0),
        Verdict(metric="new", host="web-1", word="not enough data", told="0 of at least 3 samples"),
    ),
    since=NOW - timedelta(hours=1),
    number=120,
    left=23 * 3600,
    lost=(Lost("web-2", NOW - timedelta(minutes=5), "connection refused"),),
    lines=tuple(LogLine(NOW, "web-2", "error", "portal failed: \x1b[31m" if n else "first") for n in range(4)),
    curves={("portal_errors", "web-2"): (0.0, None, 6.0, 12.0), ("calls", None): (40.0, 41.0)},
)


def shown(size: Size, round_: Round = ROUND) -> list[str]:
    return [line.plain.rstrip() for line in picture(View(round_, "portal"), size)]


def test_the_worst_host_counts_and_where_hosts_differ_each_is_told() -> None:
    lines = shown(Size(100))
    assert lines[0].startswith("production · portal   ")
    assert lines[1].endswith("120 rounds, one every 30 s, 23 h left")
    assert "✗ fail: portal_errors" in lines
    (row,) = (number for number, line in enumerate(lines) if line.startswith("✗ portal_errors"))
    assert lines[row].split() == ["✗", "portal_errors", "12", "per", "minute", "usual", "0.5", "▁", "▅█"]
    assert lines[row + 1].startswith(f"    web-2: {TOLD[:80]}")
    assert [line.split()[:3] for line in lines[row + 2 : row + 5]][1:] == [["✓", "web-1", "0"], ["✗", "web-2", "12"]]
    assert any("! web-2 is lost since" in line and line.endswith("trying again: connection refused") for line in lines)
    assert lines[-2].endswith("web-2 error: first")
    assert lines[-1].endswith("web-2 3 times error: portal failed: \\x1b[31m")


@pytest.mark.parametrize("width", [100, 80, 60])
@pytest.mark.parametrize("height", [None, 40, 24, 14, 8, 3])
def test_it_fits_and_what_fails_is_never_left_out(width: int, height: int | None) -> None:
    lines = shown(Size(width, height))
    assert all(len(line) <= width for line in lines)
    assert height is None or len(lines) <= height
    if height is None or height >= 8:
        assert "✗ fail: portal_errors" in lines
        assert any(line.startswith("✗ portal_errors") for line in lines)


def test_little_room_leaves_out_the_rules_of_what_is_well_first() -> None:
    (large, small) = ("\n".join(shown(Size(100, height))) for height in (30, 19))
    assert "not below 20" in large
    assert "not below 20" not in small
    assert "beyond the limit" in small


def test_a_terminal_without_blocks_gets_what_it_can_show() -> None:
    text = "\n".join(shown(Size(100, plain=True), replace(ROUND, lines=())))
    assert text.isascii()
    assert "x portal_errors" in text
    assert "_ =#" in text


def test_a_round_without_troubles_says_so() -> None:
    well = replace(ROUND, verdicts=(ROUND.verdicts[0], ROUND.verdicts[2]), lost=(), lines=())
    assert "✓ all is as it should be" in shown(Size(80), well)


@pytest.mark.parametrize(
    ("values", "curve"),
    [
        ((), ""),
        ((0.0, 0.0), "▁▁"),
        ((5.0, 5.0), "██"),
        ((0.0, 1.0, None, 4.0, 8.0), "▁▂ ▅█"),
        ((-4.0, 0.0, 4.0), "▁▅█"),
        ((None, None), "  "),
        ((1e15, 1e-9), "█▁"),
    ],
)
def test_a_curve_is_as_high_as_its_values(values: tuple[float | None, ...], curve: str) -> None:
    assert sparkline(values, 30) == curve
    assert len(BLOCKS) == len(PLAIN)


def test_a_curve_shows_the_newest_values() -> None:
    assert sparkline((9.0, 0.0, 1.0), 2) == "▁█"
    assert sparkline((9.0,), 0) == ""
