"""The gates between two phases of a rollout: each with its verdict, the evidence, and when it could pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Literal

from msgspec import Struct, field

from rolloutctl.rules.cohorts import Cohort
from rolloutctl.rules.config import Environment
from rolloutctl.rules.durations import in_days
from rolloutctl.rules.flags import Audience, same_people
from rolloutctl.rules.freeze import standing as frozen_by
from rolloutctl.rules.rollout_dates import is_start_day, next_start_day, told
from rolloutctl.rules.rollout_standing import Mark, Standing, soaked_at
from rolloutctl.rules.rollouts import Gates, Phase, Rollout
from rolloutctl.rules.ticks import Progress

_OFTEN = 100  # days and freezes that follow each other, after which nobody looks further
Verdict = Literal["ok", "fails", "no data"]


class Gate(Struct, frozen=True):
    """One gate as it stands. `opens`: the moment from which it passes by itself, where there is one."""

    name: str  # as `--override` has it
    verdict: Verdict
    evidence: str
    opens: datetime | None = None
    mend: str = ""  # the command, or the sentence, that opens it
    firm: bool = False  # nobody can pass it by

    @property
    def passed(self) -> bool:
        """Whether it lets the rollout through; no data is never a pass."""
        return self.verdict == "ok"


class Evidence(Struct, frozen=True):
    """What was found out about everything but the rollout's own records."""

    now: datetime
    seen: Audience | None = None  # who sees the feature, as the hosts agree; None: they don't
    disagreeing: tuple[str, ...] = ()  # hosts, in words
    ill: tuple[str, ...] = ()  # hosts that are not well, in words
    asks_health: bool = True
    on_in: Mapping[str, str] = field(default_factory=dict)  # by environment: why the flag is not on there; "" is on
    progress: Progress | None = None  # of the checklist; None where the plan has none
    unlisted: str = ""  # why nobody can tell which companies are in the target
    metrics: Mapping[str, tuple[Verdict, str]] = field(default_factory=dict)


def gates_before(
    rollout: Rollout, environment: Environment, now: Standing, target: Phase, evidence: Evidence
) -> tuple[Gate, ...]:
    """Every gate between where a rollout stands and a phase that lets more people see the feature."""
    own = _own(rollout, now)
    found: list[Gate] = []
    if now.stay is not None:
        found += [_as_the_phase_says(rollout, now, evidence), _hold(rollout, now), _soak(rollout, now, evidence.now)]
    if now.stay is None and evidence.progress is not None:
        found.append(_checklist(rollout, evidence.progress))
    found += _signoffs(rollout, now, own.signoffs)
    found += _on_in(rollout, evidence.on_in)
    for name in own.metrics:
        verdict, told = evidence.metrics.get(name, ("no data", "nothing measures it yet"))
        found.append(_metric(rollout.environment, name, verdict, told))
    found.append(_health(environment, evidence))
    found += _companies(evidence)
    if target.audience != "nobody":
        found += _day(rollout, evidence.now)
        found += _freeze(environment, evidence.now)
    return tuple(found)


def shut(gates: Iterable[Gate]) -> tuple[Gate, ...]:
    """The gates that hold a rollout back."""
    return tuple(gate for gate in gates if not gate.passed)


def opens_at(gates: Sequence[Gate]) -> datetime | None:
    """When all of them could be open; None where that does not depend on time alone, or they are."""
    closed = shut(gates)
    moments = [gate.opens for gate in closed if gate.opens is not None]
    return max(moments) if moments and len(moments) == len(closed) else None


def may_begin(rollout: Rollout, environment: Environment, target: Phase, moment: datetime) -> datetime:
    """The first moment from this one on that is neither on a day without starts nor in a freeze."""
    for _ in range(_OFTEN if target.audience != "nobody" else 0):
        moment = next_start_day(rollout, moment)
        freeze = frozen_by(environment.freeze, moment)
        if freeze is None:
            break
        moment = freeze.ends_after(moment)
    return moment


def is_return(rollout: Rollout, now: Standing, target: Phase, cohort: Cohort | None = None) -> bool:
    """Whether a phase is the current one, or one before it: no gate stands in that direction.

    Where the plan has the current phase no more, so is whatever has its audience (`cohort` is the target's), for that
    may be its new name, and a phase for nobody.
    """
    stay = now.stay
    if stay is None:
        return False
    if stay.phase in rollout.names:
        return rollout.names.index(target.name) <= rollout.names.index(stay.phase)
    return target.audience == "nobody" or same_people(stay.audience, audience_in(target, cohort))


def audience_in(phase: Phase, cohort: Cohort | None) -> Audience:
    """Who sees the feature in a phase; nobody, as long as nobody can tell which companies are in it."""
    if phase.audience is not None:
        return Audience(phase.audience == "everyone")
    companies = cohort.companies if cohort else phase.companies
    return Audience(bool(companies), companies)


def at_the_end(rollout: Rollout, now: Standing, evidence: Evidence) -> tuple[Gate, ...]:
    """What is to be known where no phase comes next: whether the hosts are as the last one has it."""
    return (_as_the_phase_says(rollout, now, evidence),) if now.stay and now.stay.phase in rollout.names else ()


def returning(rollout: Rollout, phase: str) -> str:
    """The command that brings the hosts to a phase that was begun before."""
    return f'rolloutctl rollout advance {rollout.flag} --to {phase} --reason "..."'


def renamed(rollout: Rollout, now: Standing, cohorts: Mapping[str, Cohort]) -> str:
    """What to do where the plan has the current phase no more: name the one that has its audience, if there is one."""
    audience = now.stay.audience if now.stay else None
    alike = [each.name for each in rollout.phases if audience_in(each, cohorts.get(each.name)) == audience]
    return f"Name the phase that it is in now: {returning(rollout, alike[0] if alike else 'PHASE')}"


def phase_of(rollout: Rollout, name: str) -> Phase | None:
    """The plan's phase of a name; None where the plan has it no more."""
    return next((phase for phase in rollout.phases if phase.name == name), None)


def next_phase(rollout: Rollout, now: Standing) -> Phase | None:
    """The phase that comes next: the first before the start, the last good one after an abort; None at the end."""
    if now.aborted is not None:
        return phase_of(rollout, now.good) or rollout.phases[0]
    if now.stay is None:
        return rollout.phases[0]
    if now.stay.phase not in rollout.names:
        return None
    following = rollout.phases[rollout.names.index(now.stay.phase) + 1 :]
    return following[0] if following else None


def _own(rollout: Rollout, now: Standing) -> Gates:
    """The gates that the plan puts behind the current phase; before the start, the validation's."""
    if now.stay is None:
        return Gates(signoffs=rollout.validate.signoffs if rollout.validate else ())
    phase = phase_of(rollout, now.stay.phase)
    return phase.gates if phase else Gates()


def _as_the_phase_says(rollout: Rollout, now: Standing, evidence: Evidence) -> Gate:
    stay = now.stay
    assert stay is not None  # noqa: S101 - asked only behind a start
    again = returning(rollout, stay.phase)
    if evidence.disagreeing:
        return Gate("drift", "fails", "; ".join(evidence.disagreeing), mend=again, firm=True)
    if evidence.seen is None or not same_people(evidence.seen, stay.audience):
        seen = "nobody can tell who sees it" if evidence.seen is None else f"seen by {evidence.seen}"
        by = now.departed
        who = f" since {by.fields.get('actor') or 'somebody'}'s change {by.id}" if by else ""
        apart = f"{seen}{who}; the phase {stay.phase} is for {stay.audience}"
        return Gate("drift", "fails", apart, mend=again, firm=True)
    return Gate("drift", "ok", f"every host is as {stay.phase} has it", firm=True)


def _hold(rollout: Rollout, now: Standing) -> Gate:
    if now.held is None:
        return Gate("hold", "ok", "nobody holds it")
    by = f"held by {now.held.actor}" + (f": {now.held.note}" if now.held.note else "")
    return Gate("hold", "fails", by, mend=f"rolloutctl rollout resume {rollout.flag}")


def _soak(rollout: Rollout, now: Standing, moment: datetime) -> Gate:
    stay = now.stay
    assert stay is not None  # noqa: S101 - as above
    phase = phase_of(rollout, stay.phase)
    wanted = phase.soak if phase else 0.0
    soaked = stay.soak(moment)
    if soaked >= wanted:
        return Gate("soak", "ok", f"{in_days(wanted)} passed" if wanted else "none asked for")
    left = f"{in_days(wanted - soaked)} of {in_days(wanted)} left"
    stands = "" if now.ticking else ", and its clock stands"
    return Gate("soak", "fails", left + stands, soaked_at(stay, wanted, moment), "It passes with time.")


def _signoffs(rollout: Rollout, now: Standing, roles: Sequence[str]) -> Iterator[Gate]:
    taken: dict[str, str] = {}
    for role in roles:
        mark = now.signed.get(role)
        mend = f"rolloutctl rollout signoff {rollout.flag} {role}"
        if mark is None:
            yield Gate(f"signoff-{role}", "fails", "missing", mend=mend)
            continue
        other = taken.setdefault(mark.actor, role)
        if other != role and not rollout.shared_roles:
            twice = f"{mark.actor} signed for {other} too, and one person counts once"
            yield Gate(f"signoff-{role}", "fails", twice, mend=mend)
        else:
            yield Gate(f"signoff-{role}", "ok", _signed(mark))


def _signed(mark: Mark) -> str:
    return f"{mark.actor}, {told(mark.at)}" + (f': "{mark.note}"' if mark.note else "")


def _checklist(rollout: Rollout, progress: Progress) -> Gate:
    mend = f"rolloutctl rollout checklist {rollout.flag}"
    passed = f"{progress.passed} of {progress.total} items passed"
    failed = f", {progress.failed} failed" if progress.failed else ""
    missing = f", {progress.required_open} required ones have not" if progress.required_open else ""
    return Gate("checklist", "ok" if progress.complete else "fails", passed + failed + missing, mend=mend)


def _on_in(rollout: Rollout, on_in: Mapping[str, str]) -> Iterator[Gate]:
    for name, why_not in on_in.items():
        mend = f"rolloutctl toggle {name} {rollout.flag} true"
        yield Gate(f"on-in-{name}", "fails" if why_not else "ok", why_not or f"on in {name}", mend=mend)


def _metric(environment: str, name: str, verdict: Verdict, evidence: str) -> Gate:
    return Gate(f"metric-{name}", verdict, evidence, mend=f"rolloutctl monitor {environment}")


def _health(environment: Environment, evidence: Evidence) -> Gate:
    if evidence.ill:
        mend = f"rolloutctl health {environment.name}"
        return Gate("health", "fails", "; ".join(evidence.ill), mend=mend, firm=True)
    fine = "every host is well" if evidence.asks_health else "no health check is configured"
    return Gate("health", "ok", fine, firm=True)


def _companies(evidence: Evidence) -> Iterator[Gate]:
    if evidence.unlisted:
        mend = "See companies: below this rollout in environments.yaml."
        yield Gate("companies", "fails", f"nobody can tell who is in it: {evidence.unlisted}", mend=mend, firm=True)


def _day(rollout: Rollout, moment: datetime) -> Iterator[Gate]:
    why_not = is_start_day(rollout, moment)
    if why_not:
        opens = next_start_day(rollout, moment)
        yield Gate("day", "fails", f"{why_not}, on which no phase begins", opens, "It passes with time.")


def _freeze(environment: Environment, moment: datetime) -> Iterator[Gate]:
    freeze = frozen_by(environment.freeze, moment)
    if freeze is not None:
        until = freeze.ends_after(moment)
        yield Gate(
            "freeze", "fails", f"{environment.name} is frozen until {told(until)}", until, "It passes with time."
        )
