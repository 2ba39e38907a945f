"""Where a rollout stands, folded from records as hosts write them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolloutctl.rules.records import Record, read_record
from rolloutctl.rules.rollout_log import standing
from rolloutctl.rules.rollout_standing import Mark, Standing

BEGIN = datetime(2025, 11, 24, 9, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
HOSTS = ("web-1", "web-2")


class Story:
    """Writes records on two hosts, one hour after the other unless it is said otherwise."""

    def __init__(self) -> None:
        self.logs: dict[str, list[Record]] = {host: [] for host in HOSTS}
        self.at = BEGIN
        self._ids = (f"x{number}" for number in count(1))

    def mark(self, event: str, action: str, hosts: tuple[str, ...] = HOSTS, **more: object) -> str:
        fields = {"event": event, "action": action, "entry": next(self._ids), **self._common(), **more}
        for host in hosts:
            self._write(host, {**fields, "host": host})
        return str(fields["entry"])

    def change(
        self, enabled: bool, companies: tuple[int, ...] = (), outcome: str = "kept", about: dict[str, Any] | None = None
    ) -> str:
        name = next(self._ids)
        fields = {
            "change": name,
            "arbiter": HOSTS[0],
            "hosts": list(HOSTS),
            "from": {"enabled": False, "companies": []},
            "to": {"enabled": enabled, "companies": list(companies)},
            **self._common(),
            **({"rollout": about} if about else {}),
        }
        for event in ("started", outcome):
            for host in HOSTS:
                self._write(host, {"event": event, **fields, "host": host})
        return name

    def enter(self, phase: str, companies: tuple[int, ...] = (), run: str = "r1", *, onward: bool = True) -> str:
        return self.change(True, companies, about={"run": run, "phase": phase, "onward": onward})

    def dark(self, run: str = "r1") -> None:
        about = {"run": run, "phase": "dark", "onward": True}
        self.mark("rollout", "entered", rollout=about, to={"enabled": False, "companies": []})

    def after(self, time: timedelta) -> Story:
        self.at += time
        return self

    @property
    def now(self) -> Standing:
        return standing(self.logs, flag="portal", environment="production")

    def _common(self) -> dict[str, Any]:
        return {
            "flag": "portal",
            "environment": "production",
            "at": self.at.isoformat(timespec="seconds"),
            "actor": "anna@example.com",
        }

    def _write(self, host: str, fields: dict[str, Any]) -> None:
        self.logs[host].append(read_record(json.dumps(fields)))


@pytest.fixture
def story() -> Story:
    return Story()


def test_nothing_recorded_is_a_rollout_that_has_not_begun(story: Story) -> None:
    assert (story.now.stay, story.now.phase, story.now.known) == (None, "validate", frozenset())


def test_phases_follow_each_other_and_the_last_one_left_is_the_good_one(story: Story) -> None:
    story.dark()
    story.after(DAY).enter("pilot", (15, 42))
    story.after(7 * DAY).enter("10%", (3, 15, 42))
    now = story.now
    assert [stay.phase for stay in now.stays] == ["dark", "pilot", "10%"]
    assert now.good == "pilot"
    assert now.cohorts == {"pilot": (15, 42), "10%": (3, 15, 42)}
    assert [stay.soak(story.at) for stay in now.stays] == [86400, 7 * 86400, 0]


def test_a_change_that_went_back_has_entered_nothing(story: Story) -> None:
    story.dark()
    story.change(True, (15,), outcome="reverted", about={"run": "r1", "phase": "pilot", "onward": True})
    assert story.now.phase == "dark"


def test_a_hold_stops_the_clock_until_somebody_resumes(story: Story) -> None:
    story.dark()
    story.after(2 * HOUR).mark("rollout", "held", reason="complaints")
    held = story.now
    story.after(DAY)
    assert held.held is not None
    assert held.held.note == "complaints"
    assert not held.ticking
    assert held.stay is not None
    assert held.stay.soak(story.at) == 2 * 3600
    story.mark("rollout", "resumed")
    story.after(HOUR)
    stay = story.now.stay
    assert stay is not None
    assert stay.soak(story.at) == 3 * 3600


def test_somebodys_change_departs_from_the_phase_and_stops_the_clock_until_it_is_as_before(story: Story) -> None:
    story.enter("pilot", (15, 42))
    change = story.after(HOUR).change(False)
    departed = story.now
    assert departed.departed is not None
    assert departed.departed.id == change
    assert not departed.ticking
    story.after(DAY).change(True, (15, 42))
    back = story.after(HOUR).now
    assert back.departed is None
    assert back.stay is not None
    assert back.stay.soak(story.at) == 2 * 3600


def test_bringing_a_phase_back_goes_on_with_its_soak_and_its_sign_offs(story: Story) -> None:
    story.enter("pilot", (15, 42))
    story.mark("sign-off", "signed", role="product", phase="pilot")
    story.after(HOUR).change(False)
    story.after(DAY).enter("pilot", (15, 42), onward=False)
    stay = story.after(HOUR).now.stay
    assert stay is not None
    assert (stay.soak(story.at), set(stay.signed), len(story.now.stays)) == (2 * 3600, {"product"}, 1)


def test_a_phase_that_comes_back_for_others_begins_anew(story: Story) -> None:
    story.enter("pilot", (15, 42))
    story.after(HOUR).enter("pilot", (15, 42, 50), onward=False)
    stay = story.after(HOUR).now.stay
    assert stay is not None
    assert (stay.soak(story.at), stay.audience.companies) == (3600, (15, 42, 50))


def test_a_hold_outlasts_bringing_its_phase_back(story: Story) -> None:
    story.enter("pilot", (15,))
    story.mark("rollout", "held")
    story.after(HOUR).change(False)
    story.after(HOUR).enter("pilot", (15,), onward=False)
    assert (story.now.held is not None, story.now.departed, story.now.ticking) == (True, None, False)


def test_a_hold_is_not_resumed_by_a_change(story: Story) -> None:
    story.enter("pilot", (15,))
    story.mark("rollout", "held")
    story.after(HOUR).change(False)
    story.after(HOUR).change(True, (15,))
    assert not story.now.ticking


def test_a_resume_waits_for_a_departure(story: Story) -> None:
    story.enter("pilot", (15,))
    story.mark("rollout", "held")
    story.change(False)
    story.mark("rollout", "resumed")
    assert not story.now.ticking
    story.change(True, (15,))
    assert story.now.ticking


def test_an_abort_ends_it_and_a_new_run_keeps_what_the_phases_had(story: Story) -> None:
    story.dark()
    story.enter("pilot", (15, 42))
    story.enter("10%", (3, 15, 42))
    story.change(False, about={"aborted": True})
    now = story.now
    assert now.aborted is not None
    assert (now.stay, now.phase, now.good) == (None, "validate", "pilot")
    story.enter("pilot", (15, 42), run="r2")
    again = story.now
    assert [stay.phase for stay in again.stays] == ["pilot"]
    assert [stay.phase for stay in again.earlier] == ["dark", "pilot", "10%"]
    assert again.cohorts["10%"] == (3, 15, 42)
    assert again.run == "r2"


def test_an_abort_with_nothing_to_switch_off_is_a_mark(story: Story) -> None:
    story.dark()
    story.mark("rollout", "aborted", reason="not now")
    aborted = story.now.aborted
    assert aborted is not None
    assert aborted.note == "not now"


def test_a_sign_off_counts_for_the_phase_it_was_given_in(story: Story) -> None:
    story.mark("sign-off", "signed", role="qa", phase="validate", signer="quinn")
    assert set(story.now.signed) == {"qa"}
    story.dark()
    assert story.now.signed == {}
    assert set(story.now.validated) == {"qa"}
    story.mark("sign-off", "signed", role="product", phase="dark")
    story.enter("pilot", (15,))
    assert story.now.signed == {}
    story.mark("sign-off", "signed", role="product", phase="dark")  # too late for that
    assert story.now.signed == {}


def test_a_sign_off_can_be_withdrawn(story: Story) -> None:
    story.mark("sign-off", "signed", role="qa", phase="validate")
    story.mark("sign-off", "withdrawn", role="qa", phase="validate")
    assert story.now.signed == {}


def test_what_was_recorded_late_takes_its_place_by_the_hosts_that_wrote_it_in_time(story: Story) -> None:
    story.dark()
    held = story.mark("rollout", "held", hosts=("web-2",))
    story.mark("rollout", "resumed")
    record = next(r for r in story.logs["web-2"] if r.data.get("entry") == held)
    story.logs["web-1"].append(read_record(json.dumps({**record.data, "host": "web-1", "late": True})))
    assert story.now.held is None
    assert story.now.ticking


def test_what_only_another_host_knows_counts(story: Story) -> None:
    story.dark()
    story.mark("rollout", "held", hosts=("web-2",))
    assert story.now.held is not None


def test_records_of_other_flags_and_environments_are_somebody_elses(story: Story) -> None:
    story.dark()
    story.mark("rollout", "held", flag="export")
    story.mark("rollout", "held", environment="staging")
    assert story.now.held is None


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "soon", ""])
def test_a_time_that_no_clock_shows_is_not_a_records(at: str) -> None:
    assert Mark({"at": at, "time": "2025-11-24T09:00:00+00:00"}).at == BEGIN
    assert Mark({"at": at}).at.astimezone().year in {1969, 1970}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = (
    "at",
    "time",
    "actor",
    "action",
    "role",
    "phase",
    "rollout",
    "to",
    "entry",
    "change",
    "item",
    "arbiter",
    "signer",
)


@given(st.lists(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=8), max_size=6), st.data())
def test_a_host_may_have_written_anything(records: list[dict[str, Any]], data: st.DataObject) -> None:
    events = st.sampled_from(("rollout", "sign-off", "check", "started", "kept", "reverted", "nonsense"))
    ours = {"flag": "portal", "environment": "production"}
    log = [read_record(json.dumps({**each, **ours, "event": data.draw(events)})) for each in records]
    now = standing({"web-1": log}, flag="portal", environment="production")
    assert now.stay is None or now.stay.phase
    assert all(stay.soak(BEGIN) >= 0 for stay in now.stays)
