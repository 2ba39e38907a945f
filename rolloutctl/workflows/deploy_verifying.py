"""deploy, where a pipeline deploys: which commit is live on each host, and whether all is as it should be behind it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct, field

from rolloutctl.contracts import Session
from rolloutctl.errors import RolloutctlError, Unhealthy, Unreachable, UsageError
from rolloutctl.fleet import Fleet
from rolloutctl.rules.config import Environment, Flag
from rolloutctl.rules.deploy_plans import Facts, audiences_of, turned_on_by_a_build
from rolloutctl.rules.deploys import check_ref, is_commit, same_commit, short
from rolloutctl.rules.env_text import definitions
from rolloutctl.rules.flags import Audience
from rolloutctl.rules.host import HostState
from rolloutctl.rules.outcomes import asked_in
from rolloutctl.rules.requests import describe, requests_for
from rolloutctl.rules.rollout_standing import DEPLOY
from rolloutctl.rules.work import Asked, failures
from rolloutctl.workflows.at_work import marks_for, record_or_owe
from rolloutctl.workflows.deploy_looking import facts_of, opened_by_record, seen_by_somebody
from rolloutctl.workflows.looking import look_at
from rolloutctl.workflows.tools import Tools

_MOST = 10  # problems that a record takes
_A_COMMIT = re.compile("[0-9a-f]{7,64}")


class Refs(Protocol):
    """The clone beside environments.yaml, which knows what a branch or a tag means."""

    def commit_of(self, ref: str) -> str:
        """The commit that a ref means on the remote, else here; empty where git does not know."""


class VerifiedHost(Struct, frozen=True):
    """One host: what is live, and what its health check says; `error`: it can't be reached."""

    name: str
    commit: str = ""
    health: str = ""  # what was asked and answered; empty where there is nothing to ask
    well: bool = False
    error: str = ""


class Verification(Struct, frozen=True):
    """What was found; `flags` has by name who sees it, in words, and whether that is as it should be."""

    environment: Environment
    hosts: tuple[VerifiedHost, ...]
    flags: tuple[tuple[str, str, bool], ...]
    notes: tuple[str, ...] = ()
    error: RolloutctlError | None = None


class _Seen(Struct):
    """What one host told."""

    state: HostState
    facts: Facts = field(default_factory=Facts)
    asked: tuple[Asked, ...] = ()
    audiences: Mapping[str, Audience] = field(default_factory=dict)


class Request(Struct, frozen=True):
    """What is to be verified: that this is live (None: whatever is), and flags that may be on without a record."""

    environment: str
    ref: str | None = None
    keep_on: tuple[str, ...] = ()
    look_only: bool = False  # write no record of it


class _Problem(Struct, frozen=True):
    subject: str  # a host, a flag, or nothing
    what: str
    hint: str


def verify(request: Request, tools: Tools, refs: Refs) -> Verification:
    """Look what is live. Changes nothing but the log, where it is recorded.

    Raises:
        UsageError: nobody knows the ref.
        Unreachable: no host can be reached.
    """
    name = request.environment
    environment = tools.environment(name)
    wanted = _commit_of(request.ref, refs) if request.ref else ""
    flags = tuple(tools.configuration.flags.values())
    with Fleet(environment, tools.sessions, tools.clock) as fleet:
        away = fleet.open(flags)
        seen = {host: _Seen(state) for host, state in look_at(fleet, None, away, tools).items()}
        for host, error in away.items() if not seen else ():
            raise Unreachable(
                error.message,
                subject=f"{name} · {host}",
                state="Nobody knows what is live.",
                hint=error.hint or f"rolloutctl status {name}",
            )
        for host, told in fleet.each(lambda session: _ask(session, environment, flags, seen), seen).items():
            if isinstance(told, Unreachable):
                away[host] = told
        found = _Verifying(environment, flags, seen, away)
        asked = tuple(flag for flag in flags if flag.name not in request.keep_on)
        on = seen_by_somebody(asked, (each.audiences for each in seen.values()))
        opened = opened_by_record(fleet, on, name, tools, list(seen))
        problems = (*found.reach(), *found.commits(wanted), *found.health(), *found.flags_of(opened, request.keep_on))
        notes = () if request.look_only else _recorded(fleet, seen, request.ref or "", problems, tools)
    hosts = tuple(_host(environment, host.name, seen.get(host.name), away.get(host.name)) for host in environment.hosts)
    return Verification(environment, hosts, _flags(flags, seen, problems), notes, _error(environment, problems))


def _commit_of(ref: str, refs: Refs) -> str:
    found = ref if _A_COMMIT.fullmatch(check_ref(ref)) else refs.commit_of(ref)
    if not found:
        raise UsageError(
            f"The clone beside environments.yaml does not know {ref}.",
            subject=ref,
            state="Nothing was asked of any host.",
            hint="git fetch there, or name the commit.",
        )
    return found


def _ask(session: Session, environment: Environment, flags: Iterable[Flag], seen: Mapping[str, _Seen]) -> None:
    own = seen[session.host.name]
    own.facts = facts_of(session, environment, ())
    own.audiences = audiences_of(own.state, flags)
    wanted = requests_for(
        environment,
        session.host,
        [(flag, own.audiences.get(flag.name)) for flag in flags],
        session.server,
        patient=False,
    )
    own.asked = asked_in(session.ask(wanted)) if wanted else ()


class _Verifying(Struct, frozen=True):
    """What is not as it should be, by what was seen."""

    environment: Environment
    flags: tuple[Flag, ...]
    seen: Mapping[str, _Seen]
    away: Mapping[str, Unreachable]

    def reach(self) -> Iterator[_Problem]:
        for name, error in self.away.items():
            yield _Problem(name, f"{name} cannot be reached: {error.message}", error.hint)

    def commits(self, wanted: str) -> Iterator[_Problem]:
        found = {name: each.facts.commit for name, each in self.seen.items()}
        first = next(iter(found.values()))
        if not same_commit(list(found.values())):
            told = ", ".join(f"{name} {short(commit)}" for name, commit in found.items())
            why = "Hosts have different commits" if any(found.values()) else "Nobody knows which commit is live"
            yield _Problem("", f"{why}: {told}.", "Look at the pipeline; commit: below deploy: says what tells it.")
        elif wanted and not is_commit(first, wanted):
            yield _Problem("", f"{short(first)} is live, and not {short(wanted)}.", "Look at the pipeline.")

    def health(self) -> Iterator[_Problem]:
        names, where = {flag.name: flag for flag in self.flags}, self.environment
        for name, each in self.seen.items():
            for asked in failures(each.asked):
                what = describe(asked.id, names, where)
                yield _Problem(name, f"{name}: {what} answers {asked}.", f"rolloutctl status {where.name}")
            if where.url and where.health and not each.asked:
                silent = f"{name}: the application's php does not answer."
                yield _Problem(name, silent, f"rolloutctl doctor {where.name}")

    def flags_of(self, opened: Mapping[str, bool], keep_on: Collection[str]) -> Iterator[_Problem]:
        for flag in self.flags:
            off = f"rolloutctl toggle {self.environment.name} {flag.name} false"
            for name, each in self.seen.items():
                if each.state.content and not definitions(each.state.content, flag.key):
                    yield _Problem(flag.name, f"{flag.key} is not in .env of {name}.", off)
                if flag.name not in keep_on and turned_on_by_a_build(each.state, (flag,)):
                    waits = (
                        f"{flag.name} is off on {name}, and its .env has it on: a new config cache would switch it on."
                    )
                    yield _Problem(flag.name, waits, off)
            if not opened.get(flag.name, True):
                unasked = f"{flag.name} is on, and no record says that anybody opened it."
                yield _Problem(flag.name, unasked, f"{off}\nIf it is meant to be on: --keep-on {flag.name}")


def _error(environment: Environment, problems: Sequence[_Problem]) -> RolloutctlError | None:
    if not problems:
        return None
    first, *others = problems
    return Unhealthy(
        first.what,
        subject=environment.name,
        state="Nothing was changed." if not others else f"And {len(others)} more; nothing was changed.",
        hint=first.hint or f"rolloutctl status {environment.name}",
        details=tuple(each.what for each in others),
    )


def _recorded(
    fleet: Fleet, seen: Mapping[str, _Seen], ref: str, problems: Sequence[_Problem], tools: Tools
) -> tuple[str, ...]:
    """Which commit was seen live, and whether all was well: what a later rollback of the code begins with."""
    deployment, environment = tools.new_id(), fleet.environment

    def fields(name: str) -> dict[str, Any]:
        own = seen.get(name)
        return {
            "event": DEPLOY,
            "action": "verified",
            "deployment": deployment,
            "ref": ref,
            "commit": own.facts.commit if own else "",
            "well": not problems,
            "problems": [each.what for each in problems[:_MOST]],
        }

    states = {name: own.state for name, own in seen.items()}
    return record_or_owe(fleet, marks_for(environment, states, fields, tools), tools)


def _host(environment: Environment, name: str, own: _Seen | None, away: Unreachable | None) -> VerifiedHost:
    if own is None or away is not None:
        return VerifiedHost(name, error=away.message if away else "was lost")
    health = [f"{describe(asked.id, {}, environment)} {asked}" for asked in own.asked if asked.id == "health"]
    return VerifiedHost(name, own.facts.commit, "".join(health), not failures(own.asked))


def _flags(
    flags: Iterable[Flag], seen: Mapping[str, _Seen], problems: Sequence[_Problem]
) -> tuple[tuple[str, str, bool], ...]:
    odd = {each.subject for each in problems}
    found = []
    for flag in flags:
        audiences = {str(each.audiences[flag.name]) for each in seen.values() if flag.name in each.audiences}
        found.append((flag.name, " or ".join(sorted(audiences)) or "unknown", flag.name not in odd))
    return tuple(found)
