"""A change of a flag that has a rollout, made beside it: said before anybody agrees."""

from __future__ import annotations

from rolloutctl.errors import Unreachable
from rolloutctl.fleet import Fleet
from rolloutctl.rules.flags import same_people
from rolloutctl.rules.plans import Plan
from rolloutctl.rules.rollout_log import standing
from rolloutctl.workflows.tools import Tools


def beside_rollout(fleet: Fleet, plan: Plan, tools: Tools) -> tuple[str, ...]:
    """What a change does to a running rollout of its flag, in words; nothing for the rollout's own.

    A switch-off asks no host for it: it goes by the newest records, which were read with everything else.
    """
    rollout = tools.configuration.rollouts.get(plan.flag.name)
    if rollout is None or plan.about or rollout.environment != plan.environment.name:
        return ()
    logs = {host.name: host.state.records for host in plan.hosts}
    if not plan.narrow:
        first = plan.hosts[0].name
        asked = fleet.each(lambda session: session.records_of(plan.flag.name), [first])
        logs.update({name: log for name, log in asked.items() if not isinstance(log, Unreachable)})
    stay = standing(logs, flag=plan.flag.name, environment=plan.environment.name).stay
    if stay is None or same_people(plan.target, stay.audience):
        return ()
    return (
        f"A rollout of {plan.flag.name} is in its phase {stay.phase}, for {stay.audience}: this departs from it,"
        f" and stops the clock of its soak. Its own way on: rolloutctl rollout status {plan.flag.name}",
    )
