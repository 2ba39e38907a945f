"""The JSON of monitor --once and --baseline: keys are added, and never renamed."""

from __future__ import annotations

from collections.abc import Sequence

from rolloutctl.cli.documents import Document
from rolloutctl.workflows.learning import Learnt
from rolloutctl.workflows.monitor import Round


def of_watch(round_: Round, learnt: Sequence[Learnt]) -> Document:
    """The newest round, and what was learnt before a change; nothing of that where it was not asked for."""
    units = {metric.name: metric.unit for metric in round_.metrics}
    return {
        "environment": round_.environment.name,
        "at": round_.at.isoformat(),
        "well": round_.well,
        "enough_data": round_.known,
        "metrics": [
            {
                "metric": verdict.metric,
                "host": verdict.host,
                "verdict": verdict.word.replace(" ", "_"),
                "value": verdict.now,
                "unit": units[verdict.metric],
                "baseline": verdict.baseline,
                "bound": verdict.bound,
                "beyond": verdict.beyond,
                "of": verdict.of,
                "told": verdict.told,
            }
            for verdict in round_.verdicts
        ],
        "unreachable": [{"name": lost.host, "error": lost.why} for lost in round_.lost],
        "notes": list(round_.told),
        **({"learnt": [_learnt(each) for each in learnt]} if learnt else {}),
    }


def _learnt(each: Learnt) -> Document:
    return {
        "metric": each.metric.name,
        "host": each.host,
        "samples": each.count,
        "baseline": each.told if each.count else None,
        "median": each.middle,
        "bound": each.bound,
        "beyond_limit": each.beyond,
        "missing": each.missing,
    }
