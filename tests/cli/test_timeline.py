"""timeline: its chart at every width, its empty states, its Markdown, and the command itself."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import vobject
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from rolloutctl.cli.documents_timeline import markdown
from rolloutctl.cli.gantt import Scale
from rolloutctl.cli.render import Page
from rolloutctl.cli.render_timeline import show_timeline
from rolloutctl.rules.flags import NOBODY
from rolloutctl.rules.rollout_standing import Mark, Standing, Stay
from rolloutctl.rules.rollouts import Phase, Preparation, Rollout
from rolloutctl.rules.timeline import timeline
from rolloutctl.workflows.timeline import Drawn
from tests.cli.shell import ENVIRONMENTS, Shell
from tests.docs.pages import DOCS, read

DAY = 86400.0
PLAN = Rollout(
    flag="customer_portal",
    environment="production",
    start=date(2025, 11, 24),
    timeline=(
        Preparation(name="development", days=15),
        Preparation(name="staging validation", days=5, validation=True),
        Preparation(name="production deployment", days=2),
    ),
    phases=(
        Phase(name="dark", audience="nobody", soak=DAY),
        Phase(name="pilot", companies=(15, 42), soak=7 * DAY),
        Phase(name="10%", percent=10, soak=7 * DAY),
        Phase(name="full", audience="everyone"),
    ),
)


def at(day: int) -> datetime:
    return datetime(2025, 11, day, 9, tzinfo=UTC)


def signed(day: int) -> Mark:
    return Mark({"at": at(day).isoformat()})


STAYS = (
    Stay("dark", at(25), "ops", NOBODY, {}, soaked=DAY),
    Stay("pilot", at(26), "ops", NOBODY, {}, since=at(26)),
)
RUNNING = Standing(stays=STAYS, run="r", validated={"qa": signed(14), "product": signed(21)})


def drawn(standing: Standing | None = RUNNING, plan: Rollout = PLAN, day: int = 29) -> Drawn:
    return Drawn(timeline(plan, standing, at(day)))


def screen(what: Drawn, monkeypatch: pytest.MonkeyPatch, width: int = 100) -> str:
    monkeypatch.setenv("COLUMNS", str(width))
    stream = io.StringIO()
    show_timeline(what, Page(stream))
    return stream.getvalue()


def test_the_chart_is_the_one_of_the_documentation(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = screen(drawn(), monkeypatch).split("\n\n  What comes next")[0].strip("\n")
    assert f"```\n{shown}\n```" in read(DOCS / "timeline.md")


@pytest.mark.parametrize("width", [100, 80, 60, 40])
def test_every_width_has_every_step_its_bar_and_today_and_no_line_too_wide(
    monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    lines = screen(drawn(), monkeypatch, width).splitlines()
    assert max(map(len, lines)) <= max(width, 45)  # a command stays in one piece
    told = " ".join(" ".join(lines).split())
    for name in (*(each.name for each in PLAN.timeline), *PLAN.names):
        assert name in told
    for said in ("26 Nov-2 Dec, 1 day late", "14-21 Nov, 2 days late", "█ was", "▒ expected", "today, Sat 29 Nov"):
        assert said in told
    assert sum("█" in line for line in lines) == 3 + 1  # and in the legend


def nov(day: int) -> date:
    return date(2025, 11, day)


def test_a_bar_has_each_day_in_its_columns_and_today_where_nothing_else_is() -> None:
    scale = Scale(nov(24), nov(30), 100)
    pieces = [("·", nov(25), nov(26)), ("█", nov(26), nov(27))]
    assert scale.width == 7 * 4  # a day is never wider
    assert scale.bar(pieces, nov(30)) == "    " + "·" * 4 + "█" * 8 + " " * 8 + "│"
    assert scale.bar(pieces, nov(26)) == "    " + "·" * 4 + "█" * 8
    assert scale.heads() == "24 Nov"


def test_no_month_is_missing_above_the_bars_where_the_first_is_only_a_few_days() -> None:
    heads = Scale(nov(24), date(2026, 3, 31), 60).heads()
    assert heads == "   Dec           Jan            Feb          Mar"
    assert Scale(nov(10), date(2026, 3, 31), 60).heads() == "Nov     Dec          Jan           Feb        Mar"


@given(st.integers(1, 400), st.integers(8, 110), st.data())
def test_no_bar_leaves_its_scale_and_every_span_is_seen(days: int, room: int, data: st.DataObject) -> None:
    begin = date(2025, 1, 31)
    last = begin + timedelta(days=days - 1)
    scale = Scale(begin, last, room)
    first = data.draw(st.dates(begin, last))
    bar = scale.bar([("█", first, data.draw(st.dates(first, last)))], data.draw(st.dates(begin, last)))
    assert "█" in bar
    assert len(bar) <= scale.width <= room
    assert len(scale.heads()) <= scale.width


def test_while_it_is_held_nobody_says_when(monkeypatch: pytest.MonkeyPatch) -> None:
    stays = (STAYS[0], replace(STAYS[1], since=None))
    shown = screen(drawn(replace(RUNNING, stays=stays, held=signed(27))), monkeypatch)
    assert "customer_portal in production   held" in shown
    assert "since 26 Nov, 1 day late" in shown
    assert shown.count("when it goes on") == 2
    assert "▒" not in shown


def test_without_a_start_the_lengths_are_shown_and_how_to_get_days(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = screen(drawn(Standing(), replace(PLAN, start=None)), monkeypatch)
    assert "development             15 working days" in shown
    assert "start: YYYY-MM-DD below rollouts.customer_portal" in shown
    assert "today" not in shown


def test_where_no_host_is_reached_it_is_the_plan_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = Drawn(timeline(PLAN, None, at(29)), (("web-1", "connection refused."),))
    shown = screen(lost, monkeypatch)
    assert "! web-1 cannot be reached: connection refused." in shown
    assert "No record could be read: this is the plan alone." in shown
    assert "25 Nov-1 Dec by plan" in shown
    assert "late" not in shown


def test_a_day_far_from_the_way_does_not_stretch_the_chart(monkeypatch: pytest.MonkeyPatch) -> None:
    much_earlier = Drawn(timeline(PLAN, Standing(), datetime(2024, 1, 1, tzinfo=UTC)))
    shown = screen(much_earlier, monkeypatch)
    assert "2024" not in shown
    assert "Jan" not in shown.split("today")[0]


def test_the_table_has_a_row_for_each_step_and_no_name_breaks_it() -> None:
    odd = replace(PLAN, timeline=(Preparation(name="a | `b` <i>\x1b[31m", days=1),))
    rows = markdown(drawn(plan=odd)).splitlines()
    assert rows[4:6] == [
        "| step | state | planned | real | expected | late by |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    assert rows[6] == "| a \\| \\`b\\` \\<i\\> \\[31m | done | 2025-11-21 | | | |"
    assert (
        rows[9] == "| pilot | current | 2025-11-25 to 2025-12-01 | since 2025-11-26 | 2025-11-26 to 2025-12-02 | 1 d |"
    )


ROLLOUTS = """\
rollouts:
  customer_portal:
    environment: demo
    start: 2025-11-24
    weekend: []
    timeline: [{name: development, days: 3}]
    phases: [{name: dark, audience: nobody, soak: 24h}, {name: full, audience: everyone}]
  bulk_export:
    environment: demo
    phases: [{name: full, audience: everyone}]
"""


def test_the_command_reads_the_records_and_writes_a_calendar_twice(tmp_path: Path) -> None:
    shell = Shell(tmp_path, ENVIRONMENTS + ROLLOUTS)
    assert shell.run("rollout", "start", "customer_portal", "--yes").status == 0
    found = shell.run("timeline", "customer_portal", "--json").document["timeline"]
    assert [(step["name"], step["kind"], step["state"]) for step in found["steps"]] == [
        ("development", "preparation", "done"),
        ("dark", "phase", "current"),
        ("full", "phase", "ahead"),
    ]
    assert found["steps"][0]["planned"] == {"from": "2025-11-21", "to": "2025-11-23"}
    assert found["steps"][1]["slipped_days"] > 0
    first = shell.run("timeline", "customer_portal", "--ics", "way.ics")
    assert (first.status, first.out) == (0, "✓ 3 events in way.ics, 3 new or changed\n")
    assert "0 new or changed" in shell.run("timeline", "customer_portal", "--ics", "way.ics").out
    events = vobject.readOne((tmp_path / "way.ics").read_text(encoding="utf-8")).vevent_list
    assert [event.summary.value for event in events] == [
        "customer_portal: development",
        "customer_portal: dark",
        "customer_portal: full",
    ]


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("bulk_export", "--ics", "way.ics"), 3, "Add start: YYYY-MM-DD below rollouts.bulk_export"),
        (("customer_portal", "--ics", "environments.yaml"), 3, "rolloutctl has not made it"),
        (("customer_portal", "--md", "--json"), 2, "three answers"),
    ],
)
def test_what_can_not_be_is_told(tmp_path: Path, words: tuple[str, ...], status: int, said: str) -> None:
    ran = Shell(tmp_path, ENVIRONMENTS + ROLLOUTS).run("timeline", *words)
    assert (ran.status, said in ran.out + ran.err) == (status, True), ran.err
    assert not (tmp_path / "way.ics").exists()
