"""What is looked at before and behind a deployment: what is live, who sees what, what the application's log says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rolloutctl.contracts import Session
from rolloutctl.errors import Refused, Unreachable
from rolloutctl.fleet import Fleet
from rolloutctl.rules.config import Environment, Flag
from rolloutctl.rules.deploy_plans import Facts, facts_line, log_line, read_facts
from rolloutctl.rules.flags import Audience
from rolloutctl.rules.history import fold, last_kept
from rolloutctl.rules.log_entries import entries, matching
from rolloutctl.rules.records import Record
from rolloutctl.workflows.tools import Tools

_SHORT = 20.0  # seconds for a question that changes nothing


def facts_of(session: Session, environment: Environment, files: Sequence[str]) -> Facts:
    """Which commit is live on a host, and what its steps depend on; nothing is known where it does not say."""
    commit = environment.deploy.commit if environment.deploy else ""
    return read_facts(session.run(facts_line(commit, files), _SHORT).output, files)


def new_error(session: Session, before: Facts) -> str:
    """The newest error in the application's log that was not there before, without secrets; empty for none."""
    secrets = session.secrets
    if secrets is None:
        return ""
    found = matching(entries(session.run(log_line(before), _SHORT).output), "error")
    return found[-1].shown(secrets) if found else ""


def opened_by_record(
    fleet: Fleet, flags: Iterable[Flag], environment: str, tools: Tools, names: Iterable[str] | None = None
) -> dict[str, bool]:
    """Whether the records of hosts say that somebody opened a flag, and nobody closed it since; by flag."""
    found = {}
    wanted = list(fleet.sessions if names is None else names)
    for flag in flags:
        logs: dict[str, Sequence[Record]] = {}
        answers = fleet.each(lambda session: session.records_of(flag.name), wanted)  # noqa: B023 - called at once
        for name, log in answers.items():
            if not isinstance(log, Unreachable):
                tools.mirror.saw(environment, name, log)
                logs[name] = [record for record in log if record.data.get("environment") == environment]
        change = last_kept(fold(logs), flag.name)
        found[flag.name] = change is not None and not change.after.nobody
    return found


def seen_by_somebody(flags: Iterable[Flag], audiences: Iterable[Mapping[str, Audience]]) -> tuple[Flag, ...]:
    """The flags whose feature somebody sees on some host."""
    each = tuple(audiences)
    return tuple(flag for flag in flags if any(flag.name in of and not of[flag.name].nobody for of in each))


def lost(name: str, error: Unreachable, environment: str) -> Refused:
    """A host that is not there before anything was begun."""
    return Unreachable(
        f"{name} cannot be reached: {error.message}",
        subject=f"{environment} · {name}",
        state="Nothing was begun on any host.",
        hint=error.hint or f"rolloutctl status {environment}",
    )
