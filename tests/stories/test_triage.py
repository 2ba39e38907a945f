"""An incident on real hosts: people see errors, triage switches off, every host knows, and somebody says it is over."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rolloutctl.cli.asking import Answer
from rolloutctl.cli.desk import FrontDesk
from rolloutctl.cli.invocation import Invocation
from rolloutctl.cli.triage_asking import FrontWitness
from rolloutctl.rules.incidents import Incident, in_short
from rolloutctl.workflows.incident_marks import Which, find_incident, list_incidents, recovered
from rolloutctl.workflows.triage import Report, Triaged, triage
from tests.lab.lab import Lab
from tests.stories.conftest import Hire
from tests.stories.operator import Operator
from tests.stories.traces import log_of, portals

pytestmark = pytest.mark.lab


def test_errors_on_the_portal_end_with_a_404_everywhere_and_a_record_of_how_fast(fresh: Lab, hire: Hire) -> None:
    operator = hire(fresh)
    assert operator.toggle("customer_portal", True).exit_status == 0
    for host in fresh.hosts:
        host.make_ill(while_on="customer_portal")
    assert set(portals(fresh)) == {500}

    found = triaged(operator)

    assert set(portals(fresh)) == {404}
    assert found.judgement is not None
    assert (found.judgement.severity, found.judgement.measured.well) == ("critical", ())
    assert found.done is not None
    assert (found.done.result, found.done.error) == ("kept", None)
    assert found.opened is not None
    assert found.opened.incident is not None
    newest = [log_of(host)[-1].data for host in fresh.hosts]
    assert [(data["entry"], data["host"]) for data in newest] == [
        (found.opened.incident.id, host.name) for host in fresh.hosts
    ]
    shown = ended(operator)
    assert shown.switched_off is not None
    assert timedelta(minutes=2) <= shown.switched_off - shown.detected < timedelta(minutes=4)
    assert in_short(shown).startswith("switched off 2 min ")
    assert [entry.what for entry in shown.entries] == [
        "opened for everyone",  # behind the detection, which was two minutes ago
        "switched off",
        "incident opened: critical, switch-off",
        "incident recovered",
    ]


def triaged(operator: Operator) -> Triaged:
    """As `triage --yes --since 2m` does it."""
    witness = FrontWitness(FrontDesk(Invocation(("--json",)), Answer(Invocation(), yes=True)), yes=True, silent=True)
    report = Report(environment="lab", detected=operator.tools.clock.now() - timedelta(minutes=2))
    found = triage(report, operator.tools, operator.desk, witness)
    operator.seen.append(found)
    return found


def ended(operator: Operator) -> Incident:
    """The incident that is said to be over, as `incident show` finds it; no log is the worse for it."""
    over = recovered(Which("lab"), "the view is back", operator.tools)
    (listed,) = list_incidents([operator.tools.configuration.environment("lab")], operator.tools)
    assert find_incident(listed, Which("lab")) == over.incident
    assert {each.problem for each in operator.verify()} == {None}
    return over.incident
