"""rollout on the embedded host: every command, its refusals, its JSON and its exit status."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.shell import ENVIRONMENTS, Shell

PLAN = """\
rollouts:
  customer_portal:
    environment: demo
    weekend: []
    companies: {ids: [3, 7, 15, 42, 51, 60, 77, 80, 91, 103], exclude: [7]}
    validate: {environment: strict, checklist: portal.yaml, signoffs: [qa, product]}
    phases:
      - {name: dark, audience: nobody, soak: 24h}
      - {name: pilot, companies: [15, 42], soak: 7d, gates: {signoffs: [product]}}
      - {name: half, percent: 50, soak: 7d}
      - {name: full, audience: everyone}
"""
CHECKLIST = """\
version: 1
title: The portal, before production
groups:
  - name: people
    items:
      - {id: history, what: Calls are listed}
      - {id: colours, what: The colours are right, required: false}
"""
FLAG = "customer_portal"
PAST = ("--override", "checklist", "--override", "signoff-qa", "--override", "signoff-product", "--reason", "a test")


@pytest.fixture
def planned(tmp_path: Path) -> Shell:
    (tmp_path / "portal.yaml").write_text(CHECKLIST)
    return Shell(tmp_path, ENVIRONMENTS + PLAN)


def test_from_the_checklist_to_the_first_phases(planned: Shell) -> None:
    before = planned.run("rollout", "status", FLAG, "--json").document["rollout"]
    assert (before["state"], before["phase"], before["target"]) == ("not_begun", "validate", "dark")
    assert [gate["name"] for gate in before["gates"] if gate["verdict"] != "ok"] == [
        "checklist",
        "signoff-qa",
        "signoff-product",
    ]
    refused = planned.run("rollout", "start", FLAG, "--yes", "--json")
    assert (refused.status, refused.document["error"]["code"]) == (3, "refused")
    assert refused.document["change"] is None
    assert "checklist: 0 of 2 items passed, 1 required ones have not." in refused.document["error"]["details"]
    assert "rolloutctl rollout signoff customer_portal qa" in refused.document["error"]["hint"]

    assert planned.run("rollout", "checklist", FLAG, "--check", "history", "--note", "all there").status == 0
    shown = planned.run("rollout", "checklist", FLAG)
    assert "1 of 2 passed" in shown.out
    assert "Every required item has passed" in shown.out
    assert planned.run("rollout", "signoff", FLAG, "qa").out.startswith("✓ qa signed off validate: tester@example.com.")
    twice = planned.run("rollout", "signoff", FLAG, "product", "--json")
    assert (twice.status, "two roles" in twice.document["error"]["message"]) == (3, True)
    assert planned.run("rollout", "signoff", FLAG, "product", "--as", "pam@example.com").status == 0


def test_from_phase_to_phase(planned: Shell) -> None:
    begun = planned.run("rollout", "start", FLAG, "--yes", *PAST)
    assert begun.status == 0
    assert "✓ dark has begun: nobody sees customer_portal in demo" in begun.out
    early = planned.run("rollout", "advance", FLAG, "--yes")
    assert early.status == 3
    assert "pilot has to wait: soak does not let it through." in early.err
    assert "rolloutctl rollout advance customer_portal --override soak --reason" in early.err
    on = planned.run("rollout", "advance", FLAG, "--yes", "--override", "soak", "--reason", "a test", "--json")
    assert (on.status, on.document["change"]["to"]) == (0, {"enabled": True, "companies": [15, 42]})
    after = planned.run("rollout", "status", FLAG, "--json").document["rollout"]
    assert (after["state"], after["phase"]) == ("running", "pilot")
    assert [(phase["name"], phase["state"]) for phase in after["phases"]] == [
        ("dark", "done"),
        ("pilot", "current"),
        ("half", "ahead"),
        ("full", "ahead"),
    ]
    assert "companies 15 and 42 · pilot, day 1 of 7" in planned.run("status").out


def test_a_phase_that_shows_the_feature_to_nobody_asks_only_where_somebody_sees_it(planned: Shell) -> None:
    begun = planned.run("rollout", "start", FLAG, *PAST)
    assert (begun.status, "✓ dark has begun: nobody sees customer_portal" in begun.out) == (0, True), begun.err
    words = ("rollout", "advance", FLAG, "--override", "soak", "--reason", "a test")
    ran = planned.run(*words)
    assert (ran.status, "There is no terminal to ask on" in ran.err) == (3, True), ran.err
    assert planned.run(*words, "--yes").status == 0
    back = planned.run("rollout", "advance", FLAG, "--to", "dark", "--reason", "too early")
    assert (back.status, "There is no terminal to ask on" in back.err) == (3, True), back.err
    assert "companies 15 and 42 · pilot" in planned.run("status", "demo").out


def test_a_change_beside_it_is_told_before_it_is_made_and_shows_as_drift(planned: Shell) -> None:
    assert planned.run("rollout", "start", FLAG, "--yes", *PAST).status == 0
    beside = planned.run("toggle", "demo", FLAG, "true", "--companies", "15", "--yes")
    assert beside.status == 0
    assert "A rollout of customer_portal is in its phase dark, for nobody: this departs from it" in beside.out
    status = planned.run("rollout", "status", FLAG).out
    assert "✗ drift" in status
    assert "seen by company 15 since tester@example.com's change" in status
    assert "and its clock stands" in status
    back = planned.run("rollout", "advance", FLAG, "--to", "dark", "--yes", "--reason", "as planned")
    assert (back.status, "A rollout of" in back.out) == (0, False)
    assert "✓ drift" in planned.run("rollout", "status", FLAG).out


def test_hold_resume_and_abort(planned: Shell) -> None:
    assert "has not begun" in planned.run("rollout", "hold", FLAG).err
    planned.run("rollout", "start", FLAG, "--yes", *PAST)
    assert planned.run("rollout", "hold", FLAG, "--reason", "complaints").status == 0
    assert planned.run("rollout", "hold", FLAG).status == 3
    held = planned.run("rollout", "status", FLAG)
    assert "held by tester@example.com: complaints" in held.out
    assert "rolloutctl rollout resume customer_portal" in held.out
    assert planned.run("rollout", "resume", FLAG).status == 0
    assert planned.run("rollout", "resume", FLAG).status == 3
    planned.run("rollout", "advance", FLAG, "--yes", "--override", "soak", "--reason", "a test")
    ended = planned.run("rollout", "abort", FLAG, "--yes", "--reason", "errors")
    assert (ended.status, "nobody sees customer_portal" in ended.out) == (0, True)
    assert 'by tester@example.com: "errors"' in planned.run("rollout", "status", FLAG).out
    assert planned.run("rollout", "advance", FLAG, "--yes").status == 3
    again = planned.run("rollout", "start", FLAG, "--yes", *PAST)
    assert "✓ dark has begun" in again.out
    audit = planned.run("audit", "demo")
    assert "Beside changes:" in audit.out
    assert "the rollout held" in audit.out
    said = audit.out[audit.out.index("Beside changes:") :]
    assert said.index("the rollout resumed") < said.index("the rollout held")  # newest first, in one second too
    assert planned.run("audit", "--verify", "demo").status == 0


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("start", "nonsense", "--yes"), 2, "There is no flag"),
        (("start", "bulk_export", "--yes"), 2, "rolloutctl init --rollout bulk_export"),
        (("start", FLAG, "--yes", "--to", "nowhere", "--reason", "x"), 2, "Its phases: dark, pilot, half, full"),
        (("start", FLAG, "--yes", "--to", "half"), 3, "needs a reason"),
        (("start", FLAG, "--yes", "--override", "checklist"), 3, "needs a reason"),
        (("start", FLAG, "--yes", "--override", "sok", "--reason", "x"), 2, "There is no gate 'sok'"),
        (("start", FLAG, "--to", "pilot", *PAST), 3, "There is no terminal to ask on"),
        (("start", FLAG, "--confirm", "strict"), 3, "--confirm says strict"),
        (("advance", FLAG, "--yes"), 3, "rolloutctl rollout start customer_portal"),
        (("signoff", FLAG, "prodct"), 2, "Did you mean 'product'?"),
        (("signoff", FLAG, "qa", "--as", "x" * 2000), 2, "--as has 2,000 characters"),
        (("signoff", FLAG, "qa", "--withdraw"), 3, "qa has not signed"),
        (("checklist", FLAG, "--check", "histry"), 2, "Did you mean 'history'?"),
        (("checklist", FLAG, "--fail", "history"), 2, "--note"),
        (("checklist", FLAG, "--check", "history", "--fail", "history", "--note", "x"), 2, "named twice"),
        (("abort", FLAG, "--yes"), 0, "No rollout of customer_portal was running."),
    ],
)
def test_what_can_not_be_is_told_with_the_way_on(
    planned: Shell, words: tuple[str, ...], status: int, said: str
) -> None:
    ran = planned.run("rollout", *words)
    assert ran.status == status, ran.err
    assert said in ran.out + ran.err
    assert "Traceback" not in ran.err


def test_the_plan_shows_phases_cohorts_and_gates(planned: Shell) -> None:
    plan = planned.run("rollout", "plan", FLAG)
    assert plan.status == 0
    assert "half" in plan.out
    assert "5 companies" in plan.out
    assert "signed by product" in plan.out
    phases = planned.run("rollout", "plan", FLAG, "--json").document["rollout"]["phases"]
    assert {15, 42} <= set(phases[2]["cohort"]["companies"])
    assert 7 not in phases[2]["cohort"]["companies"]


def test_a_dry_run_changes_and_records_nothing(planned: Shell) -> None:
    planned.run("rollout", "start", FLAG, "--yes", *PAST)
    dry = planned.run("rollout", "advance", FLAG, "--dry-run", "--override", "soak", "--reason", "a test")
    assert (dry.status, "this was a dry run" in dry.out) == (0, True)
    assert planned.run("rollout", "status", FLAG, "--json").document["rollout"]["phase"] == "dark"


def test_a_dry_run_of_a_phase_that_writes_nothing_does_not_say_that_it_began(planned: Shell) -> None:
    dry = planned.run("rollout", "start", FLAG, "--dry-run", *PAST)
    assert (dry.status, "dark would begin: nobody sees" in dry.out, "has begun" in dry.out) == (0, True, False)
    assert planned.run("rollout", "status", FLAG, "--json").document["rollout"]["state"] == "not_begun"


def test_who_passes_gates_by_is_told_the_whole_command(planned: Shell) -> None:
    words = ("rollout", "start", FLAG, "--to", "pilot", "--override", "checklist", "--reason", "x", "--yes", "--json")
    hint = planned.run(*words).document["error"]["hint"].splitlines()
    assert hint == [
        "rolloutctl rollout signoff customer_portal qa",
        "Then: rolloutctl rollout signoff customer_portal product",
        "To pass by what is shut: rolloutctl rollout start customer_portal --to pilot --override checklist"
        ' --override signoff-qa --override signoff-product --reason "..."',
    ]


def test_the_plan_may_change_while_it_runs(planned: Shell) -> None:
    file, checklist = planned.folder / "environments.yaml", planned.folder / "portal.yaml"
    assert planned.run("rollout", "start", FLAG, "--to", "pilot", "--yes", *PAST).status == 0
    checklist.write_text("version: [")
    file.write_text(file.read_text().replace("companies: [15, 42], soak", "companies: [15, 42, 51], soak"))
    status = planned.run("rollout", "status", FLAG)
    assert status.status == 0
    assert "No step waits for the checklist any more:" in status.out
    assert "pilot was begun for companies 15 and 42, and is planned for companies 15, 42 and 51 now." in " ".join(
        status.out.split()
    )
    assert 'rolloutctl rollout advance customer_portal --to pilot --reason "..."' in status.out
    file.write_text(file.read_text().replace("{name: pilot", "{name: friends").replace("42, 51]", "42]"))
    lost = planned.run("rollout", "advance", FLAG, "--yes")
    assert (lost.status, "--to friends" in lost.err) == (3, True)
    named = planned.run("rollout", "advance", FLAG, "--to", "friends", "--yes", "--reason", "renamed")
    assert (named.status, "✓ Back in friends: companies 15 and 42 see" in named.out) == (0, True)


def test_after_an_abort_it_goes_on_behind_what_was_done(planned: Shell) -> None:
    planned.run("rollout", "start", FLAG, "--yes", *PAST)
    planned.run("rollout", "advance", FLAG, "--yes", "--override", "soak", "--reason", "a test")
    planned.run("rollout", "advance", FLAG, "--yes", "--to", "full", "--override", "soak", *PAST[4:])
    planned.run("toggle", "demo", FLAG, "false", "--yes")
    last = planned.run("rollout", "status", FLAG)
    assert "in its last phase" in last.out
    assert "✗ drift: seen by nobody since tester@example.com's change" in last.out
    assert 'Next: rolloutctl rollout advance customer_portal --to full --reason "..."' in last.out
    assert 'Or leave it as it is: rolloutctl rollout advance customer_portal --to dark --reason "..."' in last.out
    assert planned.run("rollout", "abort", FLAG, "--yes", "--reason", "errors").status == 0
    aborted = planned.run("rollout", "status", FLAG, "--json").document["rollout"]
    assert [(phase["name"], phase["state"]) for phase in aborted["phases"]] == [
        ("dark", "done"),
        ("pilot", "ahead"),
        ("half", "ahead"),
        ("full", "ahead"),
    ]
    further = planned.run("rollout", "start", FLAG, "--to", "half", "--yes")
    assert (further.status, "needs a reason" in further.err) == (3, True)


def test_it_asks_on_a_terminal(planned: Shell) -> None:
    planned.run("rollout", "start", FLAG, "--yes", *PAST)
    words = ("rollout", "advance", FLAG, "--override", "soak", "--reason", "a test")
    no = planned.type(*words, answers=[("Apply? [y/N] ", "n\n")])
    assert (no.status, "You did not agree" in no.out) == (3, True)
    yes = planned.type(*words, answers=[("Apply? [y/N] ", "y\n")])
    assert (yes.status, "pilot has begun" in yes.out) == (0, True)


def test_a_hold_that_comes_while_somebody_thinks_counts(planned: Shell) -> None:
    planned.run("rollout", "start", FLAG, "--yes", *PAST)

    def yes() -> str:
        assert planned.run("rollout", "hold", FLAG, "--reason", "complaints").status == 0
        return "y\n"

    words = ("rollout", "advance", FLAG, "--override", "soak", "--reason", "a test")
    late = planned.type(*words, answers=[("Apply? [y/N] ", yes)])
    assert (late.status, "said something of its rollout" in late.out) == (3, True)
    after = planned.run("rollout", "status", FLAG, "--json").document["rollout"]
    assert (after["phase"], after["state"]) == ("dark", "held")
