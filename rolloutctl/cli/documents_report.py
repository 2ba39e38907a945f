"""The JSON of report: keys are added, and never renamed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rolloutctl.cli.documents import Document
from rolloutctl.rules.incidents import Incident
from rolloutctl.rules.records import audience_fields
from rolloutctl.rules.reporting import Chapter, Chart, Deed, Story


def of_story(story: Story) -> Document:
    """The answer of report."""
    return {
        "report": {
            "flag": story.flag,
            "environment": story.environment,
            "hosts": list(story.hosts),
            "at": story.at.isoformat(),
            "zone": story.zone,
            "state": story.state,
            "seen": story.seen,
            "before": [_chapter(each) for each in story.before],
            "phases": [_chapter(each) for each in story.chapters],
            "changes": [_deed(each) for each in story.deeds],
            "incidents": [_incident(each) for each in story.incidents],
            "metrics": [_chart(each) for each in story.charts],
            "audit": [
                {"at": each.at.isoformat(), "by": each.actor, "what": each.what, "why": each.why}
                for each in story.audit
            ],
            "audit_lines": story.lines,
            "next": list(story.next),
            "troubles": list(story.troubles),
        }
    }


def _chapter(chapter: Chapter) -> Document:
    begin, end = chapter.planned or (None, None)
    return {
        "name": chapter.name,
        "kind": chapter.kind,
        "state": chapter.state.replace(" ", "_"),
        "who": chapter.who,
        "companies": len(chapter.cohort.companies) if chapter.cohort else None,
        "companies_of": chapter.cohort.population or None if chapter.cohort else None,
        "people": chapter.cohort.people if chapter.cohort else None,
        "people_of": chapter.cohort.people_in_all if chapter.cohort else None,
        "planned": {"begin": _moment(begin), "end": _moment(end)} if begin else None,
        "expected": _moment(chapter.expected),
        "slipped": chapter.slipped,
        "stays": [{"begin": _moment(each.begin), "end": _moment(each.end), "by": each.actor} for each in chapter.stays],
        "soak": chapter.soak,
        "soaked": round(chapter.soaked),
        "gates": [
            {"name": each.name, "stands": each.word.replace(" ", "_"), "evidence": each.evidence}
            for each in chapter.proofs
        ],
        "success": [
            {
                "metric": each.what,
                "target": each.target,
                "measured": each.measured,
                "verdict": each.verdict.replace(" ", "_"),
            }
            for each in chapter.goals
        ],
        "note": chapter.note,
    }


def _deed(each: Deed) -> Document:
    return {
        "id": each.id,
        "at": each.at.isoformat(),
        "by": each.actor,
        "from": audience_fields(each.before),
        "to": audience_fields(each.after),
        "outcome": each.outcome,
        "phase": each.phase or None,
        "reason": each.reason,
    }


def _incident(each: Incident) -> Document:
    return {
        "id": each.id,
        "severity": each.severity,
        "symptom": each.symptom,
        "affected": each.affected,
        "detected": each.detected.isoformat(),
        "opened": each.opened.isoformat(),
        "by": each.actor,
        "decision": each.decision,
        "switched_off": _moment(each.switched_off),
        "recovered": _moment(each.recovered),
        "entries": [
            {"at": entry.at.isoformat(), "by": entry.actor, "what": entry.what, "note": entry.note}
            for entry in each.entries
        ],
    }


def _chart(chart: Chart) -> Document:
    """A metric, down-sampled as its plot has it."""
    metric, grid = chart.metric, chart.grid
    curves: list[dict[str, Any]] = [
        {
            "of": curve.name,
            "points": [
                {
                    "at": grid.middle(bucket.number).isoformat(),
                    "least": bucket.least,
                    "middle": bucket.middle,
                    "most": bucket.most,
                }
                for bucket in curve.buckets
            ],
        }
        for curve in chart.curves
    ]
    return {
        "name": metric.name,
        "unit": metric.unit,
        "limit": str(metric.limit) if metric.limit else None,
        "before": chart.baseline,
        "seconds": grid.seconds,
        "told": chart.told,
        "curves": curves,
    }


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
