"""Reading the hosts' audit logs, and remembering what they showed."""

from __future__ import annotations

from rolloutctl.errors import Unreachable
from rolloutctl.fleet import Fleet
from rolloutctl.rules.records import Record
from rolloutctl.workflows.tools import Tools


def read_logs(fleet: Fleet, tools: Tools) -> tuple[dict[str, tuple[Record, ...]], dict[str, Unreachable]]:
    """Each host's whole log, the arbiter's first; and the hosts that could not be reached."""
    lost = fleet.open(tools.configuration.flags.values())
    logs: dict[str, tuple[Record, ...]] = {}
    for name, log in fleet.each(lambda session: session.log()).items():
        if isinstance(log, Unreachable):
            lost[name] = log
        else:
            logs[name] = log.records
            tools.mirror.saw(fleet.environment.name, name, logs[name])
    return logs, lost
