"""rollout status and plan: the phases with who is in them, when they began or may begin, and what comes next."""

from __future__ import annotations

from msgspec import Struct

from rolloutctl.rules.cohorts import Cohort, recorded_cohort
from rolloutctl.rules.flags import same_people
from rolloutctl.rules.rollout_dates import Forecast, told
from rolloutctl.rules.rollout_gates import renamed, returning, shut
from rolloutctl.rules.rollout_progress import State, progress
from rolloutctl.rules.rollout_standing import Stay
from rolloutctl.rules.rollouts import Phase
from rolloutctl.workflows.rollout_looking import Look, look
from rolloutctl.workflows.tools import Tools


class Row(Struct, frozen=True):
    """One phase. `stay` is the last stay in it, none while it is ahead; `cohort` who is in it, or would be now."""

    phase: Phase
    state: State
    stay: Stay | None
    cohort: Cohort | None
    dates: Forecast


class Report(Struct, frozen=True):
    """Where a rollout stands, phase by phase, and the commands that lead on."""

    look: Look
    rows: tuple[Row, ...]
    next: tuple[str, ...]  # commands and sentences, in the order in which they make sense


def report(flag: str, tools: Tools) -> Report:
    """Where the rollout of a flag stands. Changes nothing.

    Raises:
        UsageError: no rollout of it is planned.
        Unreachable: no host can be reached.
    """
    found = look(tools.configuration.rollout(flag), tools)
    return Report(found, rows(found), _next(found))


def rows(found: Look) -> tuple[Row, ...]:
    """The phases of the plan, each with how it stands."""
    phases = progress(found.rollout, found.standing, found.now)
    return tuple(
        Row(each.phase, each.state, each.stay, _cohort(each.phase, found, each.stay), each.dates) for each in phases
    )


def _cohort(phase: Phase, found: Look, stay: Stay | None) -> Cohort | None:
    """Who was let in when the phase was entered; before that, who would be now."""
    return recorded_cohort(stay.audience, stay.fields) if stay else found.cohorts.get(phase.name)


def _next(found: Look) -> tuple[str, ...]:
    """The one command to run now, or what has to come before it."""
    flag, now, target, closed = found.rollout.flag, found.standing, found.target, shut(found.gates)
    if now.stay is not None and now.stay.phase not in found.rollout.names:
        return (renamed(found.rollout, now, found.cohorts),)
    mends = [*dict.fromkeys(gate.mend for gate in closed if gate.firm or gate.mend.startswith("rolloutctl "))]
    if any(gate.name == "drift" for gate in closed):
        mends[1:1] = _as_it_is(found)  # behind the way back, which comes first
    if target is None:
        return tuple(mends)
    onward = f"rolloutctl rollout {'advance' if now.stay else 'start'} {flag}"
    times = [gate.opens for gate in closed if gate.opens]
    begins = found.begins(max(times)) if times else None
    return (*mends, f"From {told(begins)}: {onward}" if begins else f"Then: {onward}" if closed else onward)


def _as_it_is(found: Look) -> list[str]:
    """Somebody went back to what a phase before had: the command that takes the rollout there too."""
    now, names = found.standing, found.rollout.names
    before = (stay for stay in reversed(now.stays) if stay.phase in names and stay.phase != now.phase)
    alike = (stay.phase for stay in before if found.seen and same_people(found.seen, stay.audience))
    return [f"Or leave it as it is: {returning(found.rollout, name)}" for name in alike][:1]
