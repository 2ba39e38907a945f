"""How a session begins: what travels with the command that starts it is not said again."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from rolloutctl.contracts import Connection
from rolloutctl.outside.session import Opening, RemoteSession
from tests.fakes import FLAG, PRODUCTION, WEB_1, ScriptedChannel

HELLO = b"@rc1 hello 1 0 =deploy =m =/app =/app/.env =/state -\n"
PUT = b"@rc1 done put\n"
OTHER = replace(FLAG, name="other", key="FEATURE_OTHER")


class Way:
    """A connection that has only a name."""

    way = "by the test"


def begun(first: Opening | None, *answers: bytes) -> tuple[RemoteSession, ScriptedChannel]:
    channel = ScriptedChannel([HELLO, *answers])
    return RemoteSession(WEB_1, cast_way(), channel, lambda _event: None, first), channel


def cast_way() -> Connection:
    way: object = Way()
    return way  # type: ignore[return-value]  # nothing else of it is asked for


def test_what_it_was_begun_with_is_not_said_again() -> None:
    first = Opening.of(PRODUCTION, [FLAG], content=True)
    session, channel = begun(first)
    session.prime(PRODUCTION, [FLAG], content=True)
    assert channel.sent == b""
    assert first.lines.endswith(b"\nlook 200 content\n")
    assert first.lines.startswith(b'put wanted ={"keys":["FEATURE_PORTAL"')


@pytest.mark.parametrize("first", [None, Opening.of(PRODUCTION, [OTHER], content=False)], ids=["bare", "of another"])
def test_what_it_was_not_begun_with_is_said_once_what_was_asked_is_answered(first: Opening | None) -> None:
    session, channel = begun(first, PUT + PUT + b"@rc1 env absent - - -\n@rc1 done look\n")
    session.prime(PRODUCTION, [FLAG], content=True)
    assert channel.sent == Opening.of(PRODUCTION, [FLAG], content=True).lines
