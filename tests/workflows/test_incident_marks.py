"""What is said of incidents on two embedded hosts: of which one, by whom it is heard, and what is refused."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from rolloutctl.errors import Refused, UsageError
from rolloutctl.outside.post import TemplatePost
from rolloutctl.outside.yaml_file import load
from rolloutctl.workflows.incident_marks import Which, find_incident, list_incidents, note, recovered
from rolloutctl.workflows.incidents import Facts, open_incident
from rolloutctl.workflows.triage import Triaged, tell_channels
from tests.outside.listeners import Hooked, webhooks
from tests.workflows.conftest import PAIR, Pair

FACTS = Facts(severity="high", symptom="500s")
ANNOUNCE = """\
announce:
  facts: {{on_call: Ana, report_to: "#portal"}}
  channels: {{team: {{slack: "{url}/secret"}}}}
  automatic: {{incident: [team], recovered: [team]}}
"""


def test_the_open_one_is_meant_and_where_several_are_it_has_to_be_said(pair: Pair) -> None:
    with pytest.raises(Refused, match="No incident is open in pair"):
        note(Which("pair"), "x", pair.tools)
    first = open_incident("pair", "customer_portal", pair.tools, FACTS).incident
    second = open_incident("pair", "bulk_export", pair.tools, FACTS).incident
    assert first is not None
    assert second is not None
    with pytest.raises(UsageError) as raised:
        note(Which("pair"), "x", pair.tools)
    assert raised.value.hint == "One of: --flag customer_portal, --flag bulk_export"
    said = note(Which("pair", "bulk_export"), "slow", pair.tools)
    assert (said.incident.id, said.incident.entries[-1].note) == (second.id, "slow")
    assert recovered(Which("pair", id=first.id), "", pair.tools).incident.recovered is not None
    with pytest.raises(Refused, match="is over already"):
        recovered(Which("pair", id=first.id), "", pair.tools)
    assert note(Which("pair", id=first.id), "the reason", pair.tools).incident.entries[-1].note == "the reason"
    assert recovered(Which("pair"), "", pair.tools).incident.id == second.id
    (listed,) = list_incidents([pair.tools.configuration.environment("pair")], pair.tools)
    assert [each.id for each in listed.incidents] == [first.id, second.id]
    assert find_incident(listed, Which("pair")) == listed.incidents[-1]
    with pytest.raises(UsageError, match="There is no incident of nothing in pair"):
        find_incident(listed, Which("pair", "nothing"))


def test_a_new_incident_and_its_end_are_announced_where_that_is_wanted(pair: Pair) -> None:
    with webhooks(Hooked()) as there:
        path = pair.folder / "environments.yaml"
        path.write_text(PAIR + ANNOUNCE.format(url=there.url), encoding="utf-8")
        tools = replace(pair.tools, configuration=load(path, {}), post=TemplatePost())
        opened = open_incident("pair", "customer_portal", tools, FACTS)
        assert tell_channels(Triaged("pair", opened=opened), tools) == ("incident is announced to team.",)
        assert tell_channels(Triaged("pair", opened=replace(opened, joined=True)), tools) == ()
        assert recovered(Which("pair"), "", tools).notes == ("recovered is announced to team.",)
    assert len(there.taken) == 2
