"""What the announcements of an incident, and of its end, tell."""

from __future__ import annotations

from typing import Any

from rolloutctl.rules.announced_words import moment, sentence
from rolloutctl.rules.announcements import Scene, named
from rolloutctl.rules.durations import in_words
from rolloutctl.rules.incidents import KEEP, NOTHING, SWITCH_OFF, Entry, Incident, newest_open
from rolloutctl.rules.redact import one_line

Facts = dict[str, Any]
_NOTES = 5


def incident_facts(scene: Scene) -> Facts:
    """Of the newest one that is open."""
    found = newest_open(scene.incidents)
    assert found is not None  # noqa: S101 - it is true, or nothing is said
    return _of_incident(found, scene) | {"next": _next(found, scene), "state": _state(found, scene)}


def _of_incident(found: Incident, scene: Scene) -> Facts:
    share = "nobody knows yet" if found.affected is None else f"{found.affected:g} % of those who use it"
    return {
        "severity": found.severity,
        "symptom": sentence(found.symptom or "Something is wrong with it"),
        "affected": share,
        "detected": moment(found.detected, scene),
        "opened": moment(found.opened, scene),
        "opened_by": one_line(found.actor),
    }


def _state(found: Incident, scene: Scene) -> str:
    """Whether somebody still sees it, by what the hosts show where they were asked, else by the records."""
    off = found.switched_off
    how = (
        f"{moment(off, scene)}, {in_words((off - found.detected).total_seconds())} after it was noticed" if off else ""
    )
    left = scene.others(lambda audience: audience.nobody)
    if off and not left:
        return f"Nobody sees it: it was switched off {how}"
    if off:
        return f"It was switched off {how}; but {named(left)}"
    if scene.audience is not None and scene.audience.nobody:
        return "Nobody sees it"
    if found.decision == NOTHING and not left:
        return "Nobody saw it when it was noticed"
    if found.decision == SWITCH_OFF:
        return "It is not off everywhere yet" + (f": {named(left)}" if left else "")
    return f"It stays on meanwhile, for {scene.audience}" if scene.audience else "It stays on meanwhile"


def _next(found: Incident, scene: Scene) -> list[str]:
    name, flag = scene.environment.name, scene.flag.name
    if found.decision != KEEP:
        fix = "The cause is looked for, and what mends it is tried elsewhere before it comes on again"
    else:
        off = f"`rolloutctl toggle {name} {flag} false`"
        fix = f"The cause is mended while it stays on; off for everybody is one command: {off}"
    return [fix, f"All that is known: `rolloutctl incident show {name}`", "You hear from us when it is over"]


def recovered_facts(scene: Scene) -> Facts:
    """Of the newest one, which is over."""
    found = scene.incidents[-1]
    over = found.recovered
    assert over is not None  # noqa: S101 - it is true, or nothing is said
    off = found.switched_off
    return _of_incident(found, scene) | {
        "recovered": moment(over, scene),
        "lasted": in_words((over - found.detected).total_seconds()),
        "switched_off": f"{moment(off, scene)}{_after(found)}" if off else None,
        "notes": [one_line(f"{entry.actor}: {entry.note}") for entry in found.entries if _is_note(entry)][-_NOTES:],
    }


def _after(found: Incident) -> str:
    """How long it took to switch it off."""
    off = found.switched_off
    return f", {in_words((off - found.detected).total_seconds())} after it was noticed" if off else ""


def _is_note(entry: Entry) -> bool:
    """Whether it says something that the rest does not."""
    return bool(entry.note) and entry.what.startswith(("incident noted", "incident recovered"))
