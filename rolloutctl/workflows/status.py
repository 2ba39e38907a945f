"""status: for each flag and environment, who sees it: the file, the config cache and the live answer side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct, field

from rolloutctl.contracts import Session
from rolloutctl.errors import Unlisted, Unreachable
from rolloutctl.fleet import Fleet
from rolloutctl.rules.config import Environment, Flag
from rolloutctl.rules.flags import Audience
from rolloutctl.rules.history import Change, in_doubt, last_kept, of_environment
from rolloutctl.rules.host import HostState
from rolloutctl.rules.incidents import Incident, all_incidents_in
from rolloutctl.rules.outcomes import asked_in
from rolloutctl.rules.provisional import Provisional, provisional_in
from rolloutctl.rules.records import Record
from rolloutctl.rules.requests import HEALTH, requests_for
from rolloutctl.rules.rollout_log import standing
from rolloutctl.rules.rollout_standing import Stay
from rolloutctl.rules.schedules import GRACE, Schedule, is_overdue, pending, schedules_in
from rolloutctl.rules.work import Asked
from rolloutctl.workflows.side_by_side import side_by_side
from rolloutctl.workflows.tools import Tools


class FlagOnHost(Struct, frozen=True):
    """One flag on one host. `probes` are its probes' answers, judged by the audience that is effective."""

    name: str
    file: Audience | None  # None: phpdotenv can't say
    effective: Audience | None  # None: the config cache doesn't show it
    in_sync: bool
    probes: tuple[Asked, ...] = ()
    unfinished: bool = False  # what the host's newest change wrote may not be live

    @property
    def well(self) -> bool:
        """Whether file, cache and answers agree, and what was written last is live."""
        return not self.unfinished and self.in_sync and self.file is not None and all(asked.ok for asked in self.probes)


class HostStatus(Struct, frozen=True):
    """One host; `state` and `flags` are empty while it can't be reached."""

    name: str
    address: str
    error: str | None = None
    hint: str = ""
    state: HostState | None = None
    flags: Mapping[str, FlagOnHost] | None = None
    health: Asked | None = None  # None: nothing to ask

    @property
    def healthy(self) -> bool:
        """Whether the host answers, and its application says that it is well."""
        return self.error is None and (self.health is None or self.health.ok)


class EnvironmentStatus(Struct, frozen=True):
    """One environment: its hosts, its newest changes, and the ones that hosts ended differently."""

    environment: Environment
    hosts: tuple[HostStatus, ...]
    changes: tuple[Change, ...] = ()
    doubts: tuple[Change, ...] = ()
    error: str | None = None  # why nobody knows which hosts there are
    hint: str = ""
    stays: Mapping[str, tuple[Stay, float]] = field(
        default_factory=dict
    )  # by flag: its rollout's, and how long to soak
    incidents: tuple[Incident, ...] = ()  # the open ones, as far as the newest records tell
    scheduled: tuple[Schedule, ...] = ()  # what is to come, as far as the newest records tell
    overdue: tuple[Schedule, ...] = ()  # those that nobody has carried out in time

    @property
    def reachable(self) -> bool:
        """Whether every host answered."""
        return self.error is None and all(host.error is None for host in self.hosts)

    @property
    def asks_health(self) -> bool:
        """Whether environments.yaml has a health check that hosts can ask."""
        return self.environment.health is not None and self.environment.url is not None

    @property
    def healthy(self) -> bool:
        """Whether every host answers and says that it is well; one that could not be asked does not say so."""
        if self.error is not None or self.environment.unmet:
            return False
        return all(host.healthy and not (self.asks_health and host.health is None) for host in self.hosts)

    def seen(self, flag: str) -> Audience | None:
        """Who sees a flag's feature according to the first host that can say."""
        for host in self.hosts:
            on_host = (host.flags or {}).get(flag)
            if on_host is not None:
                return on_host.effective or on_host.file
        return None

    def consistent(self, flag: str) -> bool:
        """Whether all reachable hosts say the same, in file, cache and answers."""
        found = [host.flags[flag] for host in self.hosts if host.flags]
        audiences = {audience for each in found for audience in (each.file, each.effective or each.file)}
        return all(each.well for each in found) and len({_seen_by(a) for a in audiences}) <= 1

    @property
    def provisional(self) -> Provisional | None:
        """The change that waits to be confirmed."""
        return provisional_in({host.name: host.state for host in self.hosts if host.state})

    def last_change(self, flag: str) -> Change | None:
        """The newest change of a flag that stands."""
        return last_kept(self.changes, flag)

    @property
    def well(self) -> bool:
        """Whether nothing here needs a person: no drift or ill health, nothing interrupted, in doubt, unreachable."""
        flags = {name for host in self.hosts for name in host.flags or {}}
        interrupted = any(pending for host in self.hosts if host.state for pending in host.state.pending)
        waits = bool(self.doubts or interrupted or self.overdue)
        return self.healthy and not waits and all(self.consistent(name) for name in flags)


def status(environments: Iterable[Environment], flags: Iterable[Flag], tools: Tools) -> tuple[EnvironmentStatus, ...]:
    """Look at all environments at once; a host that can't be reached is a row. Changes nothing."""
    shown = tuple(flags)
    wanted = [_with_hosts(environment, tools) for environment in environments]  # not by a thread, that a Ctrl-C misses
    return tuple(side_by_side(lambda each: _look(each, shown, tools), wanted))


def _with_hosts(environment: Environment, tools: Tools) -> Environment | EnvironmentStatus:
    try:
        return tools.with_hosts(environment)
    except Unlisted as error:
        return EnvironmentStatus(environment, (), error=error.message, hint=error.hint)


def _look(environment: Environment | EnvironmentStatus, flags: tuple[Flag, ...], tools: Tools) -> EnvironmentStatus:
    if isinstance(environment, EnvironmentStatus):
        return environment
    with Fleet(environment, tools.sessions, tools.clock) as fleet:
        lost = fleet.open(tools.configuration.flags.values(), content=False)
        seen = fleet.look(content=False)
        answers = _ask(fleet, seen, flags)
    hosts = []
    for host in environment.hosts:
        state = seen.get(host.name, lost.get(host.name))
        if isinstance(state, HostState):
            tools.mirror.saw(environment.name, host.name, state.records)
            hosts.append(_host_status(host.name, host.address, state, flags, answers.get(host.name, ())))
        else:
            error = state or Unreachable("was lost")
            hosts.append(HostStatus(host.name, host.address, error.message, error.hint))
    states = {name: state for name, state in seen.items() if isinstance(state, HostState)}
    changes = of_environment(states)
    logs = {name: state.records for name, state in states.items()}
    scheduled, now = _scheduled(environment, logs, flags), tools.clock.now()
    return EnvironmentStatus(
        environment,
        tuple(hosts),
        changes,
        in_doubt(changes),
        stays=_stays(environment, states, tools),
        incidents=tuple(each for each in all_incidents_in(logs, environment.name) if each.is_open),
        scheduled=scheduled,
        overdue=tuple(each for each in scheduled if is_overdue(each, now, GRACE)),
    )


def _stays(environment: Environment, states: Mapping[str, HostState], tools: Tools) -> dict[str, tuple[Stay, float]]:
    """The phases that rollouts are in here, as far as the newest records tell, and the seconds that each is to soak."""
    logs = {name: state.records for name, state in states.items()}
    found = {}
    for rollout in tools.configuration.rollouts.values():
        stay = standing(logs, flag=rollout.flag, environment=environment.name).stay
        if stay is not None and rollout.environment == environment.name:
            soaks = {phase.name: phase.soak for phase in rollout.phases}
            found[rollout.flag] = (stay, soaks.get(stay.phase, 0.0))
    return found


def _scheduled(
    environment: Environment, logs: Mapping[str, tuple[Record, ...]], flags: Iterable[Flag]
) -> tuple[Schedule, ...]:
    found = (each for flag in flags for each in schedules_in(logs, flag=flag.name, environment=environment.name))
    return pending(tuple(found))


def _ask(
    fleet: Fleet, seen: Mapping[str, HostState | Unreachable], flags: tuple[Flag, ...]
) -> dict[str, tuple[Asked, ...]]:
    """Health and probes, once each, judged by the audience that each host's cache means."""

    def one(session: Session) -> tuple[Asked, ...]:
        audiences = [(flag, _audience(seen[session.host.name], flag)) for flag in flags]
        asked = requests_for(fleet.environment, session.host, audiences, session.server, patient=False)
        return asked_in(session.ask(asked)) if asked else ()

    able = [name for name, state in seen.items() if isinstance(state, HostState) and state.live is not None]
    found = fleet.each(one, able)
    return {name: answer for name, answer in found.items() if not isinstance(answer, Unreachable)}


def _audience(state: HostState | Unreachable, flag: Flag) -> Audience | None:
    return (state.effective(flag) or state.in_file(flag)) if isinstance(state, HostState) else None


def _host_status(
    name: str, address: str, state: HostState, flags: tuple[Flag, ...], answers: tuple[Asked, ...]
) -> HostStatus:
    by_flag = {
        flag.name: FlagOnHost(
            flag.name,
            state.in_file(flag),
            state.effective(flag),
            state.in_sync(flag),
            tuple(asked for asked in answers if asked.id.rpartition(" ")[0] == flag.name),
            state.unfinished,
        )
        for flag in flags
    }
    health = next((asked for asked in answers if asked.id == HEALTH), None)
    return HostStatus(name, address, state=state, flags=by_flag, health=health)


def _seen_by(audience: Audience | None) -> Audience | None:
    """What counts for agreement: a list behind a flag that is off does not."""
    return audience if audience is None or audience.enabled else Audience(enabled=False)
