"""incident list, show, note and recovered: what the hosts have recorded of incidents, and what is said of one since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from rolloutctl.errors import Refused, Unlisted, UsageError
from rolloutctl.fleet import Fleet
from rolloutctl.rules.config import Environment
from rolloutctl.rules.incidents import NOTED, RECOVERED, Incident, all_incidents_in
from rolloutctl.rules.rollout_standing import INCIDENT
from rolloutctl.workflows.announcing import announce_recovered
from rolloutctl.workflows.incidents import known_of, logs_with
from rolloutctl.workflows.logs import read_logs
from rolloutctl.workflows.rollout_bench import HostBench, host_bench
from rolloutctl.workflows.tools import Tools

_UNSAID = "Nothing was recorded."


class Listed(Struct, frozen=True):
    """The incidents of an environment, oldest first, and the hosts that could not be asked, each with why."""

    environment: str
    incidents: tuple[Incident, ...] = ()
    lost: tuple[tuple[str, str], ...] = ()
    reached: int = 0


class Which(Struct, frozen=True):
    """The incident that is meant: by its id or its flag, else the newest open one where there is only one."""

    environment: str
    flag: str | None = None
    id: str | None = None


class Said(Struct, frozen=True):
    """The incident as it now stands, and what to know of the record."""

    incident: Incident
    notes: tuple[str, ...] = ()


def list_incidents(environments: Iterable[Environment], tools: Tools) -> tuple[Listed, ...]:
    """All incidents that the hosts of some environments have recorded; a host that can't be reached is named."""
    return tuple(_listed(environment, tools) for environment in environments)


def find_incident(listed: Listed, which: Which) -> Incident:
    """The incident that is meant; without an id the newest one, be it open or over.

    Raises:
        UsageError: there is none.
    """
    found = [each for each in listed.incidents if which.id in (None, each.id) and which.flag in (None, each.flag)]
    if not found:
        named = f" {which.id}" if which.id else f" of {which.flag}" if which.flag else ""
        raise UsageError(
            f"There is no incident{named} in {which.environment}.",
            subject=which.environment,
            state="Nothing was changed.",
            hint=f"rolloutctl incident list {which.environment}",
        )
    return found[-1]


def note(which: Which, text: str, tools: Tools) -> Said:
    """Say something of an incident that is open; with its id, also of one that is over.

    Raises:
        Refused: none is open, or no host can write it.
        UsageError: several are, and nothing says which; or there is none of that id.
    """
    with host_bench(which.environment, "", tools) as opened:
        meant = _open_one(opened, which)
        return _written(opened, meant, {"action": NOTED, "note": text})


def recovered(which: Which, text: str, tools: Tools) -> Said:
    """Say that an incident is over; that is announced where `automatic` says so.

    Raises:
        Refused: it is over already, none is open, or no host can write it.
        UsageError: several are open, and nothing says which; or there is none of that id.
    """
    with host_bench(which.environment, "", tools) as opened:
        meant = _open_one(opened, which)
        if not meant.is_open:
            raise Refused(
                f"The incident {meant.id} of {meant.flag} is over already.",
                subject=which.environment,
                state=_UNSAID,
                hint=f"rolloutctl incident show {which.environment} {meant.id}",
            )
        said = _written(opened, meant, {"action": RECOVERED, "note": text})
    return replace(said, notes=(*said.notes, *announce_recovered(said.incident, tools)))


def _listed(asked: Environment, tools: Tools) -> Listed:
    try:
        environment = tools.with_hosts(asked)
    except Unlisted as error:
        return Listed(asked.name, lost=(("hosts", error.message),))
    with Fleet(environment, tools.sessions, tools.clock) as fleet:
        logs, lost = read_logs(fleet, tools)
    found = all_incidents_in(known_of(logs, environment.name, tools), environment.name)
    return Listed(environment.name, found, tuple((name, why.message) for name, why in lost.items()), len(logs))


def _open_one(opened: HostBench, which: Which) -> Incident:
    known = known_of(opened.logs, which.environment, opened.tools)
    listed = Listed(which.environment, all_incidents_in(known, which.environment))
    if which.id is not None:
        return find_incident(listed, which)
    found = [each for each in listed.incidents if each.is_open and which.flag in (None, each.flag)]
    if not found:
        raise Refused(
            f"No incident{f' of {which.flag}' if which.flag else ''} is open in {which.environment}.",
            subject=which.environment,
            state=_UNSAID,
            hint=f"rolloutctl incident list {which.environment}",
        )
    if len(found) > 1:
        raise UsageError(
            f"{len(found)} incidents are open in {which.environment}: say which one.",
            subject=which.environment,
            state=_UNSAID,
            hint=_options(found),
        )
    return found[0]


def _options(found: Sequence[Incident]) -> str:
    """How to name each of some incidents: by its flag as far as that will do."""
    flags = [each.flag for each in found]
    names = (f"--flag {each.flag}" if flags.count(each.flag) == 1 else f"--id {each.id}" for each in found)
    return f"One of: {', '.join(names)}"


def _written(opened: HostBench, meant: Incident, said: Mapping[str, str]) -> Said:
    bench = replace(opened, flag=meant.flag)
    mark = bench.mark({"event": INCIDENT, "incident": meant.id, **said})
    notes = bench.record(mark)
    (now,) = (each for each in all_incidents_in(logs_with(opened, mark), meant.environment) if each.id == meant.id)
    return Said(now, notes)
