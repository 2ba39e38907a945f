"""announce on the embedded host: what it shows, sends and refuses, in words and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.shell import ENVIRONMENTS, Shell
from tests.outside.listeners import Hooked, webhooks

FLAG = "customer_portal"
ANNOUNCE = """\
announce:
  facts: {{on_call: "Ana (@ana)", report_to: "#launch"}}
  channels:
    team: {{slack: "{url}/services/very-secret"}}
    ops: {{webhook: "{url}/very-secret"}}
  automatic: {{phase: [team]}}
rollouts:
  customer_portal:
    environment: demo
    weekend: []
    phases: [{{name: dark, audience: nobody}}, {{name: pilot, companies: [15, 42]}}, {{name: full, audience: everyone}}]
hooks:
  phase-changed: [{{run: cat >>phases}}]
"""


@pytest.fixture
def there() -> Iterator[Hooked]:
    with webhooks(Hooked()) as hooked:
        yield hooked


@pytest.fixture
def shell(tmp_path: Path, there: Hooked) -> Shell:
    return Shell(tmp_path, ENVIRONMENTS + ANNOUNCE.format(url=there.url))


def test_a_phase_is_announced_as_it_begins_and_once_more_to_whom_somebody_names(shell: Shell, there: Hooked) -> None:
    started = shell.run("rollout", "start", FLAG, "--yes")
    assert (started.status, "! phase is announced to team." in started.out) == (0, True), started.err
    assert there.taken[0][2]["text"].startswith("*Customer portal: now in dark, for nobody*\n")
    assert '"phase": "dark"' in (shell.folder / "phases").read_text()

    early = shell.run("announce", "phase", FLAG, "--phase", "pilot", "--json")
    error = early.document["error"]
    assert (early.status, error["message"]) == (3, f"The rollout of {FLAG} is in dark, and not in pilot.")
    assert error["hint"] == f"rolloutctl rollout advance {FLAG}"
    assert shell.run("rollout", "advance", FLAG, "--yes").status == 0
    words = ("announce", "phase", FLAG, "--phase", "pilot", "--to", "ops", "--to", "pilot.md", "--yes")
    sent = shell.run(*words, "--json")
    document = sent.document["announcement"]
    assert (sent.status, document["phase"], sent.document["error"]) == (0, "pilot", None)
    assert [(each["name"], each["result"]) for each in document["channels"]] == [("ops", "sent")]
    assert (shell.folder / "pilot.md").read_text() == document["markdown"]
    assert there.taken[-1][2]["markdown"] == document["markdown"]
    assert "very-secret" not in sent.out + started.out + started.err
    again = shell.run(*words)
    assert (again.status, "There is such a file already" in again.err) == (3, True)
    audit = shell.run("audit", "demo").out
    assert "phase dark announced to team" in audit
    assert "phase pilot announced to ops" in audit


def test_on_a_terminal_each_channel_is_a_question(shell: Shell, there: Hooked) -> None:
    assert shell.run("toggle", "demo", FLAG, "true", "--companies", "15", "--yes").status == 0
    words = ("announce", "production", FLAG, "--fact", "when=Thu 14:00 UTC")
    refused = shell.run(*words)
    assert (refused.status, "company 15 sees it" in refused.err) == (3, True), refused.err
    assert shell.run("toggle", "demo", FLAG, "false", "--yes").status == 0
    ran = shell.type(*words, answers=[("Send it to team (Slack, 127.0.0.1)? [y/N]", "n\n"), ("Send it to ops", "y\n")])
    assert (ran.status, [path for path, _, _ in there.taken]) == (0, ["/very-secret"]), ran.out
    assert "comes to demo: Thu 14:00 UTC. It comes switched off" in ran.out
    assert "○ not sent to team" in ran.out
    assert "✓ sent to ops" in ran.out
    dry = shell.run(*words, "--dry-run", "--to", "team")
    assert (dry.status, len(there.taken), "○ would go to team" in dry.out) == (0, 1, True)


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("phases", FLAG), 2, "Did you mean 'phase'?"),
        (("phase", "nonsense"), 2, "There is no flag 'nonsense'"),
        (("phase", FLAG, "--to", "teem"), 2, "There is no channel 'teem'"),
        (("phase", FLAG, "--fact", "when"), 2, "--fact when is no fact"),
        (("phase", FLAG, "--to", "team"), 3, "--yes was not given"),
        (("phase", FLAG, "--in", "nowhere"), 2, "There is no environment 'nowhere'"),
    ],
)
def test_what_can_not_be_announced_is_told(shell: Shell, words: tuple[str, ...], status: int, said: str) -> None:
    ran = shell.run("announce", *words)
    assert (ran.status, said in ran.err) == (status, True), ran.err


def test_a_channel_that_does_not_take_it_is_exit_5_with_the_way_to_send_it_there(shell: Shell, there: Hooked) -> None:
    there.answers = [(404, {}, b"no_service")]
    shell.run("toggle", "demo", FLAG, "false", "--yes")
    ran = shell.run("announce", "production", FLAG, "--fact", "when=now", "--yes", "--to", "team")
    assert ran.status == 5
    assert "team (Slack, 127.0.0.1): it answers 404: no_service" in ran.err
    assert "It was sent nowhere." in ran.err
    assert "Mend that there, or below announce.channels in environments.yaml." in ran.err
    again = ran.err.partition("Next: ")[2]
    assert again.startswith("rolloutctl ")
    assert again.endswith("announce production customer_portal --fact when=now --yes --to team\n")
    there.answers = [(404, {}, b"no_service")]
    words = ("announce", "production", FLAG, "--fact", "when=now", "--yes", "--to", "one.md", "--to", "team")
    written = shell.run(*words)
    assert (written.status, "It was written to one.md. It was sent nowhere." in written.err) == (5, True), written.err
    assert written.err.endswith("--fact when=now --yes --to team\n")
    half = shell.run(*words[:-1], "two.md", "--to", "one.md")
    assert (half.status, "There is such a file already" in half.err) == (3, True), half.err
    half = shell.run(*words[:-4], "--to", "two.md", "--to", "one.md")
    assert "It was left as it is. It was written to two.md. Nothing was sent." in half.err, half.err
