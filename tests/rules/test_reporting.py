"""The story of five weeks: what a report says of each phase, and of what nobody knows."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from rolloutctl.rules.reporting import Chapter, Goal, Story
from rolloutctl.rules.reporting_plot import plot
from rolloutctl.rules.reporting_way import way
from rolloutctl.rules.timeline import planned_spans
from tests.tale import HOSTILE, PLAN, Measured, Tale, configuration, five_weeks
from tests.telling import the_story, told

pytestmark = pytest.mark.xdist_group("tale")  # its samples are made once
ZONE = ZoneInfo("Europe/Berlin")


@pytest.fixture(scope="module")
def story() -> Story:
    return the_story()


def chapter(story: Story, name: str) -> Chapter:
    return next(each for each in story.chapters if each.name == name)


def goal(story: Story, phase: str, what: str) -> Goal:
    return next(each for each in chapter(story, phase).goals if each.what.startswith(what))


def test_phases_have_their_days_as_planned_and_as_they_were(story: Story) -> None:
    tenth = chapter(story, "10%")
    assert (tenth.state, tenth.slipped, tenth.cohort.people if tenth.cohort else None) == ("done", 2, 2_010)
    assert tenth.planned is not None
    assert [moment.date().isoformat() for moment in tenth.planned if moment] == ["2025-11-04", "2025-11-10"]
    (stay,) = tenth.stays  # the way back after the incident is the same stay
    assert (stay.begin, stay.end) == (
        datetime(2025, 11, 6, 9, 5, tzinfo=UTC),
        datetime(2025, 11, 17, 8, 15, tzinfo=UTC),
    )
    assert [each.state for each in story.chapters] == ["done", "done", "done", "current", "ahead"]
    assert (chapter(story, "full").expected is not None, chapter(story, "full").goals) == (True, ())


def test_planned_days_are_those_of_the_timeline(story: Story) -> None:
    days = {
        each.name: [m.astimezone(ZONE).date() for m in each.planned if m] for each in story.chapters if each.planned
    }
    plan = configuration().rollout("customer_portal")
    spans = dict(zip(plan.names, planned_spans(plan), strict=True))
    assert days.pop("full") == list(spans.pop("full") or ())[:1]  # with nothing to soak the last phase goes on
    assert days == {name: list(span or ()) for name, span in spans.items()}


def test_a_change_that_went_back_has_no_part_in_who_saw_it(story: Story) -> None:
    assert [deed.outcome for deed in story.deeds] == ["kept", "kept", "kept", "kept", "reverted", "kept"]
    assert [len(seen.audience.companies) for seen in story.watched] == [2, 30, 0, 30, 150]
    assert story.watched[2].audience.nobody


@pytest.mark.parametrize(
    ("phase", "what", "verdict", "measured"),
    [
        ("dark", "Lasted", "met", "24 h 10 min"),
        ("dark", "Uptime", "not measured", "too few to tell a thousandth"),
        ("pilot", "Signed off", "met", "product: pam@example.com"),
        ("pilot", "For whom", "met", "2 of 300 companies, 53 of 20,100 people: 0.3 %"),
        ("pilot", "Incidents", "met", "none recorded"),
        ("pilot", "No complaints", "not measured", "no users are heard here"),
        ("10%", "Incidents", "missed", "high: Class Portal\\Calls not found"),
        ("10%", "No errors of the feature: portal_errors", "missed", "failed once Sat 8 Nov 13:55 to 14:15"),
        ("10%", "Uptime", "met", "health checks"),
        ("50%", "As fast as before: p95", "missed", "web-2 (the worst of 3 hosts)"),
        ("50%", "Cache as before: hit_ratio", "so far", "100 % of"),
        ("50%", "Database as before: calls", "so far", "per hour; worst 0 per hour"),
        ("50%", "Signed off", "open", "product: missing"),
    ],
)
def test_each_success_metric_has_its_verdict_and_the_numbers(
    story: Story, phase: str, what: str, verdict: str, measured: str
) -> None:
    found = goal(story, phase, what)
    assert found.verdict == verdict, found
    assert measured in found.measured


def test_gates_that_were_passed_by_stand_there_with_their_evidence(story: Story) -> None:
    proofs = {each.name: (each.word, each.evidence) for each in chapter(story, "pilot").proofs}
    assert proofs["metric-portal_errors"][0] == "overridden"
    assert "beyond the limit" in proofs["metric-portal_errors"][1]
    assert proofs["signoff-product"] == (
        "ok",
        "pam@example.com, Tue 4 Nov 11:00: two calls with each pilot, no complaint",
    )
    assert proofs["left"][1] == "Thu 6 Nov 10:05 by anna@example.com: every other gate let it through"
    now = {each.name: each.word for each in chapter(story, "50%").proofs}
    assert (now["signoff-product"], now["drift"], now["soak"]) == ("shut", "ok", "ok")


def test_the_validation_has_its_checklist_and_sign_offs(story: Story) -> None:
    (development, validation) = story.before
    assert development.planned is not None
    assert [moment.date().isoformat() for moment in development.planned if moment] == ["2025-10-09", "2025-10-22"]
    assert (validation.stays[0].actor, len(validation.stays)) == ("", 1)
    assert [(each.what, each.verdict) for each in validation.goals] == [
        ("Checklist", "met"),
        ("Signed off", "met"),
    ]


def test_the_audit_is_told_in_words_newest_first_each_entry_once(story: Story) -> None:
    whats = [line.what for line in story.audit]
    assert whats[:3] == ["the rollout resumed", "the rollout held", "50%: 30 companies → 150 companies, kept"]
    assert len(whats) == story.lines == 19
    assert "incident recovered" in whats


def test_without_samples_it_says_so_and_judges_by_records_alone(tmp_path: Path) -> None:
    story = told(tmp_path, samples=Measured(hosts=()))
    assert {chart.told for chart in story.charts} == {"No samples on this machine for that time."}
    found = goal(story, "pilot", "As fast as before")
    assert (found.verdict, found.measured) == ("not measured", "no samples on this machine for that time")
    assert goal(story, "pilot", "Lasted").verdict == "met"


def test_a_time_that_was_hardly_measured_is_no_success(tmp_path: Path) -> None:
    story = told(tmp_path, samples=Measured(every=600, since=datetime(2025, 11, 3, tzinfo=UTC)))
    found = goal(story, "pilot", "Cache as before")
    assert (found.verdict, "measured 37 % of the time" in found.measured) == ("not measured", True)
    assert goal(story, "50%", "Cache as before").verdict == "so far"
    assert "how it was before is not known" in goal(story, "50%", "As fast as before").measured


def test_a_metric_that_nobody_declared_is_named_as_missing(tmp_path: Path) -> None:
    plan = PLAN[: PLAN.index("metrics:")] + PLAN[PLAN.index("rollouts:") :].replace(", metrics: [portal_errors]", "")
    found = goal(told(tmp_path, plan=plan), "pilot", "Cache as before")
    assert (found.verdict, found.measured) == ("not measured", "no such metric in production (source: redis)")


def test_a_rollout_that_has_not_begun_has_a_story_too(tmp_path: Path) -> None:
    story = told(tmp_path, Tale(), samples=Measured(every=3600))
    assert (story.state, story.deeds, story.audit) == ("not begun", (), ())
    assert {each.state for each in story.chapters} == {"ahead"}
    picture = way(story, ZONE, 860.0)
    assert len(picture.rows) == 7
    assert picture.seen.below == ()


def test_an_abort_ends_its_stay_and_a_second_run_is_told_beside_the_first(tmp_path: Path) -> None:
    tale = five_weeks()
    tale.on(26, 9).changed(None, "too many calls", about={"aborted": True})
    aborted = told(tmp_path / "a", tale, samples=Measured(hosts=()))
    assert aborted.state == "aborted Sat 22 Nov 09:00 by anna@example.com: too many calls"
    assert chapter(aborted, "50%").stays[-1].end == tale.at
    tale.on(28, 9).entered("10%", (15, 42), "again", {"run": "r2"})
    again = told(tmp_path / "b", tale, samples=Measured(hosts=()))
    assert len(chapter(again, "10%").stays) == 2
    assert chapter(again, "10%").stays[-1].end is None
    assert chapter(again, "50%").stays[-1].end == tale.on(26, 9).at


# How it looks.


def test_a_plot_of_a_month_has_fewer_than_300_points_and_every_extreme(story: Story) -> None:
    for chart in story.charts:
        assert 0 < sum(len(curve.buckets) for curve in chart.curves) < 300, chart.metric.name
    p95 = next(chart for chart in story.charts if chart.metric.name == "p95")
    assert [curve.name for curve in p95.curves] == ["web-1", "web-2", "web-3"]  # one of them was slow
    assert max(bucket.most for curve in p95.curves for bucket in curve.buckets) > 9_800
    ratio = next(chart for chart in story.charts if chart.metric.name == "hit_ratio")
    assert len(ratio.curves) == 1


def test_a_plot_shows_limits_phases_incidents_gaps_and_tells_what_it_cuts_off(story: Story) -> None:
    found = {chart.metric.name: plot(chart, story, ZONE, 860.0) for chart in story.charts}
    errors = found["portal_errors"]
    assert errors.limit is not None
    assert errors.top < errors.limit.y < errors.bottom
    assert {mark.name for mark in errors.phases} == {"dark", "pilot", "10%", "50%"}
    assert len(errors.incidents) == 1
    assert errors.peaks
    assert errors.told[0].startswith("1 peak reaches above the picture (▲), up to 6.")
    assert len(found["hit_ratio"].gaps) == 1  # the machine slept
    assert all(errors.left <= tick.at <= errors.right for tick in errors.days)


@pytest.mark.parametrize("width", [360.0, 860.0])
def test_nothing_of_the_way_stands_outside_of_its_picture(story: Story, width: float) -> None:
    found = way(story, ZONE, width)
    bars = [bar for row in (*found.rows, found.seen, found.incidents) for bar in (*row.above, *row.below)]
    assert len(bars) > 10
    assert all(found.left <= bar.x and bar.x + bar.width <= found.right + 0.2 for bar in bars)
    assert found.now is not None
    assert len(found.spots) == 6
    assert all(len(bar.label) * 6 <= bar.width for bar in bars if bar.label)


def test_hostile_words_stay_as_they_are_in_the_model(story: Story) -> None:
    assert any(HOSTILE in line.why for line in story.audit)
