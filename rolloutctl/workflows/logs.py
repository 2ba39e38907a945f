"""Reading the hosts' audit logs, and remembering what they showed."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rolloutctl.contracts import Session
from rolloutctl.errors import CutOff, Unreachable
from rolloutctl.fleet import Fleet
from rolloutctl.rules.records import Record
from rolloutctl.rules.undoing import Wanted, begins, too_short
from rolloutctl.workflows.tools import Tools

_NEWEST = 200  # records; a host says them in one line, and of many more, with their companies, none would hold them

_Records = tuple[Record, ...]


def read_logs(fleet: Fleet, tools: Tools) -> tuple[dict[str, _Records], dict[str, Unreachable]]:
    """Each host's whole log, the arbiter's first; and the hosts that could not be reached."""
    reading = _Reading(fleet, tools)
    reading.read(_all, tuple(reading.logs))
    return reading.logs, reading.lost


def read_back(fleet: Fleet, wanted: Wanted, tools: Tools) -> tuple[dict[str, _Records], dict[str, Unreachable]]:
    """Each host's log as far back as a rollback has to know it, the arbiter's first; and the hosts that were lost.

    A log of years is tens of megabytes, and what is undone stands near its end nearly always. Where it does not, the
    host searches its log, or sends all of it, in pieces.
    """
    reading = _Reading(fleet, tools, content=False)
    reading.read(_newest, tuple(reading.logs))
    whole = [name for name, records in reading.logs.items() if begins(records)]
    short = too_short(reading.logs, whole, wanted)
    if short:
        reading.read(_all_about(wanted.flag), short)
    return reading.logs, reading.lost


class _Reading:
    """What was read of each host so far, and the hosts that were lost."""

    def __init__(self, fleet: Fleet, tools: Tools, *, content: bool | None = None) -> None:
        self.lost = fleet.open(tools.configuration.flags.values(), content=content)
        self.logs: dict[str, _Records] = dict.fromkeys(fleet.sessions, ())
        self._fleet = fleet
        self._mirror = tools.mirror

    def read(self, how: Callable[[Session], _Records], names: Iterable[str]) -> None:
        """Read these hosts' logs, in the place of what was read of them; where the line is cut, over another one."""
        said = self._fleet.each(how, names)
        if cut := [name for name, records in said.items() if isinstance(records, CutOff)]:
            gone = self._fleet.renew(cut)
            said.update(gone)
            said.update(self._fleet.each(how, [name for name in cut if name not in gone]))
        for name, records in said.items():
            if isinstance(records, Unreachable):
                self.lost[name] = records
                del self.logs[name]
            else:
                self.logs[name] = records
                self._mirror.saw(self._fleet.environment.name, name, records)


def _newest(session: Session) -> _Records:
    return session.look(content=False, records=_NEWEST).records


def _all(session: Session) -> _Records:
    return session.log().records


def _all_about(flag: str | None) -> Callable[[Session], _Records]:
    """Back to the first line: all that a log says of a flag, or all of it."""
    return _all if flag is None else lambda session: session.records_of(flag)
