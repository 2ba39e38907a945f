"""doctor: one pass over each host, and a verdict on each thing that a change needs. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from rolloutctl.contracts import Session
from rolloutctl.errors import Unfit, Unlisted, Unreachable, WrongHostKey
from rolloutctl.fleet import Fleet
from rolloutctl.rules.config import Environment, Host
from rolloutctl.rules.diagnosis import diagnose, diagnose_lost
from rolloutctl.rules.diagnosis_environment import of_environment, of_unlisted
from rolloutctl.rules.examined import Examined, Facts, Moment, read_facts
from rolloutctl.rules.host import Event, HostState
from rolloutctl.rules.outcomes import asked_in
from rolloutctl.rules.requests import requests_for
from rolloutctl.rules.verdicts import Verdict, would_stop
from rolloutctl.workflows.side_by_side import side_by_side
from rolloutctl.workflows.tools import Tools


class HostDiagnosis(Struct, frozen=True):
    """The verdicts on one host, in the order of the checks."""

    name: str
    verdicts: tuple[Verdict, ...]

    @property
    def well(self) -> bool:
        """Whether nothing here would stop a change."""
        return not would_stop(self.verdicts)


class Diagnosis(Struct, frozen=True):
    """The verdicts on one environment: its hosts', and its own."""

    environment: Environment
    hosts: tuple[HostDiagnosis, ...]
    verdicts: tuple[Verdict, ...]

    @property
    def well(self) -> bool:
        """Whether nothing would stop a change."""
        return all(host.well for host in self.hosts) and not would_stop(self.verdicts)


def doctor(environments: Iterable[Environment], tools: Tools) -> tuple[Diagnosis, ...]:
    """Examine all environments at once; a host that can't be reached has its verdicts too."""
    wanted = [_with_hosts(environment, tools) for environment in environments]  # not by a thread, that a Ctrl-C misses
    return tuple(side_by_side(lambda each: _examine_all(each, tools), wanted))


def _with_hosts(environment: Environment, tools: Tools) -> Environment | Diagnosis:
    try:
        return tools.with_hosts(environment)
    except Unlisted as error:
        flags = tools.configuration.flags.values()
        return Diagnosis(environment, (), (*of_unlisted(error), *of_environment(environment, flags, tools.clock.now())))


def _examine_all(environment: Environment | Diagnosis, tools: Tools) -> Diagnosis:
    if isinstance(environment, Diagnosis):
        return environment
    flags = tools.configuration.flags.values()
    clocks = _Clocks(tools)
    with Fleet(environment, tools.sessions, tools.clock, clocks.notice) as fleet:
        lost = fleet.open(flags)
        refused = _open_by_openssh(fleet, lost)
        found = fleet.each(lambda session: _examine(session, environment, clocks, tools))
    twins = _twins({name: each.state for name, each in found.items() if isinstance(each, Examined)})
    hosts = []
    for host in environment.hosts:
        seen = found.get(host.name, lost.get(host.name))
        if isinstance(seen, Examined):
            verdicts = diagnose(replace(seen, twin=twins.get(host.name, "")), refused.get(host.name))
        else:
            verdicts = diagnose_lost(seen or Unreachable("was lost"), host, environment.name)
        hosts.append(HostDiagnosis(host.name, verdicts))
    return Diagnosis(environment, tuple(hosts), of_environment(environment, flags, tools.clock.now()))


def _open_by_openssh(fleet: Fleet, lost: dict[str, Unreachable]) -> dict[str, Unreachable]:
    """Try the system's own ssh where paramiko gets no further; what paramiko said of the hosts that it reaches."""

    def reached(host: Host) -> bool:
        try:
            fleet.open_as(replace(host, connection="openssh"))
        except Unreachable:
            return False
        return True

    hosts = [
        host for host in fleet.environment.hosts if host.name in lost and _another_way_may_do(host, lost[host.name])
    ]
    found = side_by_side(reached, hosts)
    return {host.name: lost.pop(host.name) for host, is_open in zip(hosts, found, strict=True) if is_open}


def _another_way_may_do(host: Host, error: Unreachable) -> bool:
    if host.connection != "paramiko" or isinstance(error, Unfit):
        return False
    # OpenSSH can check what an authority has signed; an unknown, changed or revoked key stays so.
    return not isinstance(error, WrongHostKey) or error.verdict == "authority"


def _examine(session: Session, environment: Environment, clocks: _Clocks, tools: Tools) -> Examined:
    flags = tuple(tools.configuration.flags.values())
    state = session.look(content=True, records=50)
    clocks.asked[session.host.name] = tools.clock.now()
    facts = read_facts(session.examine())
    audiences = [(flag, state.effective(flag) or state.in_file(flag)) for flag in flags]
    requests = requests_for(environment, session.host, audiences, session.server, patient=False)
    answers = session.ask(requests) if requests and state.live is not None else ()
    return Examined(
        environment=environment,
        flags=flags,
        host=session.host,
        state=state,
        facts=facts,
        way=session.way,
        noise=session.noise,
        moment=clocks.moment(session.host.name, facts),
        answers=asked_in(answers),
    )


def _twins(states: Mapping[str, HostState]) -> dict[str, str]:
    """The hosts that are another one too, with its name."""
    places: dict[str, str] = {}
    firsts = {name: places.setdefault(state.place, name) for name, state in states.items()}
    return {name: first for name, first in firsts.items() if first != name}


class _Clocks:
    """When each host was asked for its time, and when it said it."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self.asked: dict[str, datetime] = {}
        self._told: dict[str, datetime] = {}

    def notice(self, host: str, event: Event) -> None:
        """An answer came."""
        if event.kind == "fact" and event.text(0) == "clock":
            self._told[host] = self._tools.clock.now()

    def moment(self, host: str, facts: Facts) -> Moment | None:
        """The host's time between those two; None where it told none."""
        said = facts.one("clock")
        if host not in self._told or not said.isdigit():
            return None
        return Moment(host=int(said), earliest=self.asked[host].timestamp(), latest=self._told[host].timestamp())
