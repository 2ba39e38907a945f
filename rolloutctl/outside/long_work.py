"""Long work on one host, a deployment or a task: the client's side; session_sh/working.sh is the host's."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from rolloutctl.outside.command import forget_line
from rolloutctl.outside.conversation import SHORT, Conversation
from rolloutctl.outside.wire import plainly
from rolloutctl.rules.host import Event

_BUILD = 60.0  # seconds for artisan config:cache, where nobody says otherwise


class LongWork:
    """`contracts.LongWork` over a session's conversation."""

    def __init__(self, talk: Conversation) -> None:
        self._talk = talk

    def enter(self, who: Mapping[str, Any], wait: float) -> tuple[Event, ...]:
        """Put up the sign that somebody is at work here; `wait` in seconds."""
        self._talk.queue("set", "WHO", plainly(json.dumps(who).encode()))
        return self._locking("enter", wait)

    def define(self, wait: float) -> tuple[Event, ...]:
        """Put the prepared `.env` in the place of the one that was read."""
        return self._locking("define", wait)

    def step(self, name: str, line: str, seconds: float) -> tuple[Event, ...]:
        """Run a shell line in the application's folder; what it says is told meanwhile."""
        named = json.dumps(name)[1:-1]
        fields = (plainly(named.encode()), plainly(line.encode()), str(math.ceil(seconds)))
        self._talk.put("step", ("\t".join(fields) + "\n").encode())
        return self._talk.ask("work", seconds=math.ceil(seconds) + SHORT)

    def forget(self, name: str, socket: str, seconds: float) -> tuple[Event, ...]:
        """Have php-fpm forget the old config cache, as a step."""
        return self.step(name, forget_line(self._talk.host.php, socket, seconds), seconds)

    def build(self, seconds: float) -> tuple[Event, ...]:
        """Build the config cache aside, by the code and the `.env` that stand now."""
        self._talk.queue("set", "HAS_BUILD", "1")
        self._talk.queue("set", "BUILD_LIMIT", str(math.ceil(seconds or _BUILD)))
        return self._talk.ask("build", seconds=seconds + 4 * SHORT)

    def swap(self, wait: float) -> tuple[Event, ...]:
        """Put what was built in the place of the config cache."""
        return self._locking("swap", wait)

    def leave(self) -> tuple[Event, ...]:
        """Take the sign down."""
        return self._talk.ask("leave")

    def _locking(self, verb: str, wait: float) -> tuple[Event, ...]:
        return self._talk.ask(verb, str(math.ceil(wait)), seconds=wait + SHORT)
