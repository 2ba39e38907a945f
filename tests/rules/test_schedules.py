"""Schedules, folded from records as hosts write them: what waits, what it may follow, what beats it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from rolloutctl.rules.flags import EVERYONE, NOBODY, Audience
from rolloutctl.rules.records import Record, audience_fields
from rolloutctl.rules.schedules import (
    Schedule,
    disagreement,
    is_due,
    is_overdue,
    objection,
    pending,
    schedules_in,
    standing_before,
)

BEGIN = datetime(2025, 11, 20, 9, tzinfo=UTC)
DUE = datetime(2025, 11, 24, 8, tzinfo=UTC)
HOUR = 3600.0
HOSTS = ("web-1", "web-2")
PILOT = Audience(enabled=True, companies=(15, 42))


class Story:
    """Writes records on two hosts, a minute after each other."""

    def __init__(self) -> None:
        self.logs: dict[str, list[Record]] = {host: [] for host in HOSTS}
        self._at = BEGIN
        self._ids = (f"x{number}" for number in count(1))

    def schedule(self, after: Audience, before: Audience = NOBODY, due: datetime = DUE) -> str:
        more = {"from": audience_fields(before), "to": audience_fields(after), "due": due.isoformat()}
        return self.mark("scheduled", **more)

    def mark(self, action: str, **more: object) -> str:
        name = next(self._ids)
        self._write(HOSTS, {"event": "schedule", "action": action, "entry": name, **more})
        return name

    def change(
        self,
        after: Audience,
        schedule: str = "",
        outcome: str = "kept",
        kept_on: tuple[str, ...] = HOSTS,
        **more: object,
    ) -> str:
        name = next(self._ids)
        fields = {"change": name, "hosts": list(HOSTS), "arbiter": HOSTS[0], "to": audience_fields(after), **more}
        fields |= {"narrow": after.nobody, **({"schedule": schedule} if schedule else {})}
        self._write(kept_on, {"event": "started", **fields})
        if outcome != "started":
            self._write(kept_on, {"event": outcome, **fields})
        return name

    def _write(self, hosts: tuple[str, ...], fields: dict[str, object]) -> None:
        self._at += timedelta(minutes=1)
        common = {"flag": "portal", "environment": "production", "actor": "ops", "at": self._at.isoformat()}
        for host in hosts:
            data = {**common, **fields, "host": host}
            self.logs[host].append(Record(str(data), data))

    def found(self) -> dict[str, Schedule]:
        return {each.id: each for each in schedules_in(self.logs, flag="portal", environment="production")}


def test_what_was_scheduled_waits_with_all_that_was_said() -> None:
    story = Story()
    name = story.schedule(PILOT)
    (found,) = story.found().values()
    assert (found.id, found.before, found.after, found.due, found.actor) == (name, NOBODY, PILOT, DUE, "ops")
    assert (found.state, found.narrow, found.off) == ("pending", False, False)
    assert not is_due(found, DUE - timedelta(seconds=1))
    assert is_due(found, DUE)
    assert objection(found, DUE, HOUR) == ""


def test_another_flags_and_another_environments_schedules_are_theirs() -> None:
    story = Story()
    story.schedule(PILOT)
    assert schedules_in(story.logs, flag="export", environment="production") == ()
    assert schedules_in(story.logs, flag="portal", environment="staging") == ()


@pytest.mark.parametrize(("outcome", "state"), [("kept", "done"), ("reverted", "failed"), ("started", "under way")])
def test_a_change_that_names_it_is_its_only_try(outcome: str, state: str) -> None:
    story = Story()
    name = story.schedule(PILOT)
    change = story.change(PILOT, name, outcome)
    assert (story.found()[name].state, story.found()[name].change) == (state, change)
    assert pending(tuple(story.found().values())) == ()


@pytest.mark.parametrize(
    ("action", "state"), [("cancelled", "cancelled"), ("refused", "refused"), ("fulfilled", "done")]
)
def test_what_is_said_of_it_ends_it_and_nothing_said_later_changes_that(action: str, state: str) -> None:
    story = Story()
    name = story.schedule(PILOT)
    story.mark(action, schedule=name, reason="why")
    story.mark("cancelled", schedule=name, reason="again")
    story.mark("cancelled", schedule="unknown")
    assert (story.found()[name].state, story.found()[name].why) == (state, "why")


def test_a_change_since_beats_a_widening_also_one_that_was_begun_before() -> None:
    story = Story()
    name = story.schedule(PILOT)
    change = story.change(NOBODY, narrow=True)
    found = story.found()[name]
    assert found.state == "pending"
    assert objection(found, DUE, HOUR).startswith("ops changed portal since it was scheduled: nobody, on ")
    assert objection(found, DUE, HOUR).endswith(f"(change {change})")


def test_what_went_back_or_was_before_is_no_change_since() -> None:
    story = Story()
    story.change(PILOT)
    name = story.schedule(EVERYONE, PILOT)
    story.change(NOBODY, outcome="reverted")
    assert objection(story.found()[name], DUE, HOUR) == ""


def test_one_that_comes_later_may_follow_one_that_was_there_when_it_was_written() -> None:
    story = Story()
    first = story.schedule(PILOT)
    known = tuple(story.found().values())
    assert standing_before(known, DUE + timedelta(days=1), NOBODY) == PILOT
    assert standing_before(known, DUE - timedelta(days=1), NOBODY) == NOBODY
    second = story.schedule(EVERYONE, PILOT, DUE + timedelta(days=1))
    story.change(PILOT, first)
    assert objection(story.found()[second], DUE + timedelta(days=1), HOUR) == ""


def test_one_that_was_written_later_beats_those_before_it_once_it_is_carried_out() -> None:
    story = Story()
    first = story.schedule(EVERYONE, due=DUE + timedelta(days=1))
    second = story.schedule(PILOT)
    story.change(PILOT, second)
    assert "since it was scheduled" in objection(story.found()[first], DUE + timedelta(days=1), HOUR)


def test_letting_more_people_in_is_refused_when_it_is_too_late_and_taking_some_out_never_is() -> None:
    story = Story()
    wider, smaller = story.schedule(PILOT), story.schedule(PILOT, EVERYONE)
    late = DUE + timedelta(hours=1, seconds=1)
    assert objection(story.found()[wider], DUE + timedelta(hours=1), HOUR) == ""
    assert "later than 1 h nobody more is let in" in objection(story.found()[wider], late, HOUR)
    assert objection(story.found()[smaller], late, HOUR) == ""
    assert is_overdue(story.found()[smaller], late, HOUR)


def test_a_switch_off_is_carried_out_whatever_has_happened_and_however_late() -> None:
    story = Story()
    name = story.schedule(NOBODY, PILOT)
    story.change(EVERYONE)
    found = story.found()[name]
    assert found.departed is not None
    assert objection(found, DUE + timedelta(days=30), HOUR) == ""
    assert disagreement(found, {"web-1": EVERYONE}) == ""


def test_a_switch_off_waits_for_every_host_that_it_was_for() -> None:
    story = Story()
    name = story.schedule(NOBODY, PILOT)
    story.change(NOBODY, name, kept_on=("web-1",))
    assert story.found()[name].state == "pending"
    story.change(NOBODY, name)
    assert story.found()[name].state == "done"


def test_who_opens_it_again_after_half_a_switch_off_is_not_switched_off_again() -> None:
    story = Story()
    name = story.schedule(NOBODY, PILOT)
    story.change(NOBODY, name, kept_on=("web-1",))
    story.change(PILOT)
    assert story.found()[name].state == "done"


def test_hosts_that_show_it_to_others_than_it_was_to_follow_are_named() -> None:
    story = Story()
    found = story.found()[name] if (name := story.schedule(EVERYONE, PILOT)) else None
    assert found is not None
    assert disagreement(found, {"web-1": PILOT, "web-2": PILOT}) == ""
    assert disagreement(found, {"web-1": EVERYONE}) == ""
    waiting_list = Audience(enabled=False, companies=(15,))
    said = disagreement(found, {"web-1": PILOT, "web-2": waiting_list})
    assert said == "on web-2 nobody sees it, and it was scheduled to follow companies 15 and 42"


def test_what_all_hosts_wrote_late_counts_by_its_time() -> None:
    story = Story()
    name = story.schedule(PILOT)
    story.change(NOBODY, late=True, at=(BEGIN - timedelta(days=1)).isoformat())
    assert objection(story.found()[name], DUE, HOUR) == ""
    story.change(NOBODY, late=True)
    assert "since it was scheduled" in objection(story.found()[name], DUE, HOUR)


def test_what_a_host_knows_nothing_of_lets_nobody_in_and_takes_somebody_out() -> None:
    story = Story()
    wider, off = story.schedule(PILOT), story.schedule(NOBODY, PILOT)
    story.logs["web-2"].clear()
    assert objection(story.found()[wider], DUE, HOUR) == "web-2 knows nothing of it"
    assert objection(story.found()[off], DUE, HOUR) == ""


WHOLE = {"from": audience_fields(NOBODY), "to": audience_fields(PILOT), "due": DUE.isoformat()}


@pytest.mark.parametrize(
    "wrong",
    [
        {"due": "never"},
        {"due": None},
        {"to": None},
        {"to": 7},
        {"to": {"enabled": "yes", "companies": []}},
        {"to": {"enabled": True}},
        {"to": {"enabled": True, "companies": ["15"]}},
        {"from": []},
    ],
)
def test_a_record_that_does_not_say_clearly_what_is_meant_schedules_nothing(wrong: dict[str, object]) -> None:
    story = Story()
    whole = story.mark("scheduled", **WHOLE)
    story.mark("scheduled", **{**WHOLE, **wrong})
    assert list(story.found()) == [whole]
