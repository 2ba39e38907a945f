"""A switch-off that is amiss in two ways tells of both, each with its hosts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from rolloutctl.contracts import Session
from rolloutctl.errors import Unreachable
from rolloutctl.outside.opening import open_session
from rolloutctl.rules.config import Host
from rolloutctl.rules.host import Event
from tests.workflows.conftest import PAIR, Pair, tools_of

BARE = PAIR + "  bare: {connection: embedded, hosts: [web-1, web-2], steps: []}\n"


def test_a_host_that_is_not_reached_hides_none_on_which_it_takes_no_effect(pair: Pair, tmp_path: Path) -> None:
    pair.tools = tools_of(tmp_path, BARE)
    assert pair.switch("bulk_export", on=True).error is None

    def open_one(host: Host, progress: Callable[[Event], None]) -> Session:
        if host.name == "web-2":
            raise Unreachable("it gave no answer", subject="web-2")
        return open_session(host, progress)

    pair.tools = replace(pair.tools, sessions=open_one)
    error = pair.switch("bulk_export", on=False, environment="bare").error
    assert error is not None
    again = "rolloutctl toggle bare bulk_export false"
    assert error.message == "bulk_export is set to nobody on 1 of 2 hosts; not reached: web-2."
    assert error.state.splitlines() == [
        "On web-2 people may still see the feature.",
        "On web-1 a config cache stands, and no step builds it anew: whoever saw bulk_export still sees it.",
    ]
    assert error.hint.splitlines()[:3] == [
        again,
        "Add it to environments.yaml, below steps: {name: config cache, builtin: config-cache}",
        f"Then the same again: {again}",
    ]
