"""What an announcement tells: the facts that its template is filled with, each in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rolloutctl.rules.announced_incident import incident_facts, recovered_facts
from rolloutctl.rules.announced_way import Told, done_facts, expected, phase_facts
from rolloutctl.rules.announced_words import day_of, metric_in_words
from rolloutctl.rules.announcements import Scene, named
from rolloutctl.rules.channels import Kind
from rolloutctl.rules.config import Flag
from rolloutctl.rules.redact import one_line

Facts = dict[str, Any]


def facts_for(kind: Kind, scene: Scene, told: Told) -> Facts:
    """The facts for a kind of announcement that is true. What nobody knows is left out."""
    makers: Mapping[Kind, Callable[[Scene, Told], Facts]] = {
        "staging-ready": _staging,
        "production": _production,
        "phase": phase_facts,
        "incident": lambda scene, _told: incident_facts(scene),
        "recovered": lambda scene, _told: recovered_facts(scene),
        "done": done_facts,
    }
    found = _common(kind, scene) | makers[kind](scene, told)
    return {name: value for name, value in found.items() if value is not None}


def feature_in_words(flag: Flag) -> str:
    """What people call it, where environments.yaml says nothing else: `customer_portal` is the Customer portal."""
    words = flag.name.replace("_", " ").replace("-", " ").strip()
    return words[:1].upper() + words[1:]


def _common(kind: Kind, scene: Scene) -> Facts:
    page, off = _page(scene)
    url, health = scene.environment.url, scene.environment.health
    return {
        "kind": kind,
        "flag": scene.flag.name,
        "feature": feature_in_words(scene.flag),
        "description": one_line(scene.flag.description).rstrip("."),
        "environment": scene.environment.name,
        "page": page,
        "off_answer": off,
        "health_page": f"{url}{health.path}" if url and health else None,
        "companies_key": scene.flag.companies_key,
        "hosts": named(host.name for host in scene.environment.hosts),
        "who": str(scene.audience) if scene.audience is not None else _by_host(scene),
    }


def _page(scene: Scene) -> tuple[str | None, str | None]:
    """Where the feature is to be seen, and what it answers who does not see it."""
    url = scene.environment.url
    probe = next((each for each in scene.flag.probes if each.off and not each.always), None)
    if probe is None:
        return url, None
    return url and url + probe.path, " or ".join(map(str, probe.off))


def _by_host(scene: Scene) -> str:
    said = [f"{audience or 'unknown'} on {name}" for name, audience in scene.seen.items()]
    return "; ".join((*said, *(f"unknown on {name}" for name in scene.lost))) or "unknown"


def _staging(scene: Scene, told: Told) -> Facts:
    past = told.start is not None and told.start < scene.now.date()
    return {
        "checklist": [one_line(item) for item in told.checklist],
        "rollout_environment": told.rollout_environment or None,
        "signoffs": list(told.signoffs),
        "start": f"{'was' if past else 'is'} planned to begin on {day_of(told.start)}" if told.start else None,
    }


def _production(scene: Scene, told: Told) -> Facts:
    validate, signed = scene.rollout.validate if scene.rollout else None, scene.standing.validated
    given = [f"{role} signed it off on {day_of(mark.at.date())} ({mark.actor})" for role, mark in signed.items()]
    missing = [f"{role} has not signed yet" for role in (validate.signoffs if validate else ()) if role not in signed]
    return {
        "tried_in": validate.environment if validate else None,
        "signed": one_line(", ".join((*given, *missing))) or None,
        "watched": [metric_in_words(metric) for metric in told.metrics],
        "ahead": [expected(leg) for leg in told.legs if leg.ahead and leg.phase.audience != "nobody"],
    }
