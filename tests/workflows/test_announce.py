"""Announcements of two embedded hosts, sent to a real server: what goes out, what is recorded, what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from rolloutctl.errors import ConfigurationError, Refused
from rolloutctl.outside.hooks import run_hook
from rolloutctl.outside.post import TemplatePost
from rolloutctl.outside.yaml_file import load
from rolloutctl.rules.hooks import Hook, Moment
from rolloutctl.rules.rollout_standing import Mark
from rolloutctl.rules.verdicts_metrics import Verdict
from rolloutctl.workflows.aftermath import Aftermath
from rolloutctl.workflows.announce import Announcement, channels_of, draft, send
from rolloutctl.workflows.announcing import announce_incident, announce_recovered
from rolloutctl.workflows.incident_marks import Which, recovered
from rolloutctl.workflows.incidents import Facts, open_incident
from rolloutctl.workflows.tools import Tools
from tests.outside.listeners import Hooked, webhooks
from tests.workflows.conftest import PAIR, Pair

ANNOUNCE = """\
announce:
  facts: {{on_call: "Ana (@ana)", report_to: "#launch"}}
  templates: own
  channels:
    team: {{slack: "{url}/services/very-secret"}}
    ops: {{webhook: "{url}/ops", headers: {{X-Key: k}}}}
    gone: {{webhook: "http://127.0.0.1:9/very-secret"}}
  automatic: {{incident: [team, gone], recovered: [team]}}
"""
FLAG = "customer_portal"


@pytest.fixture
def there() -> Iterator[Hooked]:
    with webhooks(Hooked()) as hooked:
        yield hooked


@pytest.fixture
def tools(pair: Pair, there: Hooked, monkeypatch: pytest.MonkeyPatch) -> Tools:
    """Those of the pair, with channels to the server and to nobody."""
    monkeypatch.setattr("rolloutctl.outside.webhooks._PAUSE", 0.01)
    path = pair.folder / "environments.yaml"
    path.write_text(PAIR + ANNOUNCE.format(url=there.url))
    return replace(pair.tools, configuration=load(path, {}), post=TemplatePost())


def test_what_is_true_goes_to_every_channel_and_is_recorded_without_its_text(
    pair: Pair, there: Hooked, tools: Tools
) -> None:
    pair.switch(FLAG, True)
    written = draft(Announcement("done", FLAG, "pair", facts={"feature": "The portal"}), tools)
    assert written.letter.subject == "The portal is on for everyone"
    sent = send(written, channels_of(tools.configuration).channels.values(), tools)
    assert [(each.channel.name, bool(each.why)) for each in sent.deliveries] == [
        ("team", False),
        ("ops", False),
        ("gone", True),
    ]
    documents = {path: document for path, _, document in there.taken}
    assert documents["/services/very-secret"] == {"text": written.letter.slack}
    assert documents["/ops"]["markdown"].startswith("# The portal is on for everyone\n")
    assert (documents["/ops"]["flag"], documents["/ops"]["facts"]["on_call"]) == (FLAG, "Ana (@ana)")
    for host in ("web-1", "web-2"):
        record = pair.log(host)[-1].data
        assert Mark(record).what == "done announced to team, ops, not to gone"
        assert "secret" not in str(record)
        assert "for everyone" not in str(record)


def test_a_host_that_shows_something_else_is_named(pair: Pair, tools: Tools) -> None:
    pair.switch(FLAG, True)
    (pair.folder / "demo/hosts/web-2/app/.env").write_text(pair.env("web-2").replace("PORTAL=true", "PORTAL=false"))
    with pytest.raises(Refused) as raised:
        draft(Announcement("done", FLAG, "pair"), tools)
    assert raised.value.details == (
        "web-2 can't say who sees it: .env and config cache differ, can't be read, or may not be live",
    )
    assert (raised.value.state, raised.value.hint) == ("Nothing was sent.", f"rolloutctl status pair {FLAG}")


def test_an_incident_is_announced_by_itself_and_so_is_its_end(pair: Pair, there: Hooked, tools: Tools) -> None:
    pair.switch(FLAG, True)
    seen = tools.clock.now()
    pair.switch(FLAG, False)
    opened = open_incident("pair", FLAG, tools, Facts(severity="high", symptom="errors <b>", detected=seen))
    assert opened.incident is not None
    reached, missed = announce_incident(opened.incident, tools)
    assert reached == "incident is announced to team."
    assert missed.startswith("incident is not announced to gone: no connection: ")
    assert "very-secret" not in missed
    text = there.taken[-1][2]["text"]
    assert text.startswith("*Customer portal: high incident in pair*\n\nerrors &lt;b&gt;.\n")
    assert "• Nobody sees it: it was switched off " in text
    (still,) = announce_recovered(opened.incident, tools)
    assert still == f"recovered is not announced: An incident of {FLAG} in pair is still open."
    assert announce_incident(opened.incident, pair.tools) == ()  # nobody asked for it there
    over = recovered(Which("pair"), "mended", tools)
    assert over.notes == ("recovered is announced to team.",)
    assert "• tester@example.com: mended" in there.taken[-1][2]["text"]


def test_what_a_guard_has_done_is_recorded_announced_and_told_to_hooks(pair: Pair, there: Hooked, tools: Tools) -> None:
    pair.switch(FLAG, True)
    off = pair.switch(FLAG, False)
    hooks: dict[Moment, tuple[Hook, ...]] = {
        "guard-fired": (Hook(run="cat >fired", folder=str(pair.folder)), Hook(run="exit 4"))
    }
    tools = replace(tools, hooks=run_hook, configuration=replace(tools.configuration, hooks=hooks))
    after = Aftermath("pair", FLAG, tools)
    after.begin(off, [Verdict(metric="errors", host="web-1", word="fail", told="9 of 10", now=9.0)], tools.clock.now())
    after.wait(60)
    recorded, *others = after.notes
    assert recorded.startswith("It is recorded as incident ")
    assert "incident is announced to team." in others
    assert others[-1] == "guard-fired: `exit 4` failed: exit 4."
    assert "errors" not in there.taken[-1][2]["text"]  # the reason of this switch-off was another
    assert json.loads((pair.folder / "fired").read_text())["reason"] == "a test"


def test_an_own_template_takes_the_place_of_the_shipped_one_and_its_faults_are_told(pair: Pair, tools: Tools) -> None:
    own = pair.folder / "own"
    own.mkdir()
    pair.switch(FLAG, True)
    asked = Announcement("done", FLAG, "pair")
    (own / "done.md.j2").write_text("Subject: On\n\nAsk {{ whom_else }}, of {{ room }}\n")
    with pytest.raises(ConfigurationError) as raised:
        draft(asked, tools)
    assert raised.value.message == "whom_else and room are not set in environments.yaml: announce.facts."
    assert raised.value.hint.endswith('--fact whom_else="..." --fact room="..."')
    assert raised.value.details[1] == f"room: {own / 'done.md.j2'}:3"
    more = replace(asked, facts={"whom_else": "Bo\nSubject: x", "room": "7"})
    assert draft(more, tools).letter.text == "Ask Bo Subject: x, of 7\n"
    (own / "done.md.j2").write_text("On\n")
    with pytest.raises(ConfigurationError, match="its first line has to be `Subject: "):
        draft(asked, tools)
    with pytest.raises(ConfigurationError, match="The fact who is told by rolloutctl itself"):
        draft(replace(asked, facts={"who": "all"}), tools)


def test_where_no_host_can_record_it_it_is_sent_all_the_same(pair: Pair, there: Hooked, tools: Tools) -> None:
    pair.switch(FLAG, True)
    written = draft(Announcement("done", FLAG, "pair"), tools)
    for host in ("web-1", "web-2"):
        log = pair.state(host) / "audit.jsonl"
        log.unlink()
        log.mkdir()
    sent = send(written, [channels_of(tools.configuration).channels["team"]], tools)
    assert (sent.missed, len(there.taken)) == ((), 1)
    assert [note.partition(" ")[0] for note in sent.notes] == ["web-1", "web-2"]


def test_a_file_without_announce_says_which_facts_are_missing(pair: Pair) -> None:
    pair.switch(FLAG, True)
    with pytest.raises(ConfigurationError, match=r"on_call and report_to are not set in environments\.yaml"):
        draft(Announcement("done", FLAG, "pair"), replace(pair.tools, post=TemplatePost()))
