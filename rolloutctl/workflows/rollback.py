"""rollback: undo the newest change that is not undone yet; that flag's own keys only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise

from msgspec import Struct
from msgspec.structs import replace

from rolloutctl.contracts import Desk
from rolloutctl.errors import Refused, Unlisted, Unreachable, UsageError
from rolloutctl.fleet import Fleet
from rolloutctl.rules.config import Environment, Flag
from rolloutctl.rules.history import PROVISIONAL, Change, of_environment
from rolloutctl.rules.host import HostState
from rolloutctl.rules.plans import HostPlan, Plan, audience_after, changed_since, is_narrowing, plan_restore
from rolloutctl.rules.undoing import Wanted, found_in
from rolloutctl.workflows.change import carry_out
from rolloutctl.workflows.logs import read_back
from rolloutctl.workflows.toggle import nothing_reached, standing_audience
from rolloutctl.workflows.tools import Done, Options, Tools
from rolloutctl.workflows.unconfirmed import take_back

_UNTOUCHED = "Nothing was changed on any host."


class Request(Struct, frozen=True):
    """What somebody wants undone: `to` is the id of the change after which all is to be undone."""

    environment: str | None = None
    flag: str | None = None
    to: str | None = None
    steps: int = 1
    force: bool = False
    reason: str = ""


class Found(Struct, frozen=True):
    """The changes that a request means, newest first, and where they were made."""

    fleet: Fleet  # its hosts are reached already
    changes: tuple[Change, ...]
    unasked: tuple[str, ...] = ()  # hosts that could not be asked whether they know a newer one, and why

    @property
    def environment(self) -> Environment:
        """Where they were made."""
        return self.fleet.environment

    def afresh(self, tools: Tools) -> Found:
        """The same with its hosts yet to be reached: somebody has taken time meanwhile, and much may have happened."""
        self.fleet.close()
        fleet = Fleet(self.environment, tools.sessions, tools.clock)
        fleet.give_up(self.fleet.given_up)
        return replace(self, fleet=fleet)


def find(request: Request, tools: Tools) -> Found:
    """The changes that the request means, newest first, and where they were made: `rollback` goes on from there.

    Without an environment it is the newest change anywhere.

    Raises:
        UsageError: there is no such change, flag or environment.
        Refused: nothing is left to undo, or no host could tell.
    """
    fleets: list[Fleet] = []
    kept = None
    try:
        found = _found(request, tools, fleets)
        kept = found.fleet
        return found
    finally:
        for fleet in fleets:
            if fleet is not kept:
                fleet.close()


def rollback(request: Request, found: Found, options: Options, tools: Tools, desk: Desk) -> Done:
    """Undo one flag's changes, the newest first, in one transaction; recorded as undoing the oldest of them.

    In the end no host is reached any more.

    Raises:
        Refused: somebody changed the flag's keys since, or a gate, a lock, a proof or the person said no.
    """
    environment, undone = found.environment, found.changes
    if undone[0].outcome == PROVISIONAL:
        found.fleet.close()
        return take_back(environment, undone[0], options, tools, desk)
    flag = tools.configuration.flag(undone[0].flag)
    change = tools.new_id()

    def make_plan(states: Mapping[str, HostState], lost: Mapping[str, Unreachable]) -> Plan:
        if not states:
            raise nothing_reached(environment, lost)
        ended = _as_they_ended(undone, states)
        if not request.force:
            _refuse_changed(flag, ended, states, environment)
        hosts = tuple(_host_plan(flag, ended, state) for state in states.values())
        afters = [audience_after(flag, host.new_env) for host in hosts]
        return Plan(
            change=change,
            environment=environment,
            flag=flag,
            target=afters[0],
            narrow=all(is_narrowing(after, [host]) for after, host in zip(afters, hosts, strict=True)),
            hosts=hosts,
            unreachable=tuple(lost),
            reason=request.reason,
            undoes=tuple(each.id for each in undone),
        )

    return carry_out(found.fleet, make_plan, options, tools, desk, hurry=undone[-1].before.nobody)


def _switch_off(request: Request) -> str:
    return f"rolloutctl toggle {request.environment} {request.flag or 'FLAG'} false"


def _found(request: Request, tools: Tools, fleets: list[Fleet]) -> Found:
    """What is found, and into `fleets` all with which somebody looked for it."""
    configuration = tools.configuration
    if request.flag is not None:
        configuration.flag(request.flag)
    named = request.environment
    environments = [configuration.environment(named)] if named else list(configuration.environments.values())
    found: list[tuple[Fleet, tuple[Change, ...]]] = []
    lost: list[str] = []
    for each in environments:
        try:
            environment = tools.with_hosts(each)
        except Unlisted as error:
            if named:
                error.hint += f"\nA switch-off takes the hosts that were listed last: {_switch_off(request)}"
                raise
            lost.append(f"{each.name}: {error.message}")
            continue
        fleets.append(fleet := Fleet(environment, tools.sessions, tools.clock))
        logs, missing = read_back(fleet, wanted := _wanted(request, each), tools)
        fleet.give_up(missing)  # what is to be taken back there nobody knows, and that is not the same as nothing
        lost.extend(f"{name}: {error.message}" for name, error in missing.items())
        if changes := found_in(logs, wanted):
            found.append((fleet, changes))
    if not found:
        raise _nothing_to_undo(request, lost)
    fleet, changes = max(found, key=lambda each: each[1][0].time)
    return Found(fleet, _chosen(request, changes, fleet.environment), tuple(lost))


def _wanted(request: Request, environment: Environment) -> Wanted:
    return Wanted(environment.name, request.flag, request.to, request.steps)


def _nothing_to_undo(request: Request, lost: Iterable[str]) -> Refused:
    return Refused(
        f"There is nothing to undo in {request.environment or 'any environment'}.",
        state=_UNTOUCHED,
        hint=f"rolloutctl audit {request.environment or ''}".strip(),
        details=tuple(lost),
    )


def _chosen(request: Request, changes: tuple[Change, ...], environment: Environment) -> tuple[Change, ...]:
    """The newest change and, of the same flag, those before it as far as the request goes.

    One that is provisional goes back alone.
    """
    if changes[0].outcome == PROVISIONAL:
        if request.to is not None or request.steps > 1:
            raise Refused(
                f"Change {changes[0].id} is provisional in {environment.name}: that one goes back first, alone.",
                subject=environment.name,
                state=_UNTOUCHED,
                hint=f"rolloutctl rollback {environment.name}",
            )
        return changes[:1]
    if request.to is not None:
        marked = next((change for change in changes if change.id == request.to), None)
        if marked is None:
            raise UsageError(
                f"There is no change {request.to} in {environment.name} that still stands.",
                subject=environment.name,
                state=_UNTOUCHED,
                hint=f"rolloutctl audit {environment.name}",
            )
        of_flag = [change for change in changes if change.flag == marked.flag]
        chosen = tuple(of_flag[: of_flag.index(marked)])
        if not chosen:
            raise Refused(
                f"{request.to} is the newest change of {marked.flag}; there is none since to undo.",
                subject=environment.name,
                state=_UNTOUCHED,
                hint=f"rolloutctl audit {environment.name} --flag {marked.flag}",
            )
        return chosen
    of_flag = [change for change in changes if change.flag == changes[0].flag]
    if request.steps > len(of_flag):
        raise Refused(
            f"Only {len(of_flag)} changes of {changes[0].flag} can be undone in {environment.name}.",
            subject=environment.name,
            state=_UNTOUCHED,
            hint=f"rolloutctl audit {environment.name} --flag {changes[0].flag}",
        )
    return tuple(of_flag[: request.steps])


def _host_plan(flag: Flag, undone: tuple[Change, ...], state: HostState) -> HostPlan:
    assert state.content is not None  # noqa: S101 - a change looks with content
    edits = [edit for change in undone for edit in reversed(_made_on(flag, change, state.name))]
    undo, new = plan_restore(edits, state.content)
    return HostPlan(state, standing_audience(flag, state), state.effective(flag), undo, new)


def _as_they_ended(undone: tuple[Change, ...], states: Mapping[str, HostState]) -> tuple[Change, ...]:
    """The changes with what the hosts tell now: one that was interrupted has been settled since it was found."""
    now = {change.id: change.ends for change in of_environment(states)}
    return tuple(replace(change, ends={**change.ends, **now.get(change.id, {})}) for change in undone)


def _made_on(flag: Flag, change: Change, host: str) -> tuple[Mapping[str, object], ...]:
    """A change's edits on a host; none where the host did not keep it, and of a rollback that was interrupted.

    Raises:
        Refused: the host's record names a key that is not the flag's, whose value nobody would want to see or set.
    """
    made = change.edits.get(host, ())
    others = sorted({str(edit["key"]) for edit in made} - set(flag.keys))
    if others:
        raise Refused(
            f"The record of {change.id} on {host} edits {', '.join(others)}, which {flag.name} does not have.",
            subject=host,
            state="Nothing was changed on any host.",
            hint=f"If environments.yaml gave {flag.name} other keys since: change it with toggle, which looks at no "
            f"record. If not, somebody has forged that record: rolloutctl audit {change.environment} --verify",
        )
    return made if change.ends.get(host) == "kept" and not change.undoes else ()


def _refuse_changed(
    flag: Flag, undone: tuple[Change, ...], states: Mapping[str, HostState], environment: Environment
) -> None:
    newest = undone[0]
    details = []
    for name, state in states.items():
        assert state.content is not None  # noqa: S101 - a change looks with content
        for key, left, stands in changed_since(_made_on(flag, newest, name), state.content):
            details.append(f"{name}  {key}: {newest.id} left {_shown(left)}, now it is {_shown(stands)}")
        for later, earlier in pairwise(undone):
            details.extend(
                f"{name}  {key}: was changed by hand between {earlier.id} and {later.id}"
                for key in _broken(_made_on(flag, earlier, name), _made_on(flag, later, name))
            )
    if details:
        raise Refused(
            f"Somebody changed {flag.name} since {newest.id}.",
            subject=environment.name,
            state=_UNTOUCHED,
            hint=f"To put back what stood before {newest.id} all the same: rolloutctl rollback {environment.name} "
            f"--flag {flag.name} --force",
            details=tuple(details),
        )


def _shown(value: str | None) -> str:
    return "not there" if value is None else value or "empty"


def _broken(earlier: tuple[Mapping[str, object], ...], later: tuple[Mapping[str, object], ...]) -> list[str]:
    """The keys that the later of two changes did not find as the earlier one left them."""
    left = {edit["key"]: edit["after"] for edit in earlier}
    return [str(edit["key"]) for edit in later if edit["key"] in left and edit["before"] != left[edit["key"]]]
