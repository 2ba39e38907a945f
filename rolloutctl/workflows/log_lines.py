"""The newest entries of logs that a watch has counted, to be shown: only once it is known what in them is secret."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from rolloutctl.contracts import Session
from rolloutctl.fleet import Fleet
from rolloutctl.workflows.sampling_host import Answered, Found

_MOST = 20  # lines that are kept
_WAITING = 5  # entries of one host that wait to be shown


class LogLine(Struct, frozen=True):
    """One entry: when it was seen first, where, its level, and its message's first line without secrets."""

    at: datetime
    host: str
    level: str
    text: str


class LogLines:
    """Keeps entries back while the host's `.env` is not known, or is another one since it was read."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._lines: deque[LogLine] = deque(maxlen=_MOST)
        self._waiting: dict[str, deque[tuple[datetime, Found]]] = {}
        self._stale: set[str] = set()

    def add(self, host: str, at: datetime, answer: Answered) -> None:
        """Take in what a round has found on a host; an entry that several metrics counted is one."""
        if answer.changed:
            self._stale.add(host)
        new = {found.entry.text: found for found in answer.found}
        if new:
            self._waiting.setdefault(host, deque(maxlen=_WAITING)).extend((at, found) for found in new.values())
            self._show(host)

    def forget(self, hosts: Iterable[str]) -> None:
        """These hosts have a new session: what is secret there is not known yet."""
        self._stale.update(hosts)

    def learn(self) -> None:
        """Read `.env` where entries wait for that."""
        waiting = [host for host, found in self._waiting.items() if found and host in self._fleet.sessions]
        if waiting:
            seen = self._fleet.each(_read, waiting)
            self._stale -= {host for host, known in seen.items() if known is True}
            for host in waiting:
                self._show(host)

    def shown(self) -> tuple[LogLine, ...]:
        """The lines, the newest last."""
        return tuple(self._lines)

    def _show(self, host: str) -> None:
        session = self._fleet.sessions.get(host)
        secrets = session.secrets if session is not None and host not in self._stale else None
        waiting = self._waiting[host]
        while secrets is not None and waiting:
            at, found = waiting.popleft()
            self._lines.append(LogLine(at, host, found.entry.level, found.entry.shown(secrets)))


def _read(session: Session) -> bool:
    """Whether it is known now what is secret on a host."""
    session.look(content=True, records=1)
    return session.secrets is not None
