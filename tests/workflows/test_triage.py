"""triage on two embedded hosts: what is measured, who is asked, what is done and what is recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from msgspec.structs import replace

from rolloutctl.errors import Refused, UsageError
from rolloutctl.rules.announced import facts_for
from rolloutctl.rules.announced_way import Told
from rolloutctl.rules.flags import EVERYONE
from rolloutctl.rules.incidents import Severity
from rolloutctl.rules.metrics import Sample
from rolloutctl.rules.triage import Suggestion
from rolloutctl.rules.triage_evidence import Measured
from rolloutctl.rules.triage_steps import Judgement, Scene
from rolloutctl.workflows.announce_looking import scene_of
from rolloutctl.workflows.incident_marks import list_incidents
from rolloutctl.workflows.triage import Report, Triaged, triage
from rolloutctl.workflows.triage_measuring import look_around
from tests.workflows.conftest import PAIR, Pair, tools_of

METRICS = """\
metrics:
  queue: {source: run, run: echo 5, unit: "%", limit: "<= 4", for: 2 of 3, guard: true, environments: [pair]}
"""
GONE = (
    "  gone: {connection: embedded, hosts: [web-1, {name: lost, address: 127.0.0.1, port: 1, connection: paramiko, "
    "app: /nowhere, known_hosts: ['SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA']}]}\n"
)


@dataclass(slots=True)
class Person:
    """Takes what is suggested, or says what the test says; a question that was not foreseen is asked in vain."""

    severity: Severity | None = None
    affected: float | None = None
    flag: str = ""
    asked: list[str] = field(default_factory=list)
    heard: list[Judgement] = field(default_factory=list)

    def which(self, flags: Sequence[str]) -> str:
        self.asked.append(f"which of {', '.join(flags)}")
        return self.flag

    def how_bad(self, scene: Scene, _measured: Measured, suggestion: Suggestion | None) -> Severity:
        self.asked.append(f"how bad in {scene.environment}: {suggestion.severity if suggestion else 'unknown'}")
        found = self.severity or (suggestion.severity if suggestion else None)
        if found is None:
            raise UsageError("Nobody says so.")
        return found

    def how_many(self) -> float | None:
        self.asked.append("how many")
        return self.affected

    def hear(self, judgement: Judgement) -> None:
        self.heard.append(judgement)

    def lets_record(self) -> bool:
        return True


def triaged(pair: Pair, person: Person, environment: str = "pair", **said: object) -> Triaged:
    report = Report(environment=environment, detected=pair.tools.clock.now())
    return triage(replace(report, **said), pair.tools, pair.desk, person)


def is_on(pair: Pair) -> list[bool]:
    return ["FEATURE_CUSTOMER_PORTAL=true" in pair.env(host).splitlines() for host in ("web-1", "web-2")]


def test_what_is_measured_suggests_it_and_the_switch_off_is_recorded_everywhere(pair: Pair) -> None:
    pair.switch("customer_portal", True)
    pair.breaks("health-on")
    person = Person()
    found = triaged(pair, person)  # neither the flag nor the severity is said
    assert person.asked == ["how bad in pair: critical"]
    assert found.judgement == person.heard[0]
    assert found.judgement.scene.audience == EVERYONE
    assert found.done is not None
    assert (found.done.result, found.done.error, is_on(pair)) == ("kept", None, [False, False])
    assert found.opened is not None
    incident = found.opened.incident
    assert incident is not None
    assert incident.symptom == "Health fails on both hosts: web-1 answers 500; web-2 answers 500."
    assert incident.switched_off is not None
    assert incident.switched_off - incident.detected < timedelta(minutes=1)
    newest = [pair.log(host)[-1].data for host in ("web-1", "web-2")]
    assert [data["entry"] for data in newest] == [incident.id] * 2
    assert newest[0]["numbers"] == {"health on web-1": "answers 500", "health on web-2": "answers 500"}


def test_an_application_that_is_ill_besides_keeps_nothing_on(pair: Pair) -> None:
    pair.switch("customer_portal", True)
    pair.breaks("health")
    found = triaged(pair, Person(), flag="customer_portal", severity="critical", at_once=True, symptom="blank")
    assert found.done is not None
    assert found.opened is not None
    assert found.opened.incident is not None
    assert (found.done.error, found.is_off, found.opened.incident.switched_off is None) == (None, True, False)


def test_a_critical_one_is_off_before_anything_is_measured_or_anybody_is_asked(pair: Pair) -> None:
    pair.switch("customer_portal", True)
    pair.breaks("health-on")
    person = Person()
    found = triaged(
        pair, person, flag="customer_portal", severity="critical", at_once=True, symptom="blank pages for all"
    )
    assert (person.asked, person.heard, found.after, is_on(pair)) == ([], [], True, [False, False])
    assert found.judgement is not None
    assert (found.judgement.verdict.decision, found.judgement.measured.ill) == ("switch-off", {})
    assert found.done is not None
    assert found.done.plan.reason == "triage: critical: blank pages for all"
    again = triaged(pair, person, flag="customer_portal", severity="critical", at_once=True)
    assert again.done is not None
    assert again.judgement is not None
    assert (again.done.result, again.judgement.verdict.decision, again.opened) == ("unchanged", "nothing", None)
    told = triaged(pair, person, flag="customer_portal", severity="critical", symptom="still blank")
    assert told.opened is not None
    assert told.opened.incident is not None
    assert (told.done, told.opened.joined, told.opened.incident.decision) == (None, True, "nothing")


def test_few_affected_keep_it_on_and_a_metric_that_guards_is_high(pair: Pair) -> None:
    pair.tools = tools_of(pair.folder, PAIR + METRICS)
    pair.switch("customer_portal", True)
    with pytest.raises(UsageError):
        triaged(pair, Person(), flag="customer_portal")  # one sample is not enough to tell
    now = pair.tools.clock.now()
    pair.tools.samples.add("pair", [Sample("queue", "web-1", now - timedelta(seconds=ago), 5.0) for ago in (60, 30)])
    person = Person(affected=5.0)
    found = triaged(pair, person, flag="customer_portal")
    assert person.asked == ["how bad in pair: high", "how many"]
    assert found.judgement is not None
    assert found.judgement.measured.errors == 5.0
    assert (found.judgement.verdict.decision, found.done, is_on(pair)) == ("keep", None, [True, True])
    assert found.opened is not None
    assert found.opened.incident is not None
    assert (found.opened.incident.affected, found.opened.incident.decision) == (5.0, "keep")
    dry = triaged(pair, Person(), flag="customer_portal", dry_run=True)
    assert dry.done is not None
    assert (dry.done.result, dry.opened, is_on(pair)) == ("planned", None, [True, True])


def test_which_feature_is_asked_only_where_several_are_seen(pair: Pair) -> None:
    assert triaged(pair, Person()) == Triaged("pair")
    pair.switch("customer_portal", True)
    pair.switch("bulk_export", True)
    person = Person(flag="bulk_export", severity="low")
    found = triaged(pair, person)
    assert person.asked == ["which of customer_portal, bulk_export", "how bad in pair: unknown"]
    assert found.judgement is not None
    assert (found.judgement.scene.flag, found.judgement.verdict.decision) == ("bulk_export", "keep")


def test_nobody_agrees_and_nothing_is_done_or_recorded(pair: Pair) -> None:
    pair.switch("customer_portal", True)
    pair.desk.asked = lambda: False
    with pytest.raises(Refused):
        triaged(pair, Person(), flag="customer_portal", severity="critical")
    assert is_on(pair) == [True, True]
    assert pair.log("web-1")[-1].event == "kept"


def test_a_host_that_is_lost_stops_no_switch_off_and_owes_the_incident(pair: Pair) -> None:
    pair.tools = tools_of(pair.folder, PAIR.replace("environments:\n", "environments:\n" + GONE))
    with pytest.raises(UsageError, match="name the flag"):
        triaged(pair, Person(), "gone", symptom="x")
    pair.switch("customer_portal", True)  # on web-1, which both environments have
    found = triaged(pair, Person(), "gone", flag="customer_portal", severity="critical")
    assert found.done is not None
    assert found.done.error is not None
    assert (found.done.error.exit_status, is_on(pair)) == (5, [False, True])
    assert found.opened is not None
    assert "lost has not recorded it" in found.opened.notes[0]
    assert found.opened.incident is not None
    assert found.opened.incident.is_left_on  # nobody knows of the lost one
    assert [each["event"] for each in pair.tools.mirror.owed("gone", "lost")] == ["incident"]


@pytest.mark.parametrize(
    ("steps", "cause"),
    [
        ("{builtin: config-cache, name: cache}, {name: restart, run: echo no such unit; exit 1}", "a-step-failed"),
        ("{builtin: config-cache, name: cache}, {name: restart, run: echo another php-fpm}", "not-live"),
        ("", "no-effect"),
    ],
)
def test_a_switch_off_that_may_not_be_live_is_not_off_until_one_is(pair: Pair, steps: str, cause: str) -> None:
    pair.switch("customer_portal", True)
    whole = pair.tools
    pair.tools = tools_of(pair.folder, PAIR.replace("pair: {", f"pair: {{steps: [{steps}], "))
    said = {"flag": "customer_portal", "severity": "critical", "symptom": "blank pages"}
    found = triaged(pair, Person(), at_once=True, **said)
    assert found.done is not None
    assert found.opened is not None
    assert found.opened.incident is not None
    assert (found.done.result, found.is_off, found.opened.incident.is_left_on) == ("in_doubt", False, True)
    assert cause in {pair.log("web-2")[-2].event, pair.log("web-2")[-2].data.get("cause")}
    again = [triaged(pair, Person(), at_once=at_once, **said) for at_once in (True, False)]
    assert [each.judgement and each.judgement.verdict.decision for each in again] == ["switch-off"] * 2
    with pytest.raises(UsageError, match=r"name the flag|Nobody says so"):  # and not: nobody sees any
        triaged(pair, Person())
    scene = scene_of(pair.tools.configuration.flag("customer_portal"), "pair", pair.tools)
    state = str(facts_for("incident", scene, Told())["state"])
    assert state.startswith("It is not off everywhere yet: web-1 can't say")
    pair.tools = whole
    assert pair.switch("customer_portal", False).error is None
    (listed,) = list_incidents([whole.configuration.environment("pair")], whole)
    (incident,) = listed.incidents
    assert (incident.switched_off, incident.entries[-1].what) == (incident.entries[-1].at, "switched off")


def test_what_takes_long_is_left_behind(pair: Pair) -> None:
    over = pair.folder / "over"
    hangs = f"for i in $(seq 200); do test -e {over} && break; sleep 0.1; done; echo 5"
    pair.tools = tools_of(pair.folder, PAIR + METRICS.replace("echo 5", hangs))
    where = pair.tools.configuration.environment("pair")
    begun = pair.tools.clock.monotonic()
    look = look_around(where, "customer_portal", pair.tools, 3.0)
    assert pair.tools.clock.monotonic() - begun < 10
    assert (look.round, look.notes) == (None, ("No time was left for the metrics.",))
    assert look.status is not None
    over.touch()  # or whoever runs this test waits for it at the exit
