"""timeline: the whole way of a rollout with its days, by its plan and the records on its hosts."""

from __future__ import annotations

from msgspec import Struct

from rolloutctl.errors import Unreachable
from rolloutctl.rules.timeline import Timeline, timeline
from rolloutctl.workflows.rollout_bench import bench
from rolloutctl.workflows.tools import Tools


class Drawn(Struct, frozen=True):
    """The way, and the hosts that could not be asked, each with the reason."""

    timeline: Timeline
    lost: tuple[tuple[str, str], ...] = ()


def draw(flag: str, tools: Tools) -> Drawn:
    """The way of a flag's rollout. Changes nothing; where no host can be reached it is the plan alone.

    Raises:
        UsageError: no rollout of it is planned.
    """
    rollout = tools.configuration.rollout(flag)
    try:
        with bench(rollout, tools) as opened:
            now = tools.clock.now()
            lost = tuple((name, error.message) for name, error in opened.lost.items())
            return Drawn(timeline(rollout, opened.standing, now), lost)
    except Unreachable as error:
        return Drawn(timeline(rollout, None, tools.clock.now()), ((error.subject, error.message),))
