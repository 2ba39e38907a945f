"""confirm on the embedded host: kept, gone back by itself, refused; as text and as JSON, by exit status."""

from __future__ import annotations

import re

import pytest

from tests.cli.shell import Shell
from tests.lab.processes import wait_until

TOGGLE = ("toggle", "demo", "customer_portal")
WIDER = (*TOGGLE, "true", "--companies", "15", "--yes")


def test_a_provisional_change_counts_down_is_confirmed_and_stays(shell: Shell) -> None:
    planned = shell.run(*TOGGLE, "true", "--confirm-within", "10m", "--dry-run")
    assert planned.status == 0
    assert "Provisional: each host goes back by itself in 10 min, unless it is confirmed." in planned.out
    held = shell.run(*WIDER, "--confirm-within", "10m")
    assert held.status == 0
    assert "provisional: it goes back in 10 min unless confirmed\n  keep: rolloutctl confirm demo\n" in held.out

    (host,) = shell.run("status", "demo", "--json").document["environments"][0]["hosts"]
    assert 500 < host["provisional"]["seconds_left"] <= 600
    assert host["provisional"]["change"] == host["pending"]["change"]
    told = shell.run("status", "demo").out
    left = r"(10 min|9 min \d+ s)"
    assert re.search(f"provisional, for company 15, by tester@example\\.com: goes back in {left} unless", told), told
    refused = shell.run(*TOGGLE, "true", "--companies", "all", "--yes", "--json")
    assert (refused.status, refused.document["error"]["code"]) == (3, "busy")
    assert "rolloutctl confirm demo" in refused.document["error"]["hint"]

    kept = shell.run("confirm", "demo", "--json")
    assert (kept.status, kept.document["change"]["result"], kept.document["error"]) == (0, "kept", None)
    assert kept.document["change"]["to"] == {"enabled": True, "companies": [15]}
    again = shell.run("confirm", "demo")
    assert (again.status, again.out.startswith("✓ Confirmed already: company 15 sees customer_portal")) == (0, True)
    (host,) = shell.run("status", "demo", "--json").document["environments"][0]["hosts"]
    assert (host["provisional"], host["pending"]) == (None, None)


def test_what_nobody_confirmed_went_back_and_is_told_by_confirm_status_and_audit(shell: Shell) -> None:
    held = shell.run(*WIDER, "--confirm-within", "1s", "--json")
    change = held.document["change"]
    assert (held.status, change["result"], change["confirm_within"]) == (0, "provisional", 1)
    assert change["hosts"][0]["result"] == "provisional"
    log = next(shell.folder.rglob("audit.jsonl"))
    wait_until(lambda: '"not-confirmed"' in log.read_text(), "the host going back by itself", seconds=30)

    late = shell.run("confirm", "demo")
    assert late.status == 3
    assert f"change {change['id']}, customer_portal for company 15, went back on" in late.err
    assert "nobody confirmed it in time" in late.err
    assert f"change {change['id']}, for company 15, was not confirmed and went back" in shell.run("status").out
    assert "reverted (not confirmed)" in shell.run("audit", "demo").out


def test_with_nothing_to_confirm_it_says_how_something_becomes_provisional(shell: Shell) -> None:
    ran = shell.run("confirm", "demo", "--json")
    assert (ran.status, ran.document["error"]["message"]) == (3, "Nothing in demo waits to be confirmed.")
    assert ran.document["change"] is None


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ((*TOGGLE, "false", "--confirm-within", "10m", "--yes"), 2, "A switch-off never goes back"),
        ((*TOGGLE, "true", "--confirm-within", "3d", "--yes"), 2, "not between 1s and 24h"),
        ((*TOGGLE, "true", "--confirm-within", "soon", "--yes"), 2, "no length of time"),
        (("confirm", "nowhere"), 2, "nowhere"),
    ],
)
def test_what_makes_no_sense_is_wrong_usage(onlooker: Shell, words: tuple[str, ...], status: int, said: str) -> None:
    ran = onlooker.run(*words)
    assert ran.status == status
    assert said in ran.err


def test_what_takes_the_feature_from_somebody_is_refused_before_anything(shell: Shell) -> None:
    assert shell.run(*TOGGLE, "true", "--companies", "15,42", "--yes").status == 0
    ran = shell.run(*WIDER, "--confirm-within", "10m", "--json")
    assert (ran.status, ran.document["error"]["code"]) == (3, "refused")
    assert "never goes back by itself" in ran.document["error"]["message"]
    assert len(shell.run("audit", "demo", "--json").document["records"]) == 2
