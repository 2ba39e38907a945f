"""How one host alone is taken: lock and commit at once, and what is left to do where somebody has the lock."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from rolloutctl.contracts import Session
from rolloutctl.errors import Unreachable
from rolloutctl.fleet import Fleet
from rolloutctl.outside.clock import SystemClock
from rolloutctl.rules.config import Host
from rolloutctl.rules.host import Event
from rolloutctl.rules.locks import Busy
from tests.fakes import PRODUCTION, WEB_1

ONE = replace(PRODUCTION, hosts=(WEB_1,))
BUSY = (Event("busy", ("executing", '={"actor":"holder@example.com"}')),)
LOCKED, COMMITTED = (Event("locked", ()),), (Event("committed", ()),)


class OneHost:
    """A session that answers as it is told to, and remembers what it was asked."""

    host = WEB_1

    def __init__(self, at_once: Callable[[], object]) -> None:
        self.asked: list[str] = []
        self.said: list[Event] = []
        self.free = True
        self._at_once = at_once

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_words, **_more: None

    def widen_at_once(self, *_words: object) -> object:
        self.asked.append("lock and commit")
        return self._at_once()

    def lock(self, wait: float) -> tuple[Event, ...]:
        self.asked.append(f"lock within {wait:.0f} s")
        return LOCKED if self.free else BUSY

    def commit(self, *_words: object) -> tuple[Event, ...]:
        self.asked.append("commit")
        return COMMITTED


def fleet_of(session: OneHost) -> Fleet:
    def opened(host: Host, progress: Callable[[Event], None]) -> Session:
        return session  # type: ignore[return-value]  # as much of one as is asked

    return Fleet(ONE, opened, SystemClock())


def test_a_free_host_is_asked_once() -> None:
    session = OneHost(lambda: (LOCKED, COMMITTED))
    with fleet_of(session) as fleet:
        fleet.open(())
        outcomes = fleet.take("id", ["web-1"], seconds=9)
    assert (session.asked, outcomes["web-1"].committed, fleet.transacting) == (["lock and commit"], True, True)


def test_a_lock_that_somebody_has_is_waited_for_and_committed_behind_it() -> None:
    session = OneHost(lambda: (BUSY, ()))
    with fleet_of(session) as fleet:
        fleet.open(())
        outcomes = fleet.take("id", ["web-1"], seconds=9)
    assert (session.asked, outcomes["web-1"].committed) == (
        ["lock and commit", "lock within 9 s", "commit"],
        True,
    )


def test_a_ctrl_c_before_anything_was_begun_is_the_end() -> None:
    def interrupted() -> object:
        fleet.interrupted = True  # as it is noted in a transaction
        return BUSY, ()

    session = OneHost(interrupted)
    with fleet_of(session) as fleet:
        fleet.open(())
        with pytest.raises(KeyboardInterrupt):
            fleet.take("id", ["web-1"], seconds=9)
    assert session.asked == ["lock and commit"]


def test_a_line_that_was_gone_before_anything_was_sent_is_told_as_that() -> None:
    session = OneHost(lambda: (Unreachable("the connection is gone"), ()))
    with fleet_of(session) as fleet:
        fleet.open(())
        with pytest.raises(Unreachable) as raised:
            fleet.take("id", ["web-1"], seconds=9)
    assert raised.value.state == "Nothing was changed on any host."


def test_who_can_not_wait_is_told_so() -> None:
    session = OneHost(lambda: (BUSY, ()))
    session.free = False
    with fleet_of(session) as fleet:
        fleet.open(())
        with pytest.raises(Busy):
            fleet.take("id", ["web-1"], seconds=0)
    assert "commit" not in session.asked
