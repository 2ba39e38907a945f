"""A whole rollout in fast motion, on real hosts: what each company sees is what its phase says."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from rolloutctl.errors import RolloutctlError
from rolloutctl.outside.clock import SystemClock
from rolloutctl.outside.mirror import FileMirror
from rolloutctl.outside.plan_files import PlanFiles
from rolloutctl.workflows.rollout import Report, report
from rolloutctl.workflows.rollout_checklist import run, tick
from rolloutctl.workflows.rollout_marking import Signature, hold, resume, sign
from rolloutctl.workflows.rollout_moving import Step, abort, find_move, make_move
from rolloutctl.workflows.tools import Done, Options
from tests.lab.lab import Lab, LabHost
from tests.stories.conftest import Hire
from tests.stories.operator import Operator
from tests.stories.traces import log_of

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

FLAG = "customer_portal"
DAY = timedelta(days=1)
BEGIN, NEXT = Step(FLAG, begin=True), Step(FLAG)
EVERY_COMPANY = range(1, 201)
CHECKLIST = """
version: 1
title: The portal, before production
groups:
  - name: the switch
    items:
      - {id: on-works, what: The portal answers, when: "on", request: {path: /portal, expect: [200]}}
      - {id: cached, what: The config is cached, run: test -s bootstrap/cache/config.php}
  - name: people
    items:
      - {id: history, what: Calls are listed with their transcripts}
      - {id: colours, what: The colours are those of the brand, required: false}
"""
PLAN: dict[str, Any] = {
    "environment": "production",
    "weekend": [],
    "companies": {"run": "awk 'BEGIN { for (i = 1; i <= 200; i++) print i, i % 17 + 1 }'", "exclude": [7]},
    "validate": {"environment": "staging", "checklist": "portal.yaml", "signoffs": ["qa", "product"]},
    "phases": [
        {"name": "dark", "audience": "nobody", "soak": "24h"},
        {"name": "pilot", "companies": [15, 42], "soak": "7d", "gates": {"signoffs": ["product"]}},
        {"name": "10%", "percent": 10, "soak": "7d"},
        {"name": "50%", "percent": 50, "soak": "7d", "gates": {"signoffs": ["product"], "metrics": ["errors"]}},
        {"name": "full", "audience": "everyone"},
    ],
}


class FastClock(SystemClock):
    """The real time, as many days later as a test has let pass."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = timedelta()

    def now(self) -> datetime:
        return super().now() + self.passed


class Team:
    """An operator whose clock can be moved, and what the team does with a rollout."""

    def __init__(self, operator: Operator, hosts: list[LabHost]) -> None:
        self.operator, self.hosts, self.clock = operator, hosts, FastClock()
        folder = operator.configuration.parent
        operator.tools = replace(operator.tools, clock=self.clock, files=PlanFiles(folder))

    def after(self, time: timedelta) -> Team:
        self.clock.passed += time
        return self

    def move(self, step: Step = NEXT) -> Done:
        found = find_move(step, self.operator.tools)
        return make_move(found, step, Options(), self.operator.tools, self.operator.desk)

    def refused(self, step: Step = NEXT) -> RolloutctlError:
        with pytest.raises(RolloutctlError) as caught:
            self.move(step)
        return caught.value

    def signs(self, role: str, person: str) -> None:
        sign(Signature(FLAG, role, person), self.operator.tools)

    @property
    def report(self) -> Report:
        found = report(FLAG, self.operator.tools)
        self.operator.seen.append(found)
        return found

    def seen_by(self, companies: Iterable[int]) -> set[int]:
        """The companies that see the portal; of every tenth the other host is asked too, and has to say the same."""
        first, second = self.hosts
        answers = {company: first.portal(company) for company in companies}
        assert all(second.portal(company) == answers[company] for company in list(answers)[::10])
        return {company for company, answer in answers.items() if answer == 200}


@pytest.fixture
def team(fresh: Lab, hire: Hire, tmp_path: Path) -> Team:
    """Two hosts of production, one of staging where the feature is on."""
    (tmp_path / "portal.yaml").write_text(CHECKLIST)

    def edit(document: dict[str, Any]) -> None:
        lab = document["environments"].pop("lab")
        document["environments"] = {
            "staging": {**lab, "hosts": lab["hosts"][2:]},
            "production": {**lab, "hosts": lab["hosts"][:2], "requires": ["staging"]},
        }
        document["metrics"] = {"errors": {"source": "log", "limit": "<= 1"}}
        document["rollouts"] = {FLAG: PLAN}

    operator = hire(fresh, edit=edit)
    assert operator.toggle(FLAG, True, environment="staging").exit_status == 0
    return Team(operator, fresh.hosts[:2])


def test_a_whole_rollout_from_checklist_to_everyone(team: Team, tmp_path: Path) -> None:
    it_is_validated(team)
    it_is_dark_and_then_for_pilots(team)
    it_is_held_and_goes_on(team)
    tenth = it_is_for_ten_percent(team)
    it_is_aborted_and_comes_back_for_the_same(team, tenth)
    it_is_for_half_and_for_everyone(team, tenth)
    another_machine_tells_the_same(team, tmp_path / "another machine")


def it_is_validated(team: Team) -> None:
    before = [host.snapshot() for host in team.hosts]
    closed = team.refused(BEGIN)
    assert closed.exit_status == 3
    assert "checklist, signoff-qa, signoff-product do not let it through" in closed.message
    assert [host.snapshot() for host in team.hosts] == before
    looked = run(FLAG, team.operator.tools)
    assert [(each.item.id, each.outcome) for each in looked.ran] == [("on-works", "passed"), ("cached", "passed")]
    tick(FLAG, {"history": "passed"}, "", team.operator.tools)
    team.signs("qa", "quinn@example.com")
    with pytest.raises(RolloutctlError, match="does not sign for two roles"):
        team.signs("product", "quinn@example.com")
    team.signs("product", "pam@example.com")


def it_is_dark_and_then_for_pilots(team: Team) -> None:
    assert team.move(BEGIN).result == "unchanged"  # nobody sees it already: only the phase is recorded
    assert team.report.look.standing.phase == "dark"
    early = team.refused()
    assert "of 24 h left (opens" in early.details[0]
    assert "--override soak" in early.hint
    assert team.after(DAY).move().result == "kept"
    assert team.seen_by((7, 15, 42, 103)) == {15, 42}


def it_is_held_and_goes_on(team: Team) -> None:
    said = hold(FLAG, "a complaint", team.operator.tools)
    # what the record took on its way to the host counts, too: a second or more on a busy machine
    assert re.match(r"This machine's clock is (24 h|23 h 59 min) ahead of that of web-1:", said.notes[0])
    team.after(7 * DAY)
    assert "held by" in " ".join(team.refused().details)
    resume(FLAG, "", team.operator.tools)
    assert "soak: 7 d of 7 d left" in " ".join(team.refused().details)
    assert "signoff-product" in team.after(7 * DAY).refused().message


def it_is_for_ten_percent(team: Team) -> set[int]:
    team.signs("product", "pam@example.com")
    assert team.move().result == "kept"
    tenth = set(team.report.look.standing.cohorts["10%"])
    assert team.seen_by(EVERY_COMPANY) == tenth
    assert {15, 42} <= tenth
    assert 7 not in tenth
    share = team.report.look.cohorts["10%"].share
    assert share is not None
    assert abs(share - 10) < 1
    return tenth


def it_is_aborted_and_comes_back_for_the_same(team: Team, tenth: set[int]) -> None:
    assert abort(FLAG, "errors", Options(), team.operator.tools, team.operator.desk).result == "kept"
    assert team.seen_by((15, 42)) == set()
    assert team.report.look.standing.aborted is not None
    assert team.move(BEGIN).result == "kept"
    assert team.report.look.standing.phase == "pilot"  # the last phase that was left with its gates open
    team.signs("product", "pam@example.com")
    assert team.after(7 * DAY).move().result == "kept"
    assert set(team.report.look.standing.cohorts["10%"]) == tenth
    assert team.seen_by((*tenth, 7, 200)) == tenth


def it_is_for_half_and_for_everyone(team: Team, tenth: set[int]) -> None:
    assert team.after(7 * DAY).move().result == "kept"
    half = team.seen_by(EVERY_COMPANY)
    assert tenth < half
    assert 7 not in half
    team.signs("product", "pam@example.com")
    assert "metric-errors" in team.after(7 * DAY).refused().message
    past = replace(NEXT, overrides=("metric-errors",), reason="watched by hand")
    assert team.move(past).result == "kept"
    assert team.seen_by((1, 7, 15, 200)) == {1, 7, 15, 200}
    record = log_of(team.hosts[0])[-1].data["rollout"]
    assert record["overridden"] == [{"gate": "metric-errors", "evidence": "0 of at least 3 samples"}]


def another_machine_tells_the_same(team: Team, folder: Path) -> None:
    here = team.report
    assert here.look.target is None
    there = report(FLAG, replace(team.operator.tools, mirror=FileMirror(folder)))
    assert there.look.standing == here.look.standing
    assert [(row.state, row.stay, row.cohort) for row in there.rows] == [
        (row.state, row.stay, row.cohort) for row in here.rows
    ]
