"""toggle --at, due and unschedule on the embedded host: written down, carried out once, refused, cancelled."""

from __future__ import annotations

import json
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import ENVIRONMENTS, PATIENCE, ROOT, Ran, Shell

FLAG = "customer_portal"
FROZEN = """\
  frozen: {connection: embedded, freeze: [{from: "Fri 15:00", to: "Mon 08:00", zone: Europe/Berlin}]}
"""
PILOT = ("true", "--companies", "15,42", "--reason", "pilot")


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path, ENVIRONMENTS + FROZEN)


def soon(ahead: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=ahead)).isoformat(timespec="seconds")


def scheduled(shell: Shell, environment: str, *words: str) -> str:
    """Schedule something that comes due as soon as it can: later where this machine is too slow for that."""
    for ahead in (4, 15, 45):
        ran = shell.run("toggle", environment, FLAG, *words, "--yes", "--at", soon(ahead), "--json")
        if "is past" not in str(ran.document["error"]):
            break
    assert ran.status == 0, ran.err + ran.out
    return str(ran.document["scheduled"]["id"])


def once_due(shell: Shell, environment: str) -> None:
    """Wait until something is due."""
    begun = time.monotonic()
    while not shell.run("due", environment, "--dry-run", "--json").document["due"]:
        assert time.monotonic() - begun < PATIENCE


def seen(shell: Shell, environment: str) -> dict[str, Any]:
    (found,) = shell.run("status", environment, "--json").document["environments"]
    assert isinstance(found, dict)
    return found


def test_what_is_scheduled_waits_and_two_that_run_due_at_once_carry_it_out_once(shell: Shell) -> None:
    name = scheduled(shell, "demo", *PILOT)
    status = shell.run("status", "demo")
    assert f"{FLAG} is scheduled for companies 15 and 42 at" in " ".join(status.out.split())
    assert f"rolloutctl unschedule demo {name}" in status.out
    once_due(shell, "demo")
    runs = [
        subprocess.Popen(
            shell.command("due", "demo", "--json"),
            env=shell.environment,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    ended = [Ran(run.wait(PATIENCE), *run.communicate()) for run in runs]
    assert [ran.status for ran in ended] == [0, 0], [ran.err + ran.out for ran in ended]
    results = sorted(each["result"] for ran in ended for each in ran.document["due"])
    assert results in (["already", "done"], ["done"])  # the second may have come when all was over
    records = shell.run("audit", "demo", "--json").document["records"]
    kept = [record for record in records if record["event"] == "kept"]
    assert [(record["schedule"], record["scheduled_by"], record["reason"]) for record in kept] == [
        (name, "tester@example.com", "pilot")
    ]
    assert seen(shell, "demo")["scheduled"] == []
    quiet = shell.run("due")
    assert (quiet.status, quiet.out, quiet.err) == (0, "", "")  # cron sends no mail


def test_a_change_since_beats_a_widening_and_not_a_switch_off(shell: Shell) -> None:
    assert shell.run("toggle", "demo", FLAG, "true", "--companies", "15", "--yes").status == 0
    widening = scheduled(shell, "demo", *PILOT)
    switch_off = scheduled(shell, "demo", "false")
    assert shell.run("toggle", "demo", FLAG, "true", "--companies", "77", "--yes").status == 0
    once_due(shell, "demo")
    ran = shell.run("due", "demo", "--json")
    found = {each["id"]: each for each in ran.document["due"]}
    refused = found[widening]
    assert (ran.status, refused["result"]) == (3, "refused")
    assert f"tester@example.com changed {FLAG} since it was scheduled: company 77" in refused["error"]["message"]
    if switch_off not in found:
        once_due(shell, "demo")
        found |= {each["id"]: each for each in shell.run("due", "demo", "--json").document["due"]}
    assert found[switch_off]["result"] == "done"
    after = seen(shell, "demo")
    assert (after["flags"][FLAG]["enabled"], after["scheduled"]) == (False, [])


def test_cancelled_it_is_not_carried_out_and_a_name_that_is_none_is_told_those_there_are(shell: Shell) -> None:
    name = scheduled(shell, "demo", *PILOT)
    wrong = shell.run("unschedule", "demo", "nonsense")
    assert (wrong.status, name in wrong.err) == (2, True)
    cancelled = shell.run("unschedule", "demo", name, "--reason", "not yet")
    assert (cancelled.status, cancelled.out.startswith(f"✓ Cancelled: {FLAG} for companies 15 and 42 at")) == (0, True)
    again = shell.run("unschedule", "demo", name)
    assert (again.status, "it is cancelled" in again.err) == (3, True)
    assert seen(shell, "demo")["scheduled"] == []
    assert f"schedule {name} cancelled" in shell.run("audit", "demo").out


def test_a_protected_environment_asks_when_it_is_scheduled_and_not_when_it_is_due(shell: Shell) -> None:
    words = ("toggle", "strict", FLAG, *PILOT, "--at")
    unsaid = shell.run(*words, soon(60), "--yes")
    assert (unsaid.status, "--confirm strict" in unsaid.err) == (3, True)
    asked = shell.type(*words, soon(10), answers=[("Type strict to apply: ", "strict\n")])
    assert (asked.status, "✓ Scheduled" in asked.out) == (0, True), asked.out
    once_due(shell, "strict")
    ran = shell.run("due", "strict")
    assert (ran.status, "✓ companies 15 and 42 see customer_portal" in ran.out) == (0, True), ran.err
    assert 'scheduled by tester@example.com, "pilot"' in ran.out


def test_what_was_remarked_with_the_plan_is_not_told_again_at_its_end(shell: Shell) -> None:
    scheduled(shell, "demo", *PILOT)
    env = shell.folder / "state/rolloutctl/demo/app/.env"
    env.write_text(f"FEATURE_CUSTOMER_PORTAL=false\n{env.read_text()}")
    once_due(shell, "demo")
    ran = shell.run("due", "demo")
    assert (ran.status, "✓ companies 15 and 42 see customer_portal" in ran.out) == (0, True), ran.err
    remarks = [line for line in ran.out.splitlines() if line.startswith("  ! ")]
    assert len(remarks) == 1, ran.out


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("demo", FLAG, "true", "--at", "tomorrow"), 2, "is no moment"),
        (("demo", FLAG, "true", "--at", "2020-01-01 09:00 UTC"), 2, "is past"),
        (("demo", FLAG, "true", "--at", "2999-01-01 09:00 UTC"), 2, "more than a year ahead"),
        (("demo", FLAG, "true", "--at", "NEXT", "--confirm-within", "5m"), 2, "can't stand together with --at"),
        (("frozen", FLAG, "true", "--at", "SATURDAY"), 3, 'From then on: --at "'),
        (("demo", FLAG, "true", "--remove-companies", "15", "--at", "NEXT"), 3, "removes the last company"),
    ],
)
def test_what_can_not_be_scheduled_is_told(shell: Shell, words: tuple[str, ...], status: int, said: str) -> None:
    today = datetime.now(UTC)
    moments = {
        "NEXT": soon(86400),
        "SATURDAY": f"{today.date() + timedelta(days=7 + (5 - today.weekday()) % 7)} 12:00 UTC",
    }
    ran = shell.run("toggle", *(moments.get(word, word) for word in words), "--yes", "--json")
    error = ran.document["error"]
    assert (ran.status, said in error["message"] + error["hint"]) == (status, True), ran.out
    assert json.loads(ran.out).get("scheduled") is None
