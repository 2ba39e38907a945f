"""A rollback reads no more of the hosts' logs than it needs, and finds what stands far back in them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from rolloutctl.contracts import Session
from rolloutctl.errors import Unreachable
from rolloutctl.outside.opening import open_session
from rolloutctl.rules.config import Host
from rolloutctl.rules.host import Event, HostState
from rolloutctl.rules.plans import Wish
from rolloutctl.workflows.rollback import Request, find, rollback
from rolloutctl.workflows.toggle import Request as Toggle
from rolloutctl.workflows.toggle import toggle
from rolloutctl.workflows.tools import Options
from tests.workflows.conftest import Pair

PORTAL = "customer_portal"
OFF = "FEATURE_CUSTOMER_PORTAL=false"


def test_of_a_long_log_only_the_newest_records_are_read(pair: Pair) -> None:
    pair.switch("bulk_export", on=True)
    _lengthen(pair, 1_000)
    pair.switch(PORTAL, on=True)
    found = find(Request("pair"), pair.tools)
    found.fleet.close()
    assert [change.flag for change in found.changes] == [PORTAL]
    assert all(len(pair.tools.mirror.seen("pair", host)) < 250 for host in ("web-1", "web-2"))


@pytest.mark.parametrize(("records", "flag"), [(300, None), (6_000, None), (6_000, PORTAL)])
def test_a_change_that_stands_behind_the_newest_records_is_found_and_undone(
    pair: Pair, records: int, flag: str | None
) -> None:
    pair.switch(PORTAL, on=True)
    _lengthen(pair, records)
    request = Request("pair", flag)
    done = rollback(request, find(request, pair.tools), Options(), pair.tools, pair.desk)
    assert (done.result, done.error) == ("kept", None)
    assert OFF in pair.env("web-1")
    assert OFF in pair.env("web-2")


@pytest.mark.parametrize("flag", [None, PORTAL])
def test_records_that_one_line_of_the_protocol_could_not_hold_keep_no_host_away(pair: Pair, flag: str | None) -> None:
    pair.switch(PORTAL, on=True)
    _lengthen(pair, 1_700, companies=1_500)  # 13 MB, and a third more in base64
    found = find(Request("pair", flag), pair.tools)
    found.fleet.close()
    assert ([change.flag for change in found.changes], found.unasked) == ([PORTAL], ())


def test_a_host_whose_newest_records_are_younger_than_the_change_is_put_back_too(pair: Pair) -> None:
    toggle(Toggle("pair", PORTAL, Wish(True), "a test"), Options(), pair.tools, pair.desk)
    _lengthen(pair, 300, hosts=("web-2",))
    request = Request("pair")
    rollback(request, find(request, pair.tools), Options(), pair.tools, pair.desk)
    assert OFF in pair.env("web-2")


def test_a_host_that_is_lost_while_its_log_is_read_is_reached_again(pair: Pair) -> None:
    pair.switch(PORTAL, on=True)
    request = Request("pair")
    tools = replace(pair.tools, sessions=_at_first(_cut_at_the_look))
    found = find(request, tools)
    assert found.unasked == ()
    done = rollback(request, found, Options(), tools, pair.desk)
    assert (done.result, done.error) == ("kept", None)
    assert [OFF in pair.env(host) for host in ("web-1", "web-2")] == [True, True]


def test_what_is_to_be_taken_back_on_a_host_whose_log_was_not_read_is_not_nothing(pair: Pair) -> None:
    pair.switch(PORTAL, on=True)
    request = Request("pair")
    tools = replace(pair.tools, sessions=_at_first(_not_there))
    done = rollback(request, find(request, tools), Options(), tools, pair.desk)
    assert done.result == "in_doubt"
    assert done.error is not None
    assert "not reached: web-2" in done.error.message
    assert [OFF in pair.env(host) for host in ("web-1", "web-2")] == [True, False]
    assert done.error.hint == "rolloutctl toggle pair customer_portal false"


def test_what_was_seen_before_a_person_took_time_is_looked_at_again(pair: Pair) -> None:
    pair.switch(PORTAL, on=True)
    request = Request("pair")
    found = find(request, pair.tools)
    before = dict(found.fleet.sessions)
    later = found.afresh(pair.tools)
    assert (later.changes, later.fleet.sessions) == (found.changes, {})
    with pytest.raises(Unreachable):
        before["web-1"].look(content=False)
    assert rollback(request, later, Options(), pair.tools, pair.desk).error is None


def _at_first(act: Callable[[Session], None]) -> Callable[[Host, Callable[[Event], None]], Session]:
    """Opens sessions; to the first with web-2 something is done at once."""
    met: list[str] = []

    def open_one(host: Host, progress: Callable[[Event], None]) -> Session:
        session = open_session(host, progress)
        met.append(host.name)
        if host.name == "web-2" and met.count("web-2") == 1:
            act(session)
        return session

    return open_one


def _cut_at_the_look(session: Session) -> None:
    look = session.look

    def cut(*, content: bool, records: int = 200) -> HostState:
        session.close()
        return look(content=content, records=records)

    setattr(session, "look", cut)  # noqa: B010 - for this one alone


def _not_there(session: Session) -> None:
    session.close()
    raise Unreachable("it gave no answer", subject="web-2")


def _lengthen(pair: Pair, records: int, hosts: tuple[str, ...] = ("web-1", "web-2"), companies: int = 0) -> None:
    """Let hosts have so many more records, of what is no change, in a chain that is whole."""
    for host in hosts:
        log = pair.state(host) / "audit.jsonl"
        lines = log.read_text(encoding="utf-8").splitlines()
        for number in range(len(lines) + 1, len(lines) + records + 1):
            prev = hashlib.sha256(lines[-1].encode()).hexdigest()
            said = {"event": "rollout", "flag": "other", "environment": "pair", "time": "2026-11-23T01:00:00Z"}
            if companies:
                said["companies"] = ",".join(map(str, range(10_000, 10_000 + companies)))
            lines.append(json.dumps({"prev": prev, "line": number, **said}, separators=(",", ":")))
        log.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        end = hashlib.sha256(lines[-1].encode()).hexdigest()
        log.with_name("audit.head").write_text(f"{len(lines)} {end}\n", encoding="utf-8")
