"""That a session stops where it is told to: what stands on the host at each moment of a change."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.lab.lab import Lab, LabHost
from tests.lab.pausing import Moment
from tests.stories.conftest import Hire
from tests.stories.operator import Beside
from tests.stories.traces import events_of, line_in

pytestmark = pytest.mark.lab


def what_stands(host: LabHost) -> tuple[str | None, bool, int, list[str]]:
    """The line in .env, whether the cache has the flag, restarts, and the events of the log."""
    cached = b"'customer_portal' => true" in host.cache_path.read_bytes()
    return line_in(host, "FEATURE_CUSTOMER_PORTAL"), cached, host.restarts(), events_of(host)


def test_a_session_stops_at_each_moment_of_a_change(fresh: Lab, hire: Hire) -> None:
    host, seen = fresh.hosts[0], dict[Moment, object]()
    moments: tuple[Moment, ...] = (
        "preparing",
        "unlocked",
        "intent",
        "swapping",
        "between",
        "restarting",
        "asking",
        "deciding",
        "decided",
    )
    operator = hire(fresh, hosts=[host])
    with ExitStack() as stack:
        pauses = {moment: stack.enter_context(host.pause(moment)) for moment in moments}
        widening = Beside(lambda: operator.toggle("customer_portal", True))
        for moment, pause in pauses.items():
            pause.reached()
            seen[moment] = what_stands(host)
            pause.go_on()
        ended = widening.result()

    assert (ended.exit_status, host.portal()) == (0, 200), ended.said
    assert seen == {
        "preparing": ("false", False, 0, []),
        "unlocked": ("false", False, 0, []),
        "intent": ("false", False, 0, []),
        "swapping": ("false", False, 0, ["started"]),
        "between": ("true", False, 0, ["started"]),
        "restarting": ("true", True, 0, ["started"]),
        "asking": ("true", True, 1, ["started"]),
        "deciding": ("true", True, 1, ["started"]),
        "decided": ("true", True, 1, ["started", "kept"]),
    }


def test_a_session_that_goes_back_stops_before_the_old_cache_stands(fresh: Lab, hire: Hire) -> None:
    host = fresh.hosts[0]
    host.refuse_restarts(1)
    operator = hire(fresh, hosts=[host])
    with host.pause("going back") as pause:
        widening = Beside(lambda: operator.toggle("customer_portal", True))
        pause.reached()
        seen = what_stands(host)
        pause.go_on()
        ended = widening.result()

    assert (ended.exit_status, seen) == (4, ("true", True, 1, ["started"]))
