"""Many hosts at once behind sshds that take few connections at a time: every host is reached all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from rolloutctl.fleet import Fleet
from rolloutctl.outside.clock import SystemClock
from rolloutctl.outside.opening import open_session
from rolloutctl.rules.config import Environment
from tests.lab.doors import Doors
from tests.stories.behind_doors import CONNECTIONS, Visitor, many

pytestmark = pytest.mark.lab


@pytest.mark.parametrize("connection", CONNECTIONS)
def test_twenty_hosts_are_reached_where_sshd_takes_two_connections_at_a_time(
    doors: Doors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, connection: str
) -> None:
    visitor, door = Visitor(tmp_path / "home", monkeypatch), doors("MaxStartups 2")
    visitor.visit(door)
    before = door.log.count("MaxStartups")
    environment = Environment(name="lab", hosts=tuple(many(visitor.host(door, connection), 20)))

    with Fleet(environment, open_session, SystemClock()) as fleet:
        lost = fleet.open(())

        assert (lost, len(fleet.sessions)) == ({}, 20)
    assert door.log.count("MaxStartups") > before
