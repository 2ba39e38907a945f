"""What `announce` and `hooks` of environments.yaml mean, how each mistake is told, and that no secret is shown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from rolloutctl.errors import ConfigurationError, UsageError
from rolloutctl.outside.yaml_tree import read_tree
from rolloutctl.rules.channels import Announcing, Channel, Mail, Slack, Webhook
from rolloutctl.rules.config import Configuration
from rolloutctl.rules.config_reading import read_configuration
from rolloutctl.rules.hooks import Hook

HEAD = "version: 1\nenvironments: {production: {connection: embedded}}\n"
WHOLE = """\
announce:
  facts: {on_call: "Ana (@ana)", report_to: "#portal-launch"}
  templates: words
  channels:
    team: {slack: "${HOOK}"}
    ops: {webhook: "https://ops.example.com:8443/in?k=1", headers: {Authorization: "Bearer ${TOKEN}"}}
    all: {smtp: "smtp.example.com:465", tls: tls, user: ops, password: "${TOKEN}", from: Ops <o@b.de>, to: [a@b.de]}
    spare: {slack: "${NONE}"}
  automatic: {incident: [team, ops], phase: [team]}
hooks:
  before-change: [{run: ./check.sh --now, timeout: 2m}]
  guard-fired: [{webhook: "${HOOK}"}, {webhook: "${NONE}"}]
"""
SECRETS = {"HOOK": "https://hooks.slack.com/services/T0/B0/s3cret", "TOKEN": "t0ken"}


def read(text: str, secrets: Mapping[str, str] = SECRETS) -> Configuration:
    root, faults = read_tree(HEAD + text)
    return read_configuration(root, path=Path("/team/environments.yaml"), secrets=secrets, faults=faults)


def test_channels_facts_and_hooks_are_as_they_are_written() -> None:
    found = read(WHOLE)
    lacks = (
        "announce.channels.spare.slack names a secret that is neither in the environment nor in .env beside this file"
    )
    mail = Mail(
        host="smtp.example.com",
        port=465,
        sender="Ops <o@b.de>",
        to=("a@b.de",),
        tls="tls",
        user="ops",
        password="t0ken",  # noqa: S106 - of no one
    )
    assert found.announcing == Announcing(
        facts={"on_call": "Ana (@ana)", "report_to": "#portal-launch"},
        templates="/team/words",
        channels={
            "team": Channel(name="team", way=Slack(url=SECRETS["HOOK"])),
            "ops": Channel(
                name="ops",
                way=Webhook(url="https://ops.example.com:8443/in?k=1", headers={"Authorization": "Bearer t0ken"}),
            ),
            "all": Channel(name="all", way=mail),
            "spare": Channel(name="spare", way=None, lacks=f"{lacks}: ${{NONE}}"),
        },
        automatic={"incident": ("team", "ops"), "phase": ("team",)},
    )
    assert found.hooks["before-change"] == (Hook(run="./check.sh --now", timeout=120.0, folder="/team"),)
    first, second = found.hooks["guard-fired"]
    assert first == Hook(webhook=SECRETS["HOOK"], folder="/team")
    assert second.lacks.endswith("${NONE}")
    assert found.environments["production"].unmet == ()


@pytest.mark.parametrize(
    ("channel", "value", "why"),
    [
        ('{slack: "${A}"}', "", "slack names a secret that is empty: ${A}"),
        ('{slack: "${A}"}', "hunter2", "begins with https:// or http://"),
        ('{webhook: "https://a.de", headers: {X: "k ${A}"}}', "hunter\n2", "HTTP does not allow this one: X"),
        ('{smtp: "${A}", from: a@b.de, to: [a@b.de]}', "hunter2", "a name and a port such as smtp.example.com:587"),
        ('{smtp: "a.de:25", user: x, password: "${A}", from: a@b.de, to: [a@b.de]}', "", "password names a secret"),
        ('{smtp: "${A}", tls: none, user: x, password: y, from: a@b.de, to: [a@b.de]}', "", "smtp names a secret"),
        ('{smtp: "${A}", tls: none, user: x, password: y, from: a@b.de, to: [a@b.de]}', "hunter2:25", "for everyone"),
    ],
)
def test_a_secret_that_is_no_use_is_a_matter_of_its_channel_alone(channel: str, value: str, why: str) -> None:
    announcing = read(f"announce: {{channels: {{team: {channel}}}, automatic: {{incident: [team]}}}}", {"A": value})
    assert announcing.announcing is not None
    team = announcing.announcing.channel("team")
    assert (team.way, why in team.lacks, "hunter" in team.lacks) == (None, True, False), team.lacks


def test_no_secret_is_in_what_is_shown() -> None:
    found = read(WHOLE)
    assert found.announcing is not None
    channels = found.announcing.channels
    assert [each.place for each in channels.values()] == [
        "Slack, hooks.slack.com",
        "webhook, ops.example.com",
        "mail to a@b.de",
        "a secret is missing, or does not fit",
    ]
    shown = repr(found) + "".join(map(str, (*found.hooks["before-change"], *found.hooks["guard-fired"])))
    assert "the webhook at hooks.slack.com" in shown
    assert not [secret for secret in ("s3cret", "t0ken", "k=1", "T0/B0") if secret in shown]


def test_a_channel_that_is_not_there_is_told_with_those_that_are() -> None:
    announcing = read(WHOLE).announcing
    assert announcing is not None
    with pytest.raises(UsageError, match=r"no channel 'teem'\. Did you mean 'team'\?") as raised:
        announcing.channel("teem")
    assert raised.value.hint.startswith("Known: team, ops, all, spare, terminal; or a file: teem.md.")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("announce: {facts: {on-call: x}}", "this is none: on-call"),
        ("announce: {facts: {on_call: ' '}}", "one line that shows something: on_call"),
        ("announce: {facts: {on_call: 7}}", "put a number in quotes"),
        ("announce: {channels: {a: {}}}", "announce.channels.a needs one of slack, webhook and smtp"),
        ("announce: {channels: {terminal: {slack: 'https://a.de'}}}", "no file nor terminal: terminal"),
        ("announce: {channels: {a.md: {slack: 'https://a.de'}}}", "no file nor terminal: a.md"),
        ("announce: {channels: {a: {slack: 'https://a.de', webhook: 'https://a.de'}}}", "and no two"),
        ("announce: {channels: {a: {slack: 'https://a.de', to: [a@b.de]}}}", "a of slack has no to"),
        ("announce: {channels: {a: {slack: 'ftp://a.de'}}}", "must be a URL that begins with"),
        ("announce: {channels: {a: {webhook: 'https://a.de', headers: {'A B': '${HOOK}'}}}}", "allow this one: A B"),
        ("announce: {channels: {a: {smtp: 'a.de:25', to: [a@b.de]}}}", "needs the key from"),
        ("announce: {channels: {a: {smtp: 'a.de', from: a@b.de, to: [a@b.de]}}}", "a name and a port"),
        ("announce: {channels: {a: {smtp: 'a.de:25', from: a@b.de, to: []}}}", "at least one"),
        (r'announce: {channels: {a: {smtp: "a.de:25", from: a@b.de, to: ["a@b.de\nBcc: x@y.de"]}}}', "a line break"),
        ("announce: {channels: {a: {smtp: 'a.de:25', from: a@b.de, to: [a@b.de], user: x}}}", "user and password"),
        (
            "announce: {channels: {a: {smtp: 'a.de:25', tls: none, user: x, password: y, from: a@b.de, to: [a@b.de]}}}",
            "for everyone to read",
        ),
        ("announce: {automatic: {production: [a]}}", "unknown key in announce.automatic: production"),
        ("announce: {channels: {team: {slack: 'https://a.de'}}, automatic: {phase: [teem]}}", "did you mean 'team'"),
        ("hooks: {before-changes: []}", "did you mean 'before-change'"),
        ("hooks: {after-change: [{timeout: 3s}]}", "hooks.after-change[0] needs either run or webhook"),
        ("hooks: {after-change: [{run: x, webhook: 'https://a.de'}]}", "needs either run or webhook"),
        ("hooks: {after-change: [{run: x, headers: {A: b}}]}", "with run has no headers"),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        read(text)
    assert [line for line in raised.value.details if line.startswith("environments.yaml:3: ") and said in line], (
        raised.value.details
    )
