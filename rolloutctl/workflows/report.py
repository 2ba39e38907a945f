"""report: the story of a rollout, out of the records of its hosts, its plan, and the samples of this machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from rolloutctl.errors import ConfigurationError, RolloutctlError, Unreachable
from rolloutctl.rules.checklists import Checklist
from rolloutctl.rules.config import Environment
from rolloutctl.rules.history import fold
from rolloutctl.rules.incidents import incidents_in
from rolloutctl.rules.metrics import Metric
from rolloutctl.rules.records import Record, read_record
from rolloutctl.rules.reporting import Leg, Story, deed, seen_by, stretches
from rolloutctl.rules.reporting_audit import audit_lines, endings_in
from rolloutctl.rules.reporting_study import Outline, Study, charts, study
from rolloutctl.rules.reporting_telling import Found, before, chapters, state_of
from rolloutctl.rules.reporting_words import people
from rolloutctl.rules.rollout_dates import told
from rolloutctl.rules.rollout_gates import next_phase, phase_of
from rolloutctl.rules.rollout_log import is_of, standing
from rolloutctl.rules.rollout_standing import moment_of
from rolloutctl.rules.rollouts import Rollout
from rolloutctl.rules.ticks import fold_ticks
from rolloutctl.workflows.monitor import metrics_of
from rolloutctl.workflows.rollout import Report, report, rows
from rolloutctl.workflows.rollout_looking import Look
from rolloutctl.workflows.tools import Tools

LINES = 40  # of the audit log that a report shows


def tell(flag: str, tools: Tools, *, lines: int = LINES) -> Story:
    """The story of the rollout of a flag, up to now. Changes nothing.

    Where no host can be reached it is told by what this machine has seen of their records.

    Raises:
        UsageError: no rollout of it is planned.
        Unreachable: no host can be reached, and this machine has seen nothing of them.
    """
    rollout = tools.configuration.rollout(flag)
    try:
        known = report(flag, tools)
    except Unreachable as error:
        seen = _as_seen(rollout, error, tools)
        if seen is None:
            raise
        return story_of(seen[0], tools, seen[1], lines=lines)
    return story_of(known, tools, _troubles(known.look), lines=lines)


def story_of(known: Report, tools: Tools, troubles: tuple[str, ...] = (), *, lines: int = LINES) -> Story:
    """The story, once it is known where the rollout stands; `troubles` is what could not be found out of that."""
    look = known.look
    now, logs = look.now, look.logs
    outline = _outline(look)
    metrics = metrics_of(look.environment.name, tools)
    studies, unread = _studies(metrics, look.environment, outline, tools)
    found = Found(
        rollout=look.rollout,
        environment=look.environment,
        now=now,
        standing=look.standing,
        legs=tuple(_leg(known, number, now) for number in range(len(known.rows))),
        stays=outline.stays,
        gates=look.gates,
        incidents=incidents_in(logs, flag=look.flag.name, environment=look.environment.name),
        metrics=metrics,
        studies=studies,
        progress=look.ticks.progress(look.checklist.items) if look.checklist else None,
    )
    deeds = tuple(map(deed, fold(logs)))
    told_lines = audit_lines(logs)
    return Story(
        flag=look.flag.name,
        description=look.flag.description,
        environment=look.environment.name,
        hosts=tuple(host.name for host in look.environment.hosts),
        zone=look.rollout.zone,
        at=now,
        state=state_of(found),
        seen=_seen(look),
        chapters=chapters(found),
        before=before(found),
        deeds=deeds,
        watched=seen_by(deeds),
        incidents=found.incidents,
        charts=charts(studies, outline),
        audit=told_lines[:lines],
        lines=len(told_lines),
        next=known.next,
        troubles=(*troubles, *unread),
    )


def _troubles(look: Look) -> tuple[str, ...]:
    lost = [f"{name} cannot be reached: {why}" for name, why in look.lost]
    unknown = [f"How many companies a percentage means is not known: {look.trouble}"] if look.trouble else []
    fault = [f"The checklist can't be read: {look.fault}"] if look.fault else []
    return (*lost, *unknown, *fault)


def _as_seen(rollout: Rollout, error: Unreachable, tools: Tools) -> tuple[Report, tuple[str, ...]] | None:
    """Where it stood by the records that this machine has seen; None where it has seen none."""
    environment = tools.environment(rollout.environment)
    logs: dict[str, Sequence[Record]] = {}
    for host in environment.hosts:
        records = map(read_record, tools.mirror.seen(environment.name, host.name))
        logs[host.name] = [each for each in records if is_of(each, rollout.flag, environment.name)]
    moments = [moment_of(each.data) for log in logs.values() for each in log]
    if not moments:
        return None
    now = standing(logs, flag=rollout.flag, environment=environment.name)
    checklist, fault = _checklist(rollout, tools)
    look = Look(
        rollout=rollout,
        environment=environment,
        flag=tools.configuration.flag(rollout.flag),
        now=tools.clock.now(),
        standing=now,
        target=next_phase(rollout, now),
        gates=(),
        cohorts={},
        checklist=checklist,
        ticks=fold_ticks(now.checks),
        logs=logs,
    )
    trouble = f"No host can be reached ({error.message}): this is what this machine has seen of their records"
    troubles = (f"{trouble}, the newest from {told(max(moments))}.", *fault)
    return Report(look, rows(look), ()), troubles


def _checklist(rollout: Rollout, tools: Tools) -> tuple[Checklist | None, tuple[str, ...]]:
    asked = rollout.validate.checklist if rollout.validate else None
    try:
        return (tools.files.checklist(asked) if asked else None), ()
    except ConfigurationError as error:
        return None, (f"The checklist can't be read: {error.message}",)


def _outline(look: Look) -> Outline:
    now = look.standing
    stays = stretches(now, endings_in(look.logs))
    phases = {name: phase_of(look.rollout, name) for name in stays}
    return Outline(
        now=look.now,
        stays=stays,
        quiet=frozenset(name for name, phase in phases.items() if phase is not None and phase.audience == "nobody"),
        opened=min((stay.at for stay in (*now.earlier, *now.stays) if stay.audience.enabled), default=None),
    )


def _leg(found: Report, number: int, now: datetime) -> Leg:
    row = found.rows[number]
    return Leg(row.phase, row.state, row.stay, row.cohort, row.dates, row.stay.soak(now) if row.stay else 0.0)


def _seen(look: Look) -> str:
    if look.seen is not None:
        return people(look.seen)
    return "the hosts differ, or can't tell" if look.gates else "nobody can tell now"


def _studies(
    metrics: Sequence[Metric], environment: Environment, outline: Outline, tools: Tools
) -> tuple[tuple[Study, ...], tuple[str, ...]]:
    """What was measured, one metric on one host after the other: a month of them all would fill the memory."""
    found: list[Study] = []
    try:
        for metric, host in _places(metrics, environment):
            samples = tools.samples.of(metric.name, environment.name, host, outline.since, outline.now)
            found.append(study(metric, host, samples, outline))
    except RolloutctlError as error:
        return tuple(found), (f"Not all samples could be read: {error.message}",)
    return tuple(found), tools.samples.told


def _places(metrics: Sequence[Metric], environment: Environment) -> Iterator[tuple[Metric, str | None]]:
    """Where each metric is measured; None is the operator's side."""
    hosts = [host.name for host in environment.hosts]
    for metric in metrics:
        for host in hosts if metric.hosts == "every" else hosts[:1] if metric.hosts == "first" else [None]:
            yield metric, host
