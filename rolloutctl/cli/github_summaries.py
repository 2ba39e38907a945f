"""What each command tells GitHub of its end: what changed, host by host, and what is not as it should be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rolloutctl.cli import words
from rolloutctl.cli.github import Problem, Summary, problem_of
from rolloutctl.cli.invocation import Invocation
from rolloutctl.cli.remarks import remarks
from rolloutctl.errors import RolloutctlError
from rolloutctl.rules.config import Flag
from rolloutctl.workflows.due import Attempt, Report
from rolloutctl.workflows.monitor import Round
from rolloutctl.workflows.status import EnvironmentStatus, HostStatus
from rolloutctl.workflows.tools import Done


def of_change(done: Done) -> Summary:
    """A toggle, a rollback, a confirmation."""
    plan = done.plan
    where = f"{plan.environment.name} · {plan.flag.name}"
    title = where if done.error else f"{words.sees(plan.target)} {plan.flag.name} in {plan.environment.name}"
    told = f"{plan.before} → {plan.target}: {done.result.replace('_', ' ')}, change {plan.change}"
    told += f", after {done.seconds:.1f} s" if done.seconds else ""
    rows = [
        (host.name, host.result, "; ".join(f"{step}: exit {status}" for step, status, _ in host.failed))
        for host in done.hosts
    ]
    problems = [problem_of(done.error, where)] if done.error else []
    problems += [Problem(where, note, level="warning") for note in done.notes]
    reason = f"Reason: {plan.reason}" if plan.reason else ""
    return Summary(title, (told, reason), ("host", "result", "what failed"), tuple(rows), tuple(problems))


def of_status(found: Sequence[EnvironmentStatus], flags: Mapping[str, Flag], *, checked: bool) -> Summary:
    """Who sees what; `checked`: whether what is odd makes the command fail."""
    rows = [
        (
            each.environment.name,
            flag,
            str(each.seen(flag) or "unknown"),
            "" if each.consistent(flag) else "hosts differ",
        )
        for each in found
        for flag in flags
    ]
    told = tuple(f"{each.environment.name}: {_health(each)}" for each in found)
    problems = tuple(_remarked(found, flags, checked=checked))
    return Summary("Status", told, ("environment", "flag", "who sees it", ""), tuple(rows), problems)


def of_health(found: Sequence[EnvironmentStatus]) -> Summary:
    """Whether the application is well."""
    rows = [(each.environment.name, host.name, _said(host)) for each in found for host in each.hosts]
    ill = [Problem(each.environment.name, _health(each)) for each in found if not each.healthy]
    return Summary("Health", (), ("environment", "host", "health"), tuple(rows), tuple(ill))


def of_watch(last: Round, status: int) -> Summary:
    """The last round of a watch, which ended with this exit status."""
    name = last.environment.name
    rows = [(each.metric, each.host or "", each.word, each.told) for each in last.verdicts]
    where = {(each.metric, each.host): " · ".join(filter(None, (name, each.host))) for each in last.verdicts}
    problems = [
        Problem(where[each.metric, each.host], f"{each.metric}: {each.told}")
        for each in last.verdicts
        if each.word == "fail"
    ]
    problems += [Problem(f"{name} · {each.host}", each.why, level="warning") for each in last.lost]
    if status and not any(each.level == "error" for each in problems):
        problems.append(Problem(name, f"The watch ended with exit {status}.", f"rolloutctl monitor {name} --once"))
    return Summary(
        f"{name} · {words.counted(last.number, 'sample')}",
        (),
        ("metric", "host", "verdict", ""),
        tuple(rows),
        tuple(problems),
    )


def of_report(report: Report) -> Iterator[Summary]:
    """What was due: a summary for each, and none where nothing was."""
    yield from map(_attempt, report.attempts)
    for name, error in report.unasked:
        yield Summary(f"{name} · what is due", problems=(problem_of(error, name),))


def of_error(error: RolloutctlError, invocation: Invocation) -> Summary:
    """A command that ended before it had anything to show."""
    return Summary(words.command(*filter(None, [invocation.command])), problems=(problem_of(error),))


def _attempt(attempt: Attempt) -> Summary:
    if attempt.done is not None:
        return of_change(attempt.done)
    schedule = attempt.schedule
    where = f"{schedule.environment} · {schedule.flag}"
    problems = (problem_of(attempt.error, where),) if attempt.error else ()
    return Summary(f"{where} · due", (f"{schedule.id}: {attempt.result}", *attempt.notes), problems=problems)


def _remarked(found: Sequence[EnvironmentStatus], flags: Mapping[str, Flag], *, checked: bool) -> Iterator[Problem]:
    for each in found:
        level = "error" if checked and not each.well else "warning"
        urgent = [remark for remark in remarks(each, flags) if remark.urgent]
        for remark in urgent:
            yield Problem(remark.subject, remark.text, remark.help, level="error" if level == "error" else "warning")
        if level == "error" and not urgent:
            yield Problem(
                each.environment.name, "It is not as it should be.", f"rolloutctl status {each.environment.name}"
            )


def _health(found: EnvironmentStatus) -> str:
    if found.error is not None:
        return found.error
    ill = [f"{host.name}: {_said(host)}" for host in found.hosts if not host.healthy]
    return "; ".join(ill) or ("healthy" if found.healthy else "not asked")


def _said(host: HostStatus) -> str:
    if host.error is not None:
        return host.error
    return "nothing was asked" if host.health is None else f"{'healthy' if host.health.ok else 'ill'}: {host.health}"
