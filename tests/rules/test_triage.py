"""The decision tree, line by line, and what comes after each decision."""

from __future__ import annotations

import shlex
from itertools import product
from typing import get_args

import pytest
from msgspec.structs import replace

from rolloutctl.rules.flags import EVERYONE, NOBODY, Audience
from rolloutctl.rules.incidents import SEVERITIES, Decision, Severity
from rolloutctl.rules.triage import decide, suggested
from rolloutctl.rules.triage_evidence import Failing, Measured, evidence
from rolloutctl.rules.triage_steps import Scene, next_steps

WELL = Measured(well=("web-1", "web-2"), audience=EVERYONE)
ERRORS = Failing("errors", "web-1", "3 of the newest 5 are beyond the limit", guard=True)
SLOW = Failing("p95", None, "twice what it was before")
SCENE = Scene(
    environment="production",
    flag="customer_portal",
    audience=Audience(True, (15, 42)),
    limitable=True,
    tried_in="staging",
    measured=True,
    guarded=True,
)


@pytest.mark.parametrize(
    ("severity", "affected", "decision"),
    [
        ("critical", None, "switch-off"),
        ("critical", 1.0, "switch-off"),
        ("high", 100.0, "switch-off"),
        ("high", 10.1, "switch-off"),
        ("high", 10.0, "keep"),
        ("high", 0.0, "keep"),
        ("high", None, "switch-off"),
        ("medium", None, "keep"),
        ("medium", 90.0, "keep"),
        ("low", None, "keep"),
    ],
)
def test_the_tree(severity: Severity, affected: float | None, decision: Decision) -> None:
    assert decide(severity, affected, WELL, "portal").decision == decision


def test_where_nobody_sees_it_there_is_nothing_to_switch_off() -> None:
    for severity, affected in product(SEVERITIES, (None, 50.0)):
        found = decide(severity, affected, Measured(audience=NOBODY, ill={"web-1": "answers 500"}), "portal")
        assert found.decision == "nothing"
        assert "another cause" in found.why[1]


@pytest.mark.parametrize(
    ("measured", "hint"),
    [
        (WELL, "Nothing that is measured hints at it."),
        (Measured(well=("a",), errors=18.0), "18 % of the requests fail: a hint at more than 10 %"),
        (Measured(well=("a",), errors=2.5), "2.5 % of the requests fail: a hint at no more than 10 %"),
        (Measured(well=("a",), broken={"b": "/portal answers 500"}), "1 of 1 hosts answer wrongly"),
        (Measured(well=("a",), ill={"b": "answers 500"}), "1 of 2 hosts answer wrongly"),
    ],
)
def test_an_unknown_share_leans_to_off_and_says_how_unsure_that_is(measured: Measured, hint: str) -> None:
    found = decide("high", None, measured, "portal")
    assert found.decision == "switch-off"
    assert "nobody knows" in found.why[0]
    assert hint in found.why[0]
    assert "first and best answer" in found.why[1]
    assert "--affected" in found.why[2]


@pytest.mark.parametrize(
    ("measured", "severity", "why"),
    [
        (WELL, None, ""),
        (Measured(), None, ""),
        (Measured(ill={"a": "answers 500", "b": "answers 502"}), "critical", "both hosts: a answers 500; b answers"),
        (Measured(ill={"a": "answers 500"}), "critical", "on its host"),
        (Measured(well=("b",), ill={"a": "answers 500"}), "high", "on 1 of 2 hosts"),
        (Measured(well=("a", "b"), broken={"a": "x", "b": "y"}, probed=("a", "b")), "critical", "portal itself"),
        (Measured(well=("a", "b"), broken={"a": "x"}, probed=("a", "b")), "high", "on 1 of 2 hosts: a x"),
        (Measured(well=("a",), failing=(SLOW, ERRORS)), "high", "errors on web-1: 3 of the newest 5"),
        (Measured(well=("a",), failing=(SLOW,)), "medium", "p95: twice what it was before"),
        (Measured(lost={"a": "no route"}), None, ""),
    ],
)  # fmt: skip
def test_what_was_measured_suggests_a_severity(measured: Measured, severity: Severity | None, why: str) -> None:
    found = suggested(measured, "portal")
    assert (found.severity if found else None) == severity
    assert why in (found.why if found else "")


def test_the_evidence_tells_all_that_was_asked() -> None:
    told = evidence(
        Measured(
            well=("web-1",),
            ill={"web-2": "answers 500"},
            broken={"web-2": "/portal answers 500"},
            probed=("web-1", "web-2"),
            lost={"web-3": "cannot be reached"},
            failing=(ERRORS,),
            unknown=("hit ratio",),
            metrics=2,
        ),
        "portal",
    )
    assert told == (
        "Health fails on 1 of 2 hosts: web-2 answers 500.",
        "portal itself answers wrongly on 1 of 2 hosts: web-2 /portal answers 500.",
        "errors on web-1: 3 of the newest 5 are beyond the limit.",
        "Not enough data yet: hit ratio.",
        "Could not be asked: web-3 cannot be reached.",
    )


def test_health_that_nobody_asked_is_not_called_good() -> None:
    assert evidence(Measured(well=("a",), unasked=("a",)), "portal") == ("No health check was asked on its host.",)
    assert evidence(Measured(well=("a", "b", "c"), unasked=("c",)), "portal") == (
        "Health is good on both hosts.",
        "No health check was asked on 1 of 3 hosts.",
    )


def test_many_pieces_of_evidence_are_counted_and_not_listed() -> None:
    found = suggested(Measured(ill={f"web-{number}": "answers 500" for number in range(9)}), "portal")
    assert found is not None
    assert found.why.endswith("web-2 answers 500; and 6 more.")


def commands(decision: Decision, severity: Severity, scene: Scene = SCENE) -> list[str]:
    return [step.command for step in next_steps(decision, severity, scene) if step.command]


def test_off_is_followed_by_finding_mending_trying_opening_and_watching() -> None:
    assert commands("switch-off", "critical") == [
        "rolloutctl toggle production customer_portal false",
        "rolloutctl status production customer_portal",
        "rolloutctl audit production --flag customer_portal",
        "rolloutctl rollback production --code COMMIT",
        "rolloutctl rollback production --database",
        "git switch -c fix/customer-portal",
        "rolloutctl toggle staging customer_portal true",
        "rolloutctl toggle production customer_portal true --companies 15,42",
        "rolloutctl incident recovered production --flag customer_portal",
        "rolloutctl monitor production customer_portal --for 24h --guard",
    ]


def test_only_an_incident_that_there_is_can_be_over() -> None:
    none = replace(SCENE, incident=False)
    assert commands("nothing", "low")[-1] == "rolloutctl incident recovered production --flag customer_portal"
    assert commands("nothing", "low", none) == commands("nothing", "low")[:-1]


def test_what_stays_is_mended_the_sooner_the_worse_it_is() -> None:
    assert commands("keep", "high") == [
        "git switch -c fix/customer-portal",
        "rolloutctl toggle staging customer_portal true",
        "rolloutctl monitor production customer_portal --for 24h --guard",
        "rolloutctl triage production customer_portal --severity critical --yes",
        "rolloutctl incident recovered production --flag customer_portal",
    ]
    assert commands("keep", "medium")[:2] == commands("keep", "high")[:2]
    assert commands("keep", "low") == ["rolloutctl incident recovered production --flag customer_portal"]
    assert [step.what for step in next_steps("keep", "low", SCENE)][1] == "Mend it with the next release"


def test_a_rollout_goes_on_by_itself_and_without_metrics_health_is_watched() -> None:
    found = commands("switch-off", "high", Scene(environment="production", flag="portal", rollout=True))
    assert "rolloutctl rollout status portal" in found
    assert found[-1] == "rolloutctl health production --watch 1m"
    bare = commands("switch-off", "high", Scene(environment="production", flag="portal", audience=EVERYONE))
    assert "rolloutctl toggle production portal true" in bare


def test_a_fix_is_brought_to_where_it_is_tried_where_rolloutctl_deploys_there() -> None:
    found = commands("switch-off", "critical", replace(SCENE, deployable=True))
    assert found[5:8] == [
        "git switch -c fix/customer-portal",
        "rolloutctl deploy staging fix/customer-portal",
        "rolloutctl toggle staging customer_portal true",
    ]


def test_git_and_the_database_are_for_a_person_and_the_database_warns() -> None:
    for decision, severity in product(get_args(Decision), SEVERITIES):
        for step in next_steps(decision, severity, SCENE):
            assert step.elsewhere == (bool(step.command) and shlex.split(step.command)[0] != "rolloutctl")
            if "--database" in step.command:
                assert "whole last batch" in step.warning
                assert "lost" in step.warning
                assert "safer" in step.warning
            if "--code COMMIT" in step.command:
                assert "git log --oneline" in step.what


def test_where_deployments_are_recorded_nobody_has_to_find_the_commit() -> None:
    found = commands("switch-off", "critical", replace(SCENE, recorded=True))
    assert "rolloutctl rollback production --code" in found
