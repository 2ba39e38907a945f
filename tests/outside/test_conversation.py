"""The talk with a host that has nothing to say but why it can't: what it said is heard, whenever it hung up."""

from __future__ import annotations

import pytest

from rolloutctl.errors import Unfit, Unreachable
from rolloutctl.outside.conversation import Conversation
from tests.fakes import WEB_1, ScriptedChannel


class HungUp(ScriptedChannel):
    """A channel whose other side has ended: what it said before can still be read."""

    def send(self, data: bytes) -> None:
        raise Unreachable("the session ended")


def talk_with(channel: ScriptedChannel) -> Conversation:
    return Conversation(WEB_1, channel, lambda _event: None)


def test_a_host_that_hung_up_before_anything_was_sent_has_said_why() -> None:
    talk = talk_with(HungUp([b"@rc1 fatal no-app =/var/www/app\n"]))
    with pytest.raises(Unfit, match="There is no folder /var/www/app"):
        talk.send("look", "1")


def test_a_login_shell_that_hung_up_is_quoted() -> None:
    talk = talk_with(HungUp([b"This account is currently not available.\n"]))
    with pytest.raises(Unfit, match="This account is currently not available"):
        talk.send("look", "1")


def test_behind_the_greeting_a_line_that_is_gone_is_told_as_that() -> None:
    talk = talk_with(HungUp([b"@rc1 hello 1 0 =deploy =m =/app =/app/.env =/state -\n"]))
    assert talk.hello.text(2) == "deploy"
    with pytest.raises(Unreachable, match="the session ended"):
        talk.send("look", "1")
