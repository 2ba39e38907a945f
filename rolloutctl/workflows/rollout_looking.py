"""Everything that a rollout's next step depends on, looked up once: records, hosts, companies, other environments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct, field

from rolloutctl.contracts import Session
from rolloutctl.errors import ConfigurationError, RolloutctlError, Unreachable
from rolloutctl.rules.checklists import Checklist
from rolloutctl.rules.cohorts import Cohort, CohortProblem, cohort
from rolloutctl.rules.config import Environment, Flag
from rolloutctl.rules.flags import Audience, same_people
from rolloutctl.rules.outcomes import asked_in
from rolloutctl.rules.populations import Population, read_population
from rolloutctl.rules.records import Record
from rolloutctl.rules.requests import describe, requests_for
from rolloutctl.rules.rollout_gates import (
    Evidence,
    Gate,
    Verdict,
    at_the_end,
    gates_before,
    is_return,
    may_begin,
    next_phase,
    opens_at,
    phase_of,
)
from rolloutctl.rules.rollout_standing import Standing
from rolloutctl.rules.rollouts import CompanySource, Phase, Rollout
from rolloutctl.rules.ticks import Ticks, fold_ticks
from rolloutctl.rules.work import OVER, failures
from rolloutctl.workflows.gates import not_on
from rolloutctl.workflows.monitor import verdict_on
from rolloutctl.workflows.rollout_bench import Bench, bench
from rolloutctl.workflows.tools import Tools

_GATE_WORDS: Mapping[str, Verdict] = {"ok": "ok", "not enough data": "no data"}


class Look(Struct, frozen=True):
    """A rollout as it stands. `target` is the phase that is meant to come next; None where there is none."""

    rollout: Rollout
    environment: Environment
    flag: Flag
    now: datetime
    standing: Standing
    target: Phase | None
    gates: tuple[Gate, ...]  # none on a way back
    cohorts: Mapping[str, Cohort]  # by phase, of those that can be known
    trouble: str = ""  # why nobody knows which companies there are
    fault: str = ""  # why the checklist can't be read, where it is needed no more
    back: bool = False  # whether the target is the current phase, or one before it
    checklist: Checklist | None = None
    ticks: Ticks = field(default_factory=Ticks)
    seen: Audience | None = None  # who sees the feature; None where hosts differ
    lost: tuple[tuple[str, str], ...] = ()  # hosts that could not be reached, and why
    logs: Mapping[str, Sequence[Record]] = field(default_factory=dict)  # the flag's records, by host

    @property
    def opens(self) -> datetime | None:
        """When all gates could be open, on a day on which a phase may begin; None where time alone does not do it."""
        return self.begins(opens_at(self.gates))

    def begins(self, moment: datetime | None) -> datetime | None:
        """The first moment from this one on at which the target may begin."""
        if moment is None or self.target is None:
            return None
        return may_begin(self.rollout, self.environment, self.target, moment)


def look(rollout: Rollout, tools: Tools, *, to: str | None = None) -> Look:
    """Look at a rollout on its way to the phase `to`, else to the next one. Changes nothing.

    Raises:
        Unreachable: no host can be reached.
        ConfigurationError: the checklist's file is missing or wrong.
    """
    flag, source = tools.configuration.flag(rollout.flag), rollout.companies
    checklist, faulty = _checklist(rollout, tools)
    with bench(rollout, tools, content=bool(source and source.run)) as opened:
        population, trouble = _companies(source, opened, tools)
        ill = _ill(opened)
    standing = opened.standing
    if faulty and standing.stay is None:
        raise faulty
    target = phase_of(rollout, to) if to else next_phase(rollout, standing)
    cohorts, unlisted = _cohorts(rollout, standing, population, trouble)
    back = target is not None and is_return(rollout, standing, target, cohorts.get(target.name))
    seen, disagreeing = _seen(opened, flag)
    ticks = fold_ticks(standing.checks)
    evidence = Evidence(
        now=tools.clock.now(),
        seen=seen,
        disagreeing=disagreeing,
        ill=ill,
        asks_health=opened.environment.health is not None,
        on_in={} if back else _on_in(rollout, opened.environment, standing, target, tools),
        progress=ticks.progress(checklist.items) if checklist else None,
        unlisted=unlisted.get(target.name, "") if target else "",
        metrics=_metrics(rollout, opened.environment, standing, tools),
    )
    gates = gates_before(rollout, opened.environment, standing, target, evidence) if target and not back else ()
    return Look(
        rollout=rollout,
        environment=opened.environment,
        flag=flag,
        now=evidence.now,
        standing=standing,
        target=target,
        gates=gates if target else at_the_end(rollout, standing, evidence),
        cohorts=cohorts,
        trouble=trouble,
        fault=faulty.message if faulty else "",
        back=back,
        checklist=checklist,
        ticks=ticks,
        seen=seen,
        lost=tuple((name, error.message) for name, error in opened.lost.items()),
        logs=opened.logs,
    )


def _checklist(rollout: Rollout, tools: Tools) -> tuple[Checklist | None, ConfigurationError | None]:
    """The checklist, or its fault: once the rollout has begun, no step waits for it."""
    asked = rollout.validate.checklist if rollout.validate else None
    try:
        return (tools.files.checklist(asked) if asked else None), None
    except ConfigurationError as error:
        return None, error


def _companies(source: CompanySource | None, opened: Bench, tools: Tools) -> tuple[Population | None, str]:
    """The companies, or why nobody knows them. Nothing of a listing is repeated; why a command failed is."""
    if source is None:
        return None, ""
    where = source.file or "its command"
    try:
        if source.ids:
            return Population({company: 1 for company in source.ids}, weighted=False), ""
        text = tools.files.text(source.file) if source.file else _listed(source, opened)
        return read_population(text), ""
    except ValueError as error:
        return None, f"{where} lists no companies: {error}"
    except RolloutctlError as error:
        return None, error.message


def _listed(source: CompanySource, opened: Bench) -> str:
    """What the command prints on the first host.

    Raises:
        ValueError: the host can't be reached, or the command failed.
    """
    first = opened.environment.hosts[0].name
    if first not in opened.states:
        raise ValueError(f"{first} cannot be reached")
    ran = opened.fleet.sessions[first].run(source.run or "", source.timeout)
    if ran.lost:
        raise ValueError(f"what it says on {first} can't be read: {ran.lost}")
    if ran.status:
        said = "".join(f": {line}" for line in ran.trouble.strip().splitlines()[-1:])
        how = f"took longer than {source.timeout:g} s" if ran.status == OVER else f"ended with exit {ran.status}"
        raise ValueError(f"it {how} on {first}{said}")
    return ran.output


def _seen(opened: Bench, flag: Flag) -> tuple[Audience | None, tuple[str, ...]]:
    """Who sees the feature, and the hosts that say otherwise than the first, or other things in file and cache."""
    wrong, found = [], []
    for name, state in opened.states.items():
        audience = state.effective(flag) or state.in_file(flag)
        if audience is None:
            wrong.append(f"{name} can't say who sees it")
        elif not state.in_sync(flag):
            wrong.append(f"on {name} .env and config cache differ")
        else:
            found.append((name, audience))
    wrong += [f"on {name} {audience} sees it" for name, audience in found if not same_people(audience, found[0][1])]
    return (found[0][1] if found and not wrong else None), tuple(wrong)


def _ill(opened: Bench) -> tuple[str, ...]:
    """The hosts that are not well, or can't be asked."""

    def ask(session: Session) -> tuple[str, ...]:
        asked = requests_for(opened.environment, session.host, [], session.server, patient=False)
        wrong = failures(asked_in(session.ask(asked)) if asked else ())
        return tuple(f"{describe(each.id, {}, opened.environment)} answers {each}" for each in wrong)

    said: dict[str, tuple[str, ...]] = {
        name: (f"cannot be reached: {error.message}",) for name, error in opened.lost.items()
    }
    for name, answer in opened.fleet.each(ask, opened.states).items():
        said[name] = (f"was lost: {answer.message}",) if isinstance(answer, Unreachable) else answer
    return tuple(f"{name}: {problem}" for name, problems in said.items() for problem in problems)


def _on_in(
    rollout: Rollout, environment: Environment, standing: Standing, target: Phase | None, tools: Tools
) -> dict[str, str]:
    """The environments in which the flag has to be on, each with why it is not; nothing before a phase for nobody."""
    if target is None or target.audience == "nobody":
        return {}
    phase = phase_of(rollout, standing.phase)
    names = dict.fromkeys((*environment.requires, *(phase.gates.on_in if phase else ())))
    return {name: not_on(name, tools.configuration.flag(rollout.flag), tools) for name in names}


def _metrics(
    rollout: Rollout, environment: Environment, standing: Standing, tools: Tools
) -> dict[str, tuple[Verdict, str]]:
    """What this machine's samples say of the metrics that the current phase asks for; a warning lets nothing through.

    They are held against what was before the first phase in which anybody saw the feature, else before this one.
    """
    phase, stay = phase_of(rollout, standing.phase), standing.stay
    if phase is None or stay is None:
        return {}
    before = next((each.at for each in standing.stays if each.audience.enabled), stay.at)
    found: dict[str, tuple[Verdict, str]] = {}
    for name in phase.gates.metrics:
        said = verdict_on(tools.configuration.metrics[name], environment, before, tools)
        found[name] = (_GATE_WORDS.get(said.word, "fails"), said.told)
    return found


def _cohorts(
    rollout: Rollout, standing: Standing, population: Population | None, trouble: str
) -> tuple[dict[str, Cohort], dict[str, str]]:
    """Who would be in each phase, if it were entered now; and by phase, why nobody can tell."""
    excluded = rollout.companies.exclude if rollout.companies else ()
    kept: tuple[int, ...] = ()
    found: dict[str, Cohort] = {}
    unlisted: dict[str, str] = {}
    for phase in rollout.phases:
        kept = tuple({*kept, *standing.cohorts.get(phase.name, ())})
        try:
            found[phase.name] = cohort(
                rollout.flag, phase, population, pilots=rollout.pilots, exclude=excluded, keep=kept
            )
        except CohortProblem as problem:
            unlisted[phase.name] = trouble or str(problem).rstrip(".")
            continue
        kept = tuple({*kept, *found[phase.name].companies})
    return found, unlisted
