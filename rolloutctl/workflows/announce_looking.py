"""What the hosts, the records and the plan tell of a feature that something is to be announced of. Changes nothing."""

from __future__ import annotations

from rolloutctl.rules.announced_way import Leg, Told
from rolloutctl.rules.announcements import Scene
from rolloutctl.rules.channels import Kind
from rolloutctl.rules.config import Flag
from rolloutctl.rules.flags import Audience
from rolloutctl.rules.host import HostState
from rolloutctl.rules.incidents import incidents_in
from rolloutctl.rules.rollout_log import standing
from rolloutctl.rules.rollout_standing import Standing
from rolloutctl.workflows.incidents import known_of
from rolloutctl.workflows.rollout import report
from rolloutctl.workflows.rollout_bench import host_bench
from rolloutctl.workflows.tools import Tools

_ON_THE_WAY: tuple[Kind, ...] = ("production", "phase", "done")  # what tells of the phases


def scene_of(flag: Flag, environment: str, tools: Tools) -> Scene:
    """What the hosts show and have recorded.

    Raises:
        Unreachable: no host can be reached.
    """
    rollout = tools.configuration.rollouts.get(flag.name)
    planned = rollout if rollout is not None and rollout.environment == environment else None
    with host_bench(environment, flag.name, tools) as opened:
        return Scene(
            flag=flag,
            environment=opened.environment,
            seen={name: _seen(state, flag) for name, state in opened.states.items()},
            lost={name: error.message.rstrip(".") for name, error in opened.lost.items()},
            rollout=planned,
            standing=standing(opened.logs, flag=flag.name, environment=environment) if planned else Standing(),
            incidents=incidents_in(known_of(opened.logs, environment, tools), flag=flag.name, environment=environment),
            now=tools.clock.now(),
        )


def told_of(kind: Kind, scene: Scene, tools: Tools) -> Told:
    """What the plan knows beside the scene."""
    rollout = tools.configuration.rollouts.get(scene.flag.name)
    metrics = [each for each in tools.configuration.metrics.values() if each.measured_in(scene.environment.name)]
    if kind == "staging-ready" and rollout is not None:
        validate = rollout.validate
        path = validate.checklist if validate else None
        return Told(
            checklist=tuple(item.what for item in tools.files.checklist(path).items) if path else (),
            rollout_environment=rollout.environment,
            start=rollout.start,
            signoffs=validate.signoffs if validate else (),
        )
    legs: tuple[Leg, ...] = ()
    if kind in _ON_THE_WAY and scene.rollout is not None:
        rows = report(scene.flag.name, tools).rows
        legs = tuple(Leg(row.phase, row.stay, row.cohort, row.dates, row.state == "ahead") for row in rows)
    return Told(legs=legs, metrics=tuple(metrics))


def _seen(state: HostState, flag: Flag) -> Audience | None:
    live = state.in_sync(flag) and not state.unfinished
    return (state.effective(flag) or state.in_file(flag)) if live else None
