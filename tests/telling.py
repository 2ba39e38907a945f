"""The story of `tests/tale.py`, as `report` tells it where all hosts can be reached, and where none can."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from rolloutctl.contracts import Samples
from rolloutctl.rules.flags import Audience
from rolloutctl.rules.reporting import Story
from rolloutctl.rules.rollout_gates import Evidence, gates_before, phase_of
from rolloutctl.rules.rollout_log import standing
from rolloutctl.rules.ticks import fold_ticks
from rolloutctl.workflows.report import story_of
from rolloutctl.workflows.rollout import Report, rows
from rolloutctl.workflows.rollout_looking import Look
from tests.tale import FLAG, NOW, PLAN, Tale, five_weeks, tools


def told(folder: Path, tale: Tale | None = None, *, plan: str = PLAN, samples: Samples | None = None) -> Story:
    """The story, with every host reached; the records are folded and the gates judged as `report` does."""
    tale = tale or five_weeks()
    used = tools(folder, tale, plan=plan, samples=samples)
    rollout, flag = used.configuration.rollout(FLAG), used.configuration.flag(FLAG)
    environment = used.environment(rollout.environment)
    now = standing(tale.logs, flag=FLAG, environment=environment.name)
    checklist, ticks = used.files.checklist("checklist.yaml"), fold_ticks(now.checks)
    target = phase_of(rollout, "full")
    assert target is not None
    seen = now.stay.audience if now.stay else Audience(enabled=False)
    evidence = Evidence(now=NOW, seen=seen, progress=ticks.progress(checklist.items))
    look = Look(
        rollout=rollout,
        environment=environment,
        flag=flag,
        now=NOW,
        standing=now,
        target=target,
        gates=gates_before(rollout, environment, now, target, evidence),
        cohorts={},
        checklist=checklist,
        ticks=ticks,
        seen=seen,
        logs=tale.logs,
    )
    return story_of(Report(look, rows(look), ("rolloutctl rollout signoff customer_portal product",)), used)


@cache
def the_story() -> Story:
    """The story of the five weeks, made once: every test may look at it."""
    with TemporaryDirectory() as folder:
        return told(Path(folder))
