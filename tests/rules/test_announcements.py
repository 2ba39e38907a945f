"""What may be announced, and what each announcement says: the shipped templates over scenes as hosts show them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import pytest
from msgspec.structs import replace

from rolloutctl.errors import UsageError
from rolloutctl.outside.templates import render
from rolloutctl.rules.announced import facts_for
from rolloutctl.rules.announced_way import Leg, Told
from rolloutctl.rules.announcements import Scene, named, untrue, where
from rolloutctl.rules.channels import KINDS, Kind
from rolloutctl.rules.cohorts import Cohort
from rolloutctl.rules.config import Configuration, Environment, Flag, Health, Host, Probe
from rolloutctl.rules.flags import EVERYONE, NOBODY, Audience
from rolloutctl.rules.incidents import Entry, Incident
from rolloutctl.rules.letters import letter_of
from rolloutctl.rules.metrics import FromLog, Limit, Metric
from rolloutctl.rules.rollout_dates import Forecast
from rolloutctl.rules.rollout_standing import Mark, Standing, Stay
from rolloutctl.rules.rollouts import Gates, Phase, Rollout, Validation

MONDAY = datetime(2025, 11, 24, 9, tzinfo=UTC)
PILOTS = Audience(True, (15, 42))
FLAG = Flag(
    name="customer_portal",
    key="FEATURE_CUSTOMER_PORTAL",
    companies_key="FEATURE_CUSTOMER_PORTAL_TEST_COMPANIES",
    description="Customers see their calls",
    probes=(Probe(path="/portal", off=(404,), on=(200,)),),
)
PRODUCTION = Environment(
    name="production",
    url="https://api.example.com",
    hosts=(Host(name="web-1", address="a"), Host(name="web-2", address="b")),
    health=Health(path="/health"),
    protected=True,
    requires=("staging",),
)
PILOT = Phase(
    name="pilot", companies=(15, 42), soak=7 * 86400.0, gates=Gates(signoffs=("product",), metrics=("errors",))
)
PHASES = (
    Phase(name="dark", audience="nobody"),
    PILOT,
    Phase(name="10%", percent=10),
    Phase(name="full", audience="everyone"),
)
ROLLOUT = Rollout(
    flag=FLAG.name,
    environment="production",
    phases=PHASES,
    start=date(2025, 11, 21),
    validate=Validation(environment="staging", signoffs=("qa", "product")),
    zone="Europe/Berlin",
)
INCIDENT = Incident(
    id="i1",
    flag=FLAG.name,
    environment="production",
    severity="high",
    symptom="errors on /portal <b>\n## and more",
    affected=12.0,
    detected=MONDAY,
    opened=MONDAY + timedelta(seconds=50),
    actor="guard",
    decision="switch-off",
    switched_off=MONDAY + timedelta(seconds=42),
)
SAID = (
    Entry(MONDAY, "guard", "switched off", "guard: errors"),
    Entry(MONDAY, "ana", "incident noted", "it is the calendar"),
)
OVER = replace(INCIDENT, recovered=MONDAY + timedelta(minutes=31), entries=SAID)
FACTS = {"on_call": "Ana (@ana)", "report_to": "#portal-launch"}
ERRORS = Metric(
    name="errors",
    source=FromLog(file="x"),
    description="Errors of the portal",
    limit=Limit("<=", 0.05),
    unit="per minute",
    worse=2.0,
)


def stay(phase: str, audience: Audience) -> Stay:
    return Stay(phase, MONDAY, "anna", audience, {}, "c", since=MONDAY)


def scene(
    audience: Audience | None = PILOTS, phase: str = "", incidents: tuple[Incident, ...] = (), **lost: str
) -> Scene:
    standing = Standing(stays=(stay(phase, audience or PILOTS),)) if phase else Standing()
    names = [host.name for host in PRODUCTION.hosts if host.name.replace("-", "_") not in lost]
    return Scene(
        flag=FLAG,
        environment=PRODUCTION,
        seen=dict.fromkeys(names, audience),
        lost={name.replace("_", "-"): why for name, why in lost.items()},
        rollout=ROLLOUT,
        standing=standing,
        incidents=incidents,
        now=MONDAY + timedelta(days=1),
    )


def leg(number: int, *, ahead: bool, cohort: Cohort | None = None, been: Stay | None = None) -> Leg:
    dates = Forecast(phase=PHASES[number].name, expected=date(2025, 12, number) if ahead else None)
    return Leg(PHASES[number], been, cohort, dates, ahead)


WAY = (
    leg(0, ahead=False, been=stay("dark", NOBODY)),
    leg(1, ahead=False, cohort=Cohort(PILOTS.companies, 120, 50, 20_400, None, 0.245), been=stay("pilot", PILOTS)),
    leg(2, ahead=True, cohort=Cohort(tuple(range(1, 13)), 120, 2_010, 20_400, 10.0, 9.85)),
    leg(3, ahead=True),
)
TOLD: Mapping[Kind, Told] = {
    "staging-ready": Told(
        checklist=("Call history", "Appointments"),
        rollout_environment="production",
        start=ROLLOUT.start,
        signoffs=("qa", "product"),
    ),
    "production": Told(legs=WAY, metrics=(ERRORS,)),
    "phase": Told(legs=WAY, metrics=(ERRORS,)),
    "done": Told(legs=(*WAY[:2], leg(3, ahead=False, been=stay("full", EVERYONE)))),
    "incident": Told(),
    "recovered": Told(),
}
TRUE: Mapping[Kind, Scene] = {
    "staging-ready": scene(EVERYONE),
    "production": replace(
        scene(NOBODY), standing=Standing(validated={"qa": Mark({"signer": "quentin", "at": MONDAY.isoformat()})})
    ),
    "phase": scene(PILOTS, "pilot"),
    "incident": scene(NOBODY, incidents=(INCIDENT,)),
    "recovered": scene(NOBODY, incidents=(OVER,)),
    "done": scene(EVERYONE, "full"),
}


ALMOST, LOST = (scene(audience, web_2="no route") for audience in (EVERYONE, NOBODY))


def letter(kind: Kind, where_: Scene, **more: str) -> str:
    facts = facts_for(kind, where_, TOLD[kind]) | FACTS | more
    written = letter_of(render(f"announce/{kind}.md.j2", facts, html=False))
    return f"{written.subject}\n{written.text}"


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_true_may_be_said_and_names_who_is_on_call(kind: Kind) -> None:
    assert untrue(kind, TRUE[kind]) is None
    said = letter(kind, TRUE[kind], when="Thu 20 Nov 14:00 UTC")
    assert said.startswith("Customer portal")
    assert "Ana (@ana)" in said
    assert "#portal-launch" in said
    assert not [word for word in ("None", "{", "unknown", "\n\n\n") if word in said], said


@pytest.mark.parametrize(
    ("kind", "found", "phase", "message", "hint"),
    [
        ("staging-ready", scene(NOBODY), None, "is not on in production", "toggle production F true"),
        ("staging-ready", ALMOST, None, "is not on in", "status production F"),
        ("production", scene(PILOTS, "pilot"), None, "is on in production", "announce phase F"),
        ("production", scene(PILOTS), None, "is on in production", "status production F"),
        ("production", LOST, None, "Nobody can tell", "status production F"),
        ("phase", scene(PILOTS), None, "has not begun", "rollout status F"),
        ("phase", scene(PILOTS, "pilot"), "10%", "and not in 10%", "rollout advance F"),
        ("phase", scene(PILOTS, "pilot"), "full", "and not in full", "announce phase F --phase pilot"),
        ("phase", scene(PILOTS, "gone"), None, "has no phase gone", "rollout status F"),
        ("phase", scene(EVERYONE, "full", web_1="x"), None, "not every host", "rollout status F"),
        ("done", scene(PILOTS, "pilot"), None, "its last phase is full", "rollout status F"),
        ("done", scene(None, "full"), None, "Not everyone sees", "rollout status F"),
        ("done", scene(EVERYONE, "full", (INCIDENT,)), None, "is still open", "incident recovered production"),
        ("incident", scene(NOBODY, incidents=(OVER,)), None, "No incident", "triage production F"),
        ("recovered", scene(incidents=(OVER, INCIDENT)), None, "is still open", "incident recovered production"),
        ("recovered", scene(NOBODY), None, "There was no incident", "status production F"),
    ],
)
def test_what_is_not_true_is_refused_with_the_next_command(
    kind: Kind, found: Scene, phase: str | None, message: str, hint: str
) -> None:
    wrong = untrue(kind, found, phase)
    assert wrong is not None
    assert message in wrong.message
    assert wrong.hint == f"rolloutctl {hint.replace('F', FLAG.name)}"


def test_the_host_that_differs_is_named() -> None:
    torn = replace(scene(EVERYONE, "full"), seen={"web-1": EVERYONE, "web-2": PILOTS}, lost={"web-3": "no route"})
    wrong = untrue("done", torn)
    assert wrong is not None
    assert wrong.details == ("web-3 cannot be reached: no route", "on web-2 companies 15 and 42 see it")
    unsure = untrue("phase", replace(scene(PILOTS, "pilot"), seen={"web-1": None}))
    assert unsure is not None
    assert unsure.details[0].startswith("web-1 can't say who sees it")


def test_a_phase_tells_who_how_many_until_when_and_what_has_to_hold() -> None:
    said = letter("phase", TRUE["phase"], product="Pam", dashboard="https://grafana.example.com/d/1")
    for line in (
        "Customer portal: now in pilot, for 2 companies",
        "- Who sees it: companies 15 and 42",
        "- How many: 50 of 20,400 people, 0.2 %",
        "- Since: Mon 24 Nov 2025 10:00 CET",
        "- Until: Tue 2 Dec 2025 at the earliest",
        "- It has lasted 7 d",
        "- Errors of the portal: <= 0.05 per minute, no more than 2 times what it was before",
        "- Signed off by product",
        "- Open https://api.example.com/portal: who is in it sees Customer portal, and everybody else gets 404",
        "- Or look for your company's number in `FEATURE_CUSTOMER_PORTAL_TEST_COMPANIES`, in .env",
        "- 10%: 2,010 of 20,400 people, 9.8 %, from Tue 2 Dec 2025 at the earliest",
        "- full: everyone, from Wed 3 Dec 2025 at the earliest",
        "- Questions about the product: Pam",
        "- Dashboard: https://grafana.example.com/d/1",
        "- Health of the application: https://api.example.com/health",
    ):
        assert line in said.splitlines(), (line, said)


def test_production_tells_what_is_active_and_what_not_yet() -> None:
    said = letter("production", TRUE["production"], when="20 Nov 14:00 UTC")
    assert "- Customer portal: nobody sees it, and https://api.example.com/portal answers 404" in said
    assert "- Tried in staging: qa signed it off on Mon 24 Nov 2025 (quentin), product has not signed yet" in said
    assert "dark" not in said


def test_an_incident_says_whether_somebody_still_sees_it() -> None:
    off = "Mon 24 Nov 2025 10:00 CET, 42 s after it was noticed"
    assert f"- Nobody sees it: it was switched off {off}" in letter("incident", TRUE["incident"])
    assert "errors on /portal <b> ## and more." in letter("incident", TRUE["incident"])
    torn = replace(TRUE["incident"], seen={"web-1": NOBODY}, lost={"web-2": "no route"})
    assert f"- It was switched off {off}; but web-2 cannot be reached: no route" in letter("incident", torn)
    kept = replace(INCIDENT, decision="keep", switched_off=None)
    assert "- It stays on meanwhile, for companies 15 and 42" in letter("incident", scene(PILOTS, incidents=(kept,)))
    over = letter("recovered", TRUE["recovered"])
    assert ("- ana: it is the calendar" in over, "guard: errors" in over) == (True, False)
    going = replace(INCIDENT, switched_off=None)
    assert "- It is not off everywhere yet\n" in letter("incident", replace(scene(incidents=(going,)), seen={}))
    unsure = replace(scene(incidents=(going,)), seen={"web-1": None})
    assert "- It is not off everywhere yet: web-1 can't say who sees it" in letter("incident", unsure)
    assert "- Recovered: Mon 24 Nov 2025 10:31 CET, 31 min after it was noticed" in letter(
        "recovered", TRUE["recovered"]
    )


def test_where_follows_from_the_plan_or_has_to_be_said() -> None:
    staging = Environment(name="staging", hosts=())
    known = Configuration(
        path="e.yaml", flags={FLAG.name: FLAG}, environments={"staging": staging, "production": PRODUCTION}
    )
    planned = replace(known, rollouts={FLAG.name: ROLLOUT})
    assert [where(kind, FLAG, planned, None) for kind in KINDS] == ["staging", *["production"] * 5]
    assert [where(kind, FLAG, known, None) for kind in KINDS] == ["staging", *["production"] * 5]
    assert where("incident", FLAG, planned, "staging") == "staging"
    unguarded = replace(known, environments={"staging": staging, "test": replace(staging, name="test")})
    with pytest.raises(UsageError) as raised:
        where("incident", FLAG, unguarded, None)
    assert raised.value.hint == "Say it: --in staging or --in test"


def test_a_list_of_hosts_is_no_longer_than_a_line() -> None:
    assert [named(list("abcdefgh")[:count]) for count in (0, 1, 2, 3, 8)] == [
        "",
        "a",
        "a and b",
        "a, b and c",
        "a, b, c, d, e, f and 2 more",
    ]
