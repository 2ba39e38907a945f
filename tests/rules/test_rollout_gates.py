"""The gates between two phases: what holds a rollout back, by what evidence, and when it could go on."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from msgspec.structs import replace

from rolloutctl.rules.config import Environment, Health, Host
from rolloutctl.rules.flags import EVERYONE, NOBODY, Audience
from rolloutctl.rules.freeze import Freeze, parse_week_time
from rolloutctl.rules.rollout_gates import (
    Evidence,
    Gate,
    gates_before,
    is_return,
    may_begin,
    next_phase,
    opens_at,
    renamed,
    shut,
)
from rolloutctl.rules.rollout_standing import Mark, Standing, Stay
from rolloutctl.rules.rollouts import Gates, Phase, Rollout, Validation
from rolloutctl.rules.ticks import Progress

MONDAY = datetime(2025, 11, 24, 9, tzinfo=UTC)
DAY = 86400.0
PILOT = Phase(name="pilot", companies=(15, 42), soak=7 * DAY, gates=Gates(signoffs=("product",), metrics=("errors",)))
PHASES = (
    Phase(name="dark", audience="nobody", soak=DAY),
    PILOT,
    Phase(name="10%", percent=10, soak=7 * DAY),
    Phase(name="full", audience="everyone"),
)
ROLLOUT = Rollout(
    flag="portal",
    environment="production",
    phases=PHASES,
    validate=Validation(environment="staging", signoffs=("qa", "product")),
)
PRODUCTION = Environment(
    name="production",
    hosts=(Host(name="web-1", address="web-1"),),
    health=Health(path="/health"),
    requires=("staging",),
)
FINE = Evidence(
    now=MONDAY + timedelta(days=7), seen=Audience(True, (15, 42)), metrics={"errors": ("ok", "0.02/min, limit 0.05")}
)


def signed(role: str, actor: str = "pam", phase: str = "pilot") -> Mark:
    return Mark({"role": role, "actor": actor, "phase": phase, "action": "signed", "at": MONDAY.isoformat()})


def in_pilot(*marks: Mark) -> Standing:
    signs = {str(mark.fields["role"]): mark for mark in marks}
    stay = Stay("pilot", MONDAY, "anna", Audience(True, (15, 42)), {}, "c1", since=MONDAY, signed=signs)
    return Standing(stays=(stay,), run="r1", good="dark")


def names_of_shut(now: Standing, evidence: Evidence, rollout: Rollout = ROLLOUT) -> list[str]:
    target = next_phase(rollout, now)
    assert target is not None
    return [gate.name for gate in shut(gates_before(rollout, PRODUCTION, now, target, evidence))]


def gate(name: str, now: Standing, evidence: Evidence = FINE, rollout: Rollout = ROLLOUT) -> Gate:
    target = next_phase(rollout, now)
    assert target is not None
    return next(each for each in gates_before(rollout, PRODUCTION, now, target, evidence) if each.name == name)


def test_every_gate_open_lets_it_through() -> None:
    assert names_of_shut(in_pilot(signed("product")), FINE) == []


def test_the_soak_tells_what_is_left_and_when_it_is_over() -> None:
    soak = gate("soak", in_pilot(), replace(FINE, now=MONDAY + timedelta(days=3)))
    assert (soak.evidence, soak.opens) == ("4 d of 7 d left", MONDAY + timedelta(days=7))


def test_a_clock_that_stands_says_so_and_opens_nowhen() -> None:
    now = in_pilot()
    held = replace(
        now, held=Mark({"actor": "bob", "note": "wait"}), stays=(replace(now.stays[0], soaked=DAY, since=None),)
    )
    soak = gate("soak", held)
    assert (soak.evidence, soak.opens) == ("6 d of 7 d left, and its clock stands", None)
    assert gate("hold", held).evidence == "held by bob: wait"
    assert gate("hold", held).mend == "rolloutctl rollout resume portal"


def test_a_sign_off_that_is_missing_names_its_command() -> None:
    missing = gate("signoff-product", in_pilot())
    assert (missing.verdict, missing.mend) == ("fails", "rolloutctl rollout signoff portal product")


def test_one_person_counts_for_one_role_unless_the_plan_says_otherwise() -> None:
    now = Standing(validated={"qa": signed("qa", "pam", "validate"), "product": signed("product", "pam", "validate")})
    assert gate("signoff-product", now, replace(FINE, seen=NOBODY)).verdict == "fails"
    shared = replace(ROLLOUT, shared_roles=True)
    assert gate("signoff-product", now, replace(FINE, seen=NOBODY), shared).passed


def test_a_metric_without_data_never_passes() -> None:
    silent = gate("metric-errors", in_pilot(signed("product")), replace(FINE, metrics={}))
    assert (silent.verdict, silent.passed) == ("no data", False)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"seen": EVERYONE}, "drift"),
        ({"seen": None}, "drift"),
        ({"disagreeing": ("on web-2 nobody sees it",)}, "drift"),
        ({"ill": ("web-2: /health answers 500",)}, "health"),
        ({"on_in": {"staging": "nobody sees it"}}, "on-in-staging"),
        ({"now": MONDAY + timedelta(days=12)}, "day"),
    ],
)
def test_each_evidence_shuts_its_gate(change: dict[str, object], name: str) -> None:
    evidence = replace(FINE, **change)
    assert names_of_shut(in_pilot(signed("product")), evidence) == [name]


def test_drift_and_ill_health_are_firm() -> None:
    assert gate("drift", in_pilot(), replace(FINE, seen=EVERYONE)).firm
    assert gate("health", in_pilot(), replace(FINE, ill=("web-1: down",))).firm


def test_a_freeze_and_a_holiday_open_with_time() -> None:
    frozen = replace(
        PRODUCTION, freeze=(Freeze(start=parse_week_time("Mon 08:00"), end=parse_week_time("Mon 12:00"), zone="UTC"),)
    )
    holiday = replace(ROLLOUT, holidays=(date(2025, 12, 1),))
    found = shut(gates_before(holiday, frozen, in_pilot(signed("product")), PHASES[2], FINE))
    assert [each.name for each in found] == ["day", "freeze"]
    assert opens_at(found) == datetime(2025, 12, 2, tzinfo=UTC)


def test_what_opens_on_a_weekend_or_in_a_freeze_may_begin_behind_it() -> None:
    frozen = replace(
        PRODUCTION, freeze=(Freeze(start=parse_week_time("Mon 00:00"), end=parse_week_time("Mon 12:00"), zone="UTC"),)
    )
    saturday = datetime(2025, 11, 29, 9, tzinfo=UTC)
    assert may_begin(ROLLOUT, PRODUCTION, PILOT, saturday) == datetime(2025, 12, 1, tzinfo=UTC)
    assert may_begin(ROLLOUT, frozen, PILOT, saturday) == datetime(2025, 12, 1, 12, tzinfo=UTC)
    assert may_begin(ROLLOUT, frozen, PHASES[0], saturday) == saturday
    assert may_begin(ROLLOUT, PRODUCTION, PILOT, MONDAY) == MONDAY


def test_a_phase_of_whom_nobody_can_tell_has_to_wait() -> None:
    unlisted = gate("companies", in_pilot(), replace(FINE, unlisted="the command ended with exit 3"))
    assert (unlisted.verdict, unlisted.firm) == ("fails", True)
    assert unlisted.evidence == "nobody can tell who is in it: the command ended with exit 3"


def test_no_gate_stands_on_the_way_back() -> None:
    now = in_pilot()
    assert [is_return(ROLLOUT, now, phase) for phase in PHASES] == [True, True, False, False]
    assert not any(is_return(ROLLOUT, Standing(), phase) for phase in PHASES)


def test_a_phase_that_has_another_name_in_the_plan_is_found_by_who_sees_it() -> None:
    phases = (PHASES[0], replace(PILOT, name="friends"), *PHASES[2:])
    plan, now = replace(ROLLOUT, phases=phases), in_pilot()
    assert renamed(plan, now, {}).endswith('rolloutctl rollout advance portal --to friends --reason "..."')
    assert [is_return(plan, now, phase) for phase in phases] == [True, True, False, False]
    other = replace(ROLLOUT, phases=(PHASES[0], PHASES[3]))
    assert "--to PHASE" in renamed(other, now, {})


def test_a_phase_for_nobody_meets_no_freeze_and_no_weekend() -> None:
    saturday = replace(FINE, now=datetime(2025, 11, 29, 9, tzinfo=UTC), seen=NOBODY)
    before = Standing(validated={"qa": signed("qa", "q", "validate"), "product": signed("product", "p", "validate")})
    assert names_of_shut(before, saturday) == []


def test_the_checklist_stands_before_the_start_alone() -> None:
    evidence = replace(FINE, progress=Progress(passed=40, failed=1, open=1, required_open=2), seen=NOBODY)
    assert (
        gate("checklist", Standing(), evidence).evidence == "40 of 42 items passed, 1 failed, 2 required ones have not"
    )
    assert "checklist" not in names_of_shut(in_pilot(signed("product")), replace(evidence, seen=FINE.seen))


def test_what_comes_next() -> None:
    assert next_phase(ROLLOUT, Standing()) is PHASES[0]
    assert next_phase(ROLLOUT, in_pilot()) is PHASES[2]
    aborted = replace(in_pilot(), aborted=Mark({}), good="dark")
    assert next_phase(ROLLOUT, aborted) is PHASES[0]
    last = Stay("full", MONDAY, "anna", EVERYONE, {}, since=MONDAY)
    assert next_phase(ROLLOUT, Standing(stays=(last,))) is None
    gone = Stay("gone", MONDAY, "anna", EVERYONE, {}, since=MONDAY)
    assert next_phase(ROLLOUT, Standing(stays=(gone,))) is None
