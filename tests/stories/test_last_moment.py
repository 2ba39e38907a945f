"""Somebody edits `.env` after it was compared for the last time, right before ours takes its place."""

from __future__ import annotations

import pytest

from tests.lab.lab import Lab, LabHost
from tests.stories.conftest import Hire
from tests.stories.operator import Beside, Ending, Operator
from tests.stories.traces import events_of, line_in

pytestmark = pytest.mark.lab

KEY = "FEATURE_CUSTOMER_PORTAL"


def toggled(operator: Operator, host: LabHost, *, on: bool) -> Ending:
    """A change, with an edit of something else by hand at the last moment."""
    with host.pause("swapping") as pause:
        ending = Beside(lambda: operator.toggle("customer_portal", on))
        pause.reached()
        host.edit_env("APP_NAME=", f"# edited, to go {'on' if on else 'off'}\nAPP_NAME=")
        pause.go_on()
        return ending.result()


def test_an_edit_at_the_last_moment_stays_a_widening_begins_nothing_and_a_switch_off_is_planned_anew(
    fresh: Lab, hire: Hire
) -> None:
    host = fresh.hosts[0]
    operator = hire(fresh, hosts=[host])

    refused = toggled(operator, host, on=True)

    assert refused.exit_status == 3, refused.said
    assert "had its .env or its config cache changed by somebody else at that moment" in refused.said
    assert (line_in(host, KEY), host.portal()) == ("false", 404)
    assert "# edited, to go on\n" in host.env_path.read_text()
    assert (host.restarts(), events_of(host)) == (0, ["started", "reverted"])

    assert operator.toggle("customer_portal", True).exit_status == 0
    off = toggled(operator, host, on=False)

    assert off.exit_status == 0, off.said
    assert (line_in(host, KEY), host.portal()) == ("false", 404)
    assert "# edited, to go off\n" in host.env_path.read_text()
    assert events_of(host)[-4:] == ["started", "reverted", "started", "kept"]
