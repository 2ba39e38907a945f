"""triage and incident on the embedded host: what is asked, what is told, and by which exit status it ends."""

from __future__ import annotations

import re

import pytest

from tests.cli.shell import Shell

OPEN = ("toggle", "strict", "customer_portal", "true", "--companies", "15", "--confirm", "strict", "--reason", "pilot")


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("--severity", "terrible", "--yes"), 2, "One of: critical, high, medium, low."),
        (("--affected", "300%", "--yes"), 2, "300% is no share of the users"),
        (("--since", "soon", "--yes"), 2, "--since soon is no length of time"),
        (("nowhere", "--yes"), 2, "There is no environment 'nowhere'"),
        (("strict", "nonsense", "--yes"), 2, "There is no flag 'nonsense'"),
        ((), 3, "--dry-run"),  # nobody can be asked; the environment is the protected one
    ],
)
def test_what_can_not_be_judged_is_told(onlooker: Shell, words: tuple[str, ...], status: int, said: str) -> None:
    ran = onlooker.run("triage", *words)
    assert (ran.status, said in ran.err) == (status, True), ran.err


@pytest.mark.parametrize(("words", "status"), [(("strict", "nonsense", "--yes"), 2), (("strict",), 3)])
def test_before_anything_is_decided_its_json_has_change_and_error_alone(
    onlooker: Shell, words: tuple[str, ...], status: int
) -> None:
    ran = onlooker.run("triage", *words, "--json")
    assert (ran.status, list(ran.document), ran.document["change"]) == (status, ["change", "error"], None), ran.out


def test_from_a_script_it_is_off_recorded_told_and_over(shell: Shell) -> None:
    assert shell.run(*OPEN).status == 0
    unsure = shell.run("triage", "--yes")  # the protected environment, and the feature that is seen
    assert (unsure.status, "--severity critical" in unsure.err, "Health is good" in unsure.err) == (2, True, True)

    ran = shell.run("triage", "--severity", "high", "--affected", "12.5%", "--yes", "--json")
    found, incident = ran.document["triage"], ran.document["incident"]
    assert ran.status == 0, ran.err
    assert (found["environment"], found["flag"], found["decision"]) == ("strict", "customer_portal", "switch-off")
    assert found["measured"]["well"] == ["strict"]
    assert [step["elsewhere"] for step in found["steps"]].count(True) == 1
    assert (ran.document["change"]["result"], ran.document["error"]) == ("kept", None)
    assert (incident["open"], incident["affected"], incident["seconds_to_off"] < 60) == (True, 12.5, True)

    assert "strict · customer_portal: an incident is open since" in shell.run("status", "strict").out
    assert shell.run("incident", "note", "strict", "a view\nwas missing").status == 0
    shown = shell.run("incident", "show", "strict").out
    assert re.search(r"Switched off \d+ s after it was detected, still open\.", shown)
    assert re.search(r'incident noted +tester@example.com +"a view was missing"', shown)
    assert "rolloutctl incident recovered strict --flag customer_portal" in shown
    ended(shell)


def test_without_a_health_check_none_is_called_good(shell: Shell) -> None:
    text = shell.configuration.read_text(encoding="utf-8").replace("  health: {", "  # health: {")
    shell.configuration.write_text(text, encoding="utf-8")
    told = shell.run("triage", "strict", "customer_portal", "--dry-run").out
    assert ("No health check was asked on its host." in told, "Health is good" in told) == (True, False), told


def ended(shell: Shell) -> None:
    """The incident of the test above is over, once."""
    over = shell.run("incident", "recovered", "strict", "--note", "deployed", "--json")
    assert (over.status, over.document["incident"]["open"]) == (0, False)
    assert shell.run("incident", "recovered", "strict").status == 3
    assert shell.run("incident", "show", "strict", "nonsense").status == 2
    assert shell.run("incident", "list", "--json").document["incidents"] == [over.document["incident"]]
    assert "recovered after" in shell.run("incident", "list").out
    audit = shell.run("audit", "strict").out
    assert audit.index("incident recovered") < audit.index("incident noted") < audit.index("opened: high, switch-off")
    assert shell.run("triage", "--yes").out.startswith("Nobody sees any feature in strict")
    nobody = shell.run("triage", "strict", "customer_portal", "--dry-run")
    assert (nobody.status, "there is nothing to switch off" in nobody.out) == (0, True), nobody.err
    assert "incident recovered" not in nobody.out  # there is none that is open


def test_on_a_terminal_it_asks_how_bad_it_is_and_how_many_are_affected(shell: Shell) -> None:
    assert shell.run(*OPEN).status == 0
    words = ("triage", "strict", "--symptom", "blank pages")
    kept = shell.type(
        *words, answers=[("low? ", "h\n"), ("[nobody knows] ", "x\n"), ("[nobody knows] ", "8\n"), ("[Y/n] ", "\n")]
    )
    assert kept.status == 0
    assert "companies 15 sees it" not in kept.out
    assert "Keep customer_portal on." in kept.out
    assert "is recorded: kept on, still open." in kept.out
    assert "rolloutctl triage strict customer_portal --severity critical --yes" in kept.out
    off = shell.type(*words, answers=[("low? ", "critical\n"), ("Apply? [y/N] ", "y\n")])
    assert off.status == 0
    assert "nobody sees customer_portal, on 1 host" in off.out
    assert "undo: " not in off.out  # it would open again what is broken
    assert "was open already" in off.out
    named = ("triage", "strict", "customer_portal", "--symptom", "blank pages", "--severity", "critical")
    no = shell.type(*named, answers=[("[Y/n] ", "n\n")])
    assert (no.status, "there is nothing to switch off" in no.out) == (0, True)


def test_what_is_not_off_is_called_off_nowhere_until_it_is(shell: Shell) -> None:
    assert shell.run("status", "strict").status == 0
    (switches,) = shell.folder.glob("state/rolloutctl/**/break")
    assert shell.run(*OPEN).status == 0
    (switches / "restart").write_text("Job for php8.2-fpm.service failed.")
    ran = shell.run("triage", "strict", "customer_portal", "--severity", "critical", "--yes", "--symptom", "500s")
    assert (ran.status, "it may not be live on strict" in ran.err) == (5, True), ran.err
    assert "is recorded: not off everywhere yet, still open." in ran.out
    assert ("Measured now:" in ran.out, "with the feature off" in ran.out) == (True, False)
    assert " 1  Switch customer_portal off:\n      rolloutctl toggle strict customer_portal false" in ran.out
    shown = shell.run("incident", "show", "strict").out
    assert "Not off everywhere yet, still open." in shown
    assert re.search(r"set to nobody, but it may not be live on strict +tester", shown)
    assert "To switch it off everywhere: rolloutctl toggle strict customer_portal false" in shown
    assert "kept (may not be live on strict)" in shell.run("audit", "strict").out

    (switches / "restart").unlink()
    assert shell.run("toggle", "strict", "customer_portal", "false", "--yes").status == 0
    over = shell.run("incident", "recovered", "strict", "--json").document["incident"]
    assert [entry["what"] for entry in over["timeline"]][-2:] == ["switched off", "incident recovered"]
    assert over["switched_off"] == over["timeline"][-2]["at"]


def test_an_incident_that_no_host_can_write_is_kept_here_and_shown_from_here(shell: Shell) -> None:
    assert shell.run(*OPEN).status == 0
    (head,) = shell.folder.rglob("audit.head")
    head.unlink()
    head.mkdir()  # nothing can be written into the log, as on a full disk
    ran = shell.run("triage", "strict", "customer_portal", "--severity", "critical", "--yes", "--symptom", "500s")
    assert ran.status == 0, ran.err
    assert "is kept on this machine, and a later change from here writes it on the hosts: switched off " in ran.out
    shown = shell.run("incident", "show", "strict")
    assert (shown.status, "after it was detected, still open." in shown.out) == (0, True), shown.err
