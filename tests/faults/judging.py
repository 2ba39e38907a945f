"""What a case came to: the state of every host, the record, the exit status and the words, against what is allowed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from tests.faults.stage import KEY, Stage
from tests.lab.host import LabHost
from tests.stories.traces import events_of, line_in

_COMMAND = re.compile(r"rolloutctl ((?:toggle|rollback|status|trust|audit)[^\n]*)")
_ENDINGS = {("old", 3): "refused", ("old", 4): "back", ("new", 0): "done"}


@dataclass(frozen=True, slots=True)
class Seen:
    """One host, as it stands: its `.env`, its config cache, and what php-fpm answers when it is asked."""

    env: str | None
    cached: bool
    status: int
    events: tuple[str, ...]
    restarts: int
    same_fpm: bool

    @property
    def audience(self) -> str:
        """`on` or `off` where the three agree."""
        known = {("true", True, 200): "on", ("false", False, 404): "off"}
        return known.get((self.env or "", self.cached, self.status), "mixed")


def look_at(stage: Stage) -> dict[str, Seen]:
    """Every host."""
    return {host.name: _seen(stage, host) for host in stage.lab.hosts}


def state_of(stage: Stage, hosts: dict[str, Seen]) -> str:
    """`old`, `new` or `split`."""
    new = "on" if stage.case.direction == "widen" else "off"
    audiences = {seen.audience for seen in hosts.values()}
    if audiences == {new}:
        return "new"
    return "old" if audiences == {"on", "off"} - {new} else "split"


def ending_of(stage: Stage, exit_status: int, hosts: dict[str, Seen]) -> str:
    """The word of the matrix for it; another where there is none."""
    state = state_of(stage, hosts)
    if exit_status < 0:
        return f"left-{state}"
    if exit_status == 5:
        return "person"
    return _ENDINGS.get((state, exit_status), f"{state} with exit {exit_status}")


def faults_in(stage: Stage, ending: str, hosts: dict[str, Seen]) -> list[str]:
    """What is wrong with an ending that is allowed; nothing where all is well."""
    return [*_in_the_record(stage, ending, hosts), *_in_php_fpm(stage, ending, hosts), *_in_the_words(stage, ending)]


def next_command(stage: Stage) -> tuple[str, ...]:
    """What the message tells the person to do; without one, or where it only looks, the same command again."""
    error = stage.client.document.get("error") or {}
    named = _COMMAND.search(error.get("hint", ""))
    words = tuple(shlex.split(named[1])) if named else ()
    return words if words[:1] in {("toggle",), ("rollback",)} else stage.words


def _seen(stage: Stage, host: LabHost) -> Seen:
    cache = host.cache_now.read_bytes()
    return Seen(
        env=line_in(host, KEY),
        cached=b"'customer_portal' => true" in cache,
        status=_portal(host),
        events=tuple(events_of(host)),
        restarts=host.restarts() - (stage.case.direction == "narrow"),
        same_fpm=host.fpm_pid() == stage.pids[host.name],
    )


def _portal(host: LabHost) -> int:
    try:
        return host.portal()
    except OSError:
        return 0


def _in_the_record(stage: Stage, ending: str, hosts: dict[str, Seen]) -> list[str]:
    """Each host's log tells how the change ended there; a switch-off without a log may owe it."""
    # An edit in the very moment of the swap is found behind "started": nothing was touched, and the log says both.
    refused = {"", "reverted"} if stage.case.kind == "somebody edits .env" else {""}
    last = {"done": {"kept"}, "back": {"reverted", ""}, "refused": refused}.get(ending)
    if last is None or stage.case.kind == "state's disk full":
        return []
    wrong = [f"{name}: its record says {seen.events}" for name, seen in hosts.items() if _last(seen) not in last]
    if ending == "back" and all(not seen.events for seen in hosts.values()):
        wrong.append("no host has a record of what was put back")
    if stage.case.direction == "narrow" and any(_last(seen) == "reverted" for seen in hosts.values()):
        wrong.append("a switch-off went back")  # one that somebody's edit overtook began anew
    return wrong


def _last(seen: Seen) -> str:
    return seen.events[-1] if seen.events else ""


def _in_php_fpm(stage: Stage, ending: str, hosts: dict[str, Seen]) -> list[str]:
    """Where nothing was begun, nothing is visible: php-fpm was not even restarted."""
    if ending not in {"refused", "back"} or stage.case.kind == "another release":  # a deployment restarts it
        return []
    return [
        f"{name}: php-fpm was restarted, and nothing was begun there"
        for name, seen in hosts.items()
        if not seen.events and seen.restarts
    ]


def _in_the_words(stage: Stage, ending: str) -> Sequence[str]:
    if ending not in {"back", "refused", "person"}:
        return ()
    error = stage.client.document.get("error")
    if not error:
        return ("no error in the answer",)
    missing = [f"its error has no {part}" for part in ("message", "state", "hint") if not error.get(part)]
    told = "\n".join((error["message"], error.get("state", ""), error.get("subject", ""), *error.get("details", ())))
    if stage.host.name not in told and stage.case.kind not in _CLIENTS:
        missing.append(f"{stage.host.name} is not named: {told!r}")
    return missing


_CLIENTS = {"client killed", "client told to end", "Ctrl-C", "terminal closed"}
