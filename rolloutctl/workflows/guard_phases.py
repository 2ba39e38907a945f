"""Whether the plan of a rollout wants its flag guarded now: `guard: true` in the phase that it is in."""

from __future__ import annotations

from rolloutctl.errors import Unreachable
from rolloutctl.fleet import Fleet
from rolloutctl.rules.config import Configuration
from rolloutctl.rules.rollout_gates import phase_of
from rolloutctl.rules.rollout_log import standing
from rolloutctl.rules.rollouts import Rollout


def rollout_that_guards(environment: str, flag: str | None, configuration: Configuration) -> Rollout | None:
    """The rollout of a flag in an environment, where its plan wants the flag guarded in some phase."""
    rollout = configuration.rollouts.get(flag) if flag else None
    if rollout is None or rollout.environment != environment or not any(phase.guard for phase in rollout.phases):
        return None
    return rollout


def guarded_phase(rollout: Rollout, fleet: Fleet) -> str | None:
    """The phase that the rollout is in, where its plan wants it guarded; empty for another; None: no host tells."""
    said = fleet.each(lambda session: session.records_of(rollout.flag))
    logs = {name: log for name, log in said.items() if not isinstance(log, Unreachable)}
    if not logs:
        return None
    stay = standing(logs, flag=rollout.flag, environment=rollout.environment).stay
    phase = phase_of(rollout, stay.phase) if stay else None
    return phase.name if phase is not None and phase.guard else ""
