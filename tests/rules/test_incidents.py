"""Incidents, folded from records as hosts write them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolloutctl.rules.incidents import Incident, in_short, incidents_in, newest_open
from rolloutctl.rules.records import Record, read_record
from rolloutctl.rules.rollout_log import standing

BEGIN = datetime(2025, 11, 24, 9, tzinfo=UTC)
HOSTS = ("web-1", "web-2")


class Story:
    """Writes records on two hosts. `at` is the clock of whoever says something, a host's own is an hour behind."""

    def __init__(self) -> None:
        self.logs: dict[str, list[Record]] = {host: [] for host in HOSTS}
        self.at = BEGIN
        self._ids = (f"x{number}" for number in count(1))

    def after(self, seconds: float) -> Story:
        self.at += timedelta(seconds=seconds)
        return self

    def mark(self, action: str, hosts: tuple[str, ...] = HOSTS, **more: object) -> str:
        entry = next(self._ids)
        for host in hosts:
            self.write(host, {"event": "incident", "action": action, "entry": entry, "incident": entry, **more})
        return entry

    def opened(self, hosts: tuple[str, ...] = HOSTS, **more: object) -> str:
        said = {"severity": "high", "symptom": "500s", "affected": 12.5, "decision": "switch-off"}
        return self.mark("opened", hosts, **{**said, "detected": self.at.isoformat(), **more})

    def change(self, enabled: bool, hosts: tuple[str, ...] = HOSTS, took: float = 2, **more: object) -> None:
        fields = {
            "change": next(self._ids),
            "arbiter": HOSTS[0],
            "hosts": list(HOSTS),
            "narrow": not enabled,
            "to": {"enabled": enabled, "companies": []},
            **more,
        }
        for event, seconds in (("started", 0.0), ("kept", took)):
            for host in hosts:
                self.write(host, {"event": event, **fields}, ahead=seconds)

    def write(self, host: str, fields: dict[str, object], ahead: float = 0) -> None:
        common = {
            "flag": "portal",
            "environment": "production",
            "at": self.at.isoformat(),
            "time": (self.at - timedelta(hours=1) + timedelta(seconds=ahead)).isoformat(),
            "actor": "anna@example.com",
            "host": host,
        }
        self.logs[host].append(read_record(json.dumps({**common, **fields})))

    @property
    def found(self) -> tuple[Incident, ...]:
        return incidents_in(self.logs, flag="portal", environment="production")

    @property
    def only(self) -> Incident:
        (found,) = self.found
        return found


@pytest.fixture
def story() -> Story:
    return Story()


def told(incident: Incident) -> list[tuple[float, str]]:
    return [((entry.at - BEGIN).total_seconds(), entry.what) for entry in incident.entries]


def test_an_incident_tells_when_it_was_seen_when_it_was_off_and_when_it_was_over(story: Story) -> None:
    story.change(True)
    seen = story.after(60).at
    story.after(40).change(False, reason="500s")
    entry = story.after(3).opened(detected=seen.isoformat())
    story.after(600).mark("noted", incident=entry, note="a missing view")
    story.after(600).mark("recovered", incident=entry)
    story.after(60).change(True)
    found = story.only
    assert (found.id, found.flag, found.environment) == (entry, "portal", "production")
    assert (found.severity, found.symptom, found.affected, found.decision) == ("high", "500s", 12.5, "switch-off")
    assert (found.detected, found.actor) == (seen, "anna@example.com")
    assert found.switched_off == seen + timedelta(seconds=42)  # when the change was through, by the person's clock
    assert found.recovered == seen + timedelta(seconds=1243)
    assert told(found) == [
        (102, "switched off"),
        (103, "incident opened: high, switch-off"),
        (703, "incident noted"),
        (1303, "incident recovered"),
    ]
    assert [entry.note for entry in found.entries] == ["500s", "500s", "a missing view", ""]


def test_a_switch_off_that_missed_a_host_has_not_switched_it_off_yet(story: Story) -> None:
    story.opened()
    story.after(10).change(False, hosts=("web-1",))
    assert story.only.switched_off is None
    assert story.only.entries[-1].what == "set to nobody, not on web-2"
    assert in_short(story.only) == "not off everywhere yet, still open"
    story.after(20).change(False, hosts=("web-2",))
    assert story.only.switched_off == BEGIN + timedelta(seconds=32)


@pytest.mark.parametrize("behind", [False, True])
def test_a_switch_off_that_may_not_be_live_is_none_and_the_first_complete_one_counts(
    story: Story, behind: bool
) -> None:
    entry = story.opened()
    if behind:
        story.change(False)
        for host in HOSTS:
            story.write(host, {"event": "not-live", "change": story.logs[host][-1].change, "steps": []})
    else:
        story.change(False, cause="no-effect")
    assert (story.only.switched_off, story.only.is_left_on) == (None, True)
    assert story.only.entries[-1].what == "set to nobody, but it may not be live on web-1, web-2"
    story.after(10).change(False, hosts=("web-1",))
    assert story.only.entries[-1].what == "set to nobody, not on web-2"
    story.after(11).change(False)
    story.after(60).change(False)
    assert story.only.switched_off == BEGIN + timedelta(seconds=23)
    story.mark("recovered", incident=entry)
    assert in_short(story.only) == "switched off 23 s after it was detected, recovered after 1 min 21 s"


def test_a_step_that_failed_for_good_tells_the_same_whatever_the_cause(story: Story) -> None:
    story.opened()
    story.change(False, cause="client-gone", steps=[{"name": "restart", "ok": False}] * 2)
    assert story.only.switched_off is None


def test_a_host_whose_log_can_not_be_read_may_still_be_on(story: Story) -> None:
    story.opened()
    story.change(False, hosts=("web-1",))
    del story.logs["web-2"]
    assert story.only.switched_off is None
    assert story.only.entries[-1].what == "set to nobody, not on web-2"


def test_what_was_off_before_was_not_switched_off_in_the_incident(story: Story) -> None:
    story.change(False)
    story.after(100).opened()
    assert story.only.switched_off is None


def test_a_second_judgement_counts_and_the_first_one_stays_in_the_timeline(story: Story) -> None:
    entry = story.opened(severity="medium", decision="keep", affected=None)
    story.after(60).mark("noted", incident=entry, severity="critical", decision="switch-off", affected=100)
    found = story.only
    assert (found.severity, found.decision, found.affected) == ("critical", "switch-off", 100.0)
    assert told(found)[0] == (0, "incident opened: medium, keep")


def test_two_incidents_of_one_flag_have_each_its_own_notes_and_its_own_end(story: Story) -> None:
    first, second = story.opened(), story.after(60).opened(symptom="slow")
    story.after(60).mark("recovered", incident=first)
    story.after(60).mark("noted", incident=second, note="still slow")
    older, newer = story.found
    assert (older.is_open, newer.is_open) == (False, True)
    assert [len(each.entries) for each in story.found] == [2, 2]
    found = newest_open(story.found)
    assert found is not None
    assert found.id == second


def test_only_the_first_end_counts(story: Story) -> None:
    entry = story.opened()
    story.after(60).mark("recovered", incident=entry)
    story.after(60).mark("recovered", incident=entry)
    assert story.only.recovered == BEGIN + timedelta(seconds=60)


def test_a_host_that_wrote_late_or_nothing_changes_nothing(story: Story) -> None:
    entry = story.opened(hosts=("web-2",))
    story.after(60).mark("noted", incident=entry, note="looking")
    known = story.only
    opened = next(record for record in story.logs["web-2"] if record.data["entry"] == entry)
    story.after(600).write("web-1", {**opened.data, "host": "web-1", "late": True})
    assert story.only == known


def test_what_only_a_late_record_tells_has_its_place_by_its_time(story: Story) -> None:
    entry = story.opened(hosts=("web-2",))
    opened = story.logs["web-2"].pop()
    story.after(60).mark("recovered", hosts=("web-1",), incident=entry)
    story.after(600).write("web-1", {**opened.data, "late": True})
    assert told(story.only) == [(0, "incident opened: high, switch-off"), (60, "incident recovered")]
    assert story.only.opened < (story.only.recovered or BEGIN)


def test_records_of_other_flags_and_environments_tell_nothing(story: Story) -> None:
    story.opened(flag="billing")
    story.opened(environment="staging")
    assert story.found == ()


def test_an_incident_moves_no_rollout(story: Story) -> None:
    story.opened()
    assert standing(story.logs, flag="portal", environment="production").stays == ()


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ({"severity": "terrible"}, {"severity": "high"}),
        ({"severity": ["low"]}, {"severity": "high"}),
        ({"affected": True}, {"affected": None}),
        ({"affected": -1}, {"affected": None}),
        ({"affected": 100.5}, {"affected": None}),
        ({"affected": 10**400}, {"affected": None}),
        ({"affected": "12"}, {"affected": None}),
        ({"detected": "yesterday"}, {"detected": BEGIN}),
        ({"detected": "0001-01-01T00:00:00+23:59"}, {"detected": BEGIN}),
        ({"detected": (BEGIN + timedelta(days=1)).isoformat()}, {"detected": BEGIN}),
        ({"detected": (BEGIN - timedelta(days=1)).isoformat()}, {"detected": BEGIN - timedelta(days=1)}),
        ({"decision": {"a": 1}}, {"decision": "keep"}),
        ({"symptom": 5}, {"symptom": ""}),
        ({"symptom": "x" * 5_000}, {"symptom": "x" * 1_000}),
    ],
)
def test_a_field_that_can_not_be_is_read_as_the_least_that_is_sure(
    story: Story, said: dict[str, object], read: dict[str, object]
) -> None:
    story.opened(HOSTS, **said)
    assert {name: getattr(story.only, name) for name in read} == read


def test_a_clock_that_was_set_during_a_change_makes_no_length_of_it(story: Story) -> None:
    story.opened()
    story.change(False, took=1e9)
    assert story.only.switched_off == BEGIN


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=4,
)
_FIELDS = (
    *("event", "action", "entry", "incident", "severity", "symptom", "affected", "detected", "decision", "note"),
    *("at", "time", "actor", "signer", "change", "hosts", "arbiter", "to", "late", "narrow", "reason", "host"),
)
_KNOWN = st.sampled_from(
    ["incident", "opened", "noted", "recovered", "x1", "kept", "started", "9999-12-31T23:59:59", "0001-01-01"]
)


@given(
    st.lists(
        st.tuples(st.sampled_from(HOSTS), st.dictionaries(st.sampled_from(_FIELDS), _KNOWN | _VALUES, max_size=8)),
        max_size=6,
    )
)
def test_whatever_hosts_wrote_is_read(records: list[tuple[str, dict[str, object]]]) -> None:
    story = Story()
    for host, fields in records:
        story.write(host, fields)
    for incident in story.found:
        assert incident.detected <= incident.opened
        assert incident.flag == "portal"
