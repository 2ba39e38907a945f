"""Incidents on two embedded hosts: opened, joined, and owed by a host that can't write."""

from __future__ import annotations

from datetime import timedelta

from rolloutctl.workflows.incident_marks import list_incidents
from rolloutctl.workflows.incidents import Facts, open_incident
from tests.lab.processes import wait_until
from tests.workflows.conftest import Pair

FACTS = Facts(severity="high", symptom="guard: errors:\n9 per minute", numbers={"errors": 9.0})


def test_an_incident_is_on_every_host_and_knows_the_switch_off_before_it(pair: Pair) -> None:
    pair.switch("customer_portal", True)
    opened_at = pair.tools.clock.now()
    wait_until(lambda: pair.tools.clock.now() - opened_at > timedelta(seconds=1), "another second than the record's")
    seen = pair.tools.clock.now()
    pair.switch("customer_portal", False)
    opened = open_incident("pair", "customer_portal", pair.tools, Facts(severity="high", symptom="x", detected=seen))
    found = opened.incident
    assert found is not None
    assert (opened.notes, opened.joined, found.is_open) == ((), False, True)
    assert found.switched_off is not None
    assert timedelta() <= found.switched_off - found.detected < timedelta(minutes=1)
    assert [entry.what for entry in found.entries] == ["switched off", "incident opened: high, switch-off"]
    newest = [pair.log(host)[-1].data for host in ("web-1", "web-2")]
    assert [(data["event"], data["entry"], data["host"]) for data in newest] == [
        ("incident", found.id, "web-1"),
        ("incident", found.id, "web-2"),
    ]


def test_a_second_one_is_said_of_the_first_while_that_is_open(pair: Pair) -> None:
    first = open_incident("pair", "customer_portal", pair.tools, FACTS)
    again = open_incident("pair", "customer_portal", pair.tools, Facts(severity="critical", symptom="nobody gets in"))
    other = open_incident("pair", "bulk_export", pair.tools, FACTS)
    assert first.incident is not None
    assert again.incident is not None
    assert other.incident is not None
    assert (again.joined, again.incident.id, again.incident.severity) == (True, first.incident.id, "critical")
    assert (other.joined, other.incident.symptom) == (False, "guard: errors: 9 per minute")
    assert again.incident.entries[-1].note == "nobody gets in"


def test_a_host_that_can_not_write_owes_it_and_all_of_them_lose_nothing(pair: Pair) -> None:
    pair.switch("customer_portal", True)
    for host in ("web-1", "web-2"):
        (pair.state(host) / "audit.jsonl").rename(pair.state(host) / "kept")
        (pair.state(host) / "audit.jsonl").mkdir()
    opened = open_incident("pair", "customer_portal", pair.tools, FACTS)
    for host in ("web-1", "web-2"):
        (pair.state(host) / "audit.jsonl").rmdir()
        (pair.state(host) / "kept").rename(pair.state(host) / "audit.jsonl")
    assert opened.incident is not None
    assert [note.partition(" ")[0] for note in opened.notes] == ["web-1", "web-2"]
    assert all("a later change from this machine writes it there" in note for note in opened.notes)
    pair.switch("customer_portal", False)
    late = [record.data for record in pair.log("web-2") if record.event == "incident"]
    assert [(data["entry"], data["late"]) for data in late] == [(opened.incident.id, True)]


def test_what_no_host_can_write_is_kept_here_and_shown_from_here(pair: Pair) -> None:
    pair.switch("customer_portal", True)
    seen, heads = pair.tools.clock.now(), [pair.state(host) / "audit.head" for host in ("web-1", "web-2")]
    for head in heads:  # where a log has no head, nothing can be written, as on a full disk
        head.rename(head.with_name("kept"))
        head.mkdir()
    pair.switch("customer_portal", False)
    opened = open_incident("pair", "customer_portal", pair.tools, Facts(severity="high", symptom="x", detected=seen))
    (listed,) = list_incidents([pair.tools.configuration.environment("pair")], pair.tools)
    assert (opened.kept_here, listed.incidents) == (True, (opened.incident,))
    assert opened.incident is not None
    assert opened.incident.switched_off is not None
    for head in heads:
        head.rmdir()
        head.with_name("kept").rename(head)
    pair.switch("bulk_export", True)
    (written,) = list_incidents([pair.tools.configuration.environment("pair")], pair.tools)[0].incidents
    assert (written.id, written.switched_off) == (opened.incident.id, opened.incident.switched_off)
    assert not open_incident("pair", "customer_portal", pair.tools, FACTS).kept_here


def test_what_can_not_be_recorded_at_all_is_a_note(pair: Pair) -> None:
    opened = open_incident("nowhere", "customer_portal", pair.tools, FACTS)
    assert opened.incident is None
    assert "nowhere" in opened.notes[0]
