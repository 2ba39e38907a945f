"""audit: who changed what, when and why, as all hosts and the operator's machine tell it; and whether it is whole."""

from __future__ import annotations

from msgspec import Struct

from rolloutctl.errors import Unlisted, Unreachable
from rolloutctl.fleet import Fleet
from rolloutctl.rules.config import Environment
from rolloutctl.rules.history import Change, fold
from rolloutctl.rules.records import Log, Record, lines_of, missing_from, verify
from rolloutctl.rules.rollout_log import marks_in
from rolloutctl.rules.rollout_standing import Mark
from rolloutctl.workflows.logs import read_logs
from rolloutctl.workflows.tools import Tools

_ALL_HOSTS = "hosts"  # stands for their names where nobody knows them


class Audited(Struct, frozen=True):
    """One environment's changes and marks, oldest first, their records, and the hosts that could not be asked."""

    environment: str
    changes: tuple[Change, ...]
    records: tuple[Record, ...]
    unreachable: tuple[tuple[str, str], ...] = ()
    reached: int = 0  # hosts that could be asked
    marks: tuple[Mark, ...] = ()  # what was said of rollouts


class Verified(Struct, frozen=True):
    """What one host's log is worth; `problem` says where it breaks, `note` what is no fault, `hint` what to do."""

    environment: str
    name: str
    records: int
    ok: bool
    problem: str | None = None
    note: str = ""
    hint: str = ""


def audit(environments: tuple[Environment, ...], flag: str | None, tools: Tools) -> tuple[Audited, ...]:
    """The changes of each environment; with `flag` only that flag's."""
    return tuple(_audited(environment, flag, tools) for environment in environments)


def verify_logs(environments: tuple[Environment, ...], tools: Tools) -> tuple[Verified, ...]:
    """Check every host's chain, and that it still holds all that this machine has ever seen of it."""
    return tuple(verdict for environment in environments for verdict in _verified(environment, tools))


def _audited(asked: Environment, flag: str | None, tools: Tools) -> Audited:
    try:
        environment = tools.with_hosts(asked)
    except Unlisted as error:
        return Audited(asked.name, (), (), ((_ALL_HOSTS, error.message),))
    with Fleet(environment, tools.sessions, tools.clock) as fleet:
        logs, lost = read_logs(fleet, tools)
    wanted = {name: tuple(r for r in log if flag in (None, r.flag)) for name, log in logs.items()}
    return Audited(
        environment.name,
        fold(wanted),
        tuple(record for log in wanted.values() for record in log),
        tuple((name, why.message) for name, why in lost.items()),
        len(logs),
        marks_in(record for log in wanted.values() for record in log),
    )


def _verified(asked: Environment, tools: Tools) -> list[Verified]:
    try:
        environment = tools.with_hosts(asked)
    except Unlisted as error:
        return [Verified(asked.name, _ALL_HOSTS, 0, ok=False, problem=error.message)]
    seen = {host.name: tools.mirror.seen(environment.name, host.name) for host in environment.hosts}
    with Fleet(environment, tools.sessions, tools.clock) as fleet:
        lost = fleet.open(tools.configuration.flags.values())
        logs = fleet.each(lambda session: session.log())
    verdicts = []
    for host in environment.hosts:
        log = logs.get(host.name, lost.get(host.name))
        if isinstance(log, Log):
            verdicts.append(_judged(environment.name, host.name, log, seen[host.name], tools))
        else:
            problem, hint = _unreached(log)
            verdicts.append(Verified(environment.name, host.name, 0, ok=False, problem=problem, hint=hint))
    return verdicts


def _unreached(error: Unreachable | None) -> tuple[str, str]:
    return (f"could not be reached: {error.message}", error.hint) if error else ("could not be reached", "")


def _judged(environment: str, name: str, log: Log, seen: tuple[str, ...], tools: Tools) -> Verified:
    count, problem = len(lines_of(log.text)), _problem(log, seen)
    if problem is not None:
        hint = (
            f"Something other than rolloutctl changed the log of {name}. Keep a copy of audit.jsonl and audit.head from"
            f" there, and compare it with what this machine has seen: {tools.mirror.place(environment, name)}"
        )
        return Verified(environment, name, count, ok=False, problem=problem, hint=hint)
    note = "no audit.head yet: the next change writes it" if count and not log.head else ""
    return Verified(environment, name, count, ok=True, note=note)


def _problem(log: Log, seen: tuple[str, ...]) -> str | None:
    fault = verify(log)
    if fault is not None:
        return f"line {fault.line} {fault.problem}"
    missing = missing_from(lines_of(log.text), seen)
    if missing:
        first = missing[0]
        return f"{len(missing)} records that this machine has seen are gone; the first: {first.change} {first.event}"
    return None
