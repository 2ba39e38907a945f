"""The JSON of monitor --once: keys are added, and never renamed."""

from __future__ import annotations

from rolloutctl.cli.documents import Document
from rolloutctl.workflows.monitor import Round


def of_round(round_: Round) -> Document:
    """The answer of monitor --once."""
    units = {metric.name: metric.unit for metric in round_.metrics}
    return {
        "environment": round_.environment.name,
        "at": round_.at.isoformat(),
        "well": round_.well,
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
    }
