"""A host may have recorded anything, and a monitor measured anything: there is a story all the same, and a page."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rolloutctl.cli.report_markdown import markdown
from rolloutctl.cli.report_page import page
from rolloutctl.rules.metrics import Sample
from rolloutctl.rules.records import read_record
from rolloutctl.rules.reporting import Story
from rolloutctl.rules.reporting_plot import Plot, plot
from rolloutctl.workflows.report import tell
from tests.tale import BEGIN, DAY, FLAG, HOSTS, NOW, Measured, Tale, five_weeks, tools
from tests.telling import told

ZONE = ZoneInfo("Europe/Berlin")
RECORDS = [record.data for record in five_weeks().logs[HOSTS[0]]]
FIELDS = sorted({name for data in RECORDS for name in data} - {"flag", "environment"})
MOMENTS = st.sampled_from(["8999-12-31T23:59:59+00:00", "1971-01-01T00:00:00", "never", "2025-11-26T08:29:59+14:00"])
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(-1e300, 1e300), st.text(max_size=20), MOMENTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(FIELDS), inner, max_size=3)),
    max_leaves=6,
)
SPOILED = st.lists(
    st.tuples(st.integers(0, len(RECORDS) - 1), st.sampled_from(FIELDS), ANYTHING), min_size=1, max_size=6
)


def spoiled(edits: list[tuple[int, str, Any]]) -> Tale:
    """The tale, in which a host wrote something else into some fields."""
    lines = [dict(data) for data in RECORDS]
    for number, name, value in edits:
        lines[number][name] = value
    tale = Tale()
    for host in HOSTS:
        tale.logs[host] = [read_record(json.dumps({**data, "host": host})) for data in lines]
    return tale


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(SPOILED)
@example([(number, "at", "8999-12-31T23:59:59+00:00") for number in range(len(RECORDS))])
@example([(number, "at", None) for number in range(len(RECORDS))])
def test_whatever_stands_in_records_there_is_a_page_of_them(tmp_path: Path, edits: list[tuple[int, str, Any]]) -> None:
    story = told(tmp_path, spoiled(edits), samples=Measured(hosts=()))
    assert len(page(story)) < 300_000
    assert markdown(story)


class Some(Measured):
    """A few samples of each metric, the same on each host, evenly from before the rollout to now."""

    def __init__(self, values: list[float | None]) -> None:
        super().__init__()
        self.values = values

    def of(
        self, metric: str, environment: str, host: str | None, since: datetime, until: datetime
    ) -> tuple[Sample, ...]:
        step = (NOW - BEGIN + 3 * DAY) / (len(self.values) + 1)
        found = [Sample(metric, host, BEGIN - 3 * DAY + n * step, value) for n, value in enumerate(self.values)]
        return tuple(each for each in found if since <= each.at < until)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.one_of(st.none(), st.floats(-1e15, 1e15), st.sampled_from([0.0, 1.0, 1e-9])), max_size=40))
@example([0.0])
@example([1e15, -1e15])
@example([5.0] * 40)
@example([5e-251])
@example([1e15, 1e15 - 0.125])
def test_whatever_was_measured_stays_within_its_plot(tmp_path: Path, values: list[float | None]) -> None:
    story = told(tmp_path, samples=Some(values))
    for chart in story.charts:
        found = plot(chart, story, ZONE, 360.0)
        assert all(found.left <= x <= found.right and found.top <= y <= found.bottom for x, y in points(found))
        assert bool(found.curves) == any(value is not None for value in values)
        assert 2 <= len(found.values) <= 12
        assert len(found.days) <= 8


def points(found: Plot) -> list[tuple[float, float]]:
    """Every point of its lines and bands."""
    paths = [path for curve in found.curves for path in (curve.line, curve.band) if path]
    pairs = [pair for path in paths for pair in path.replace("h.1", "").strip("MZ").replace("M", "L").split("L")]
    return [(float(x), float(y)) for x, y in (pair.strip("MZ").split(" ") for pair in pairs if pair.strip("MZ"))]


@pytest.mark.parametrize("text", ["not json", '{"event": "kept"}', "{}"])
def test_torn_lines_are_no_part_of_it(tmp_path: Path, text: str) -> None:
    tale = five_weeks()
    for log in tale.logs.values():
        log.append(read_record(text))
    story: Story = tell(FLAG, tools(tmp_path, tale, samples=Measured(hosts=())))
    assert story.lines == 19
