"""What the record of a deployment, of a task, or of migrations that went back says, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rolloutctl.rules.deploys import short
from rolloutctl.rules.records import texts_in

_BACK = {
    "started": "migrations begin to go back",
    "finished": "migrations went back",
    "failed": "migrations failed to go back",
}


def deployed_in_words(fields: Mapping[str, Any]) -> str:
    """`deployment of develop finished: 0a1b2c3d4 is live, 2 migrations ran`."""
    ref, action = str(fields.get("ref") or ""), str(fields.get("action") or "")
    told = [f"{short(str(fields.get('commit')))} is live"] if fields.get("commit") else []
    if fields.get("step"):
        told.insert(0, f"{fields['step']} ({fields.get('cause')})")
    if texts_in(fields.get("rolled_back")):
        told.append(f"{len(texts_in(fields['rolled_back']))} of them")
    for name, word in (("migrated", "ran"), ("unfinished", "did not end")):
        count = len(texts_in(fields.get(name)))
        if count:
            told.append(f"{count} migration{'' if count == 1 else 's'} {word}")
    if fields.get("well") is False:
        told.append("not as it should be")
    named = f"deployment{f' of {ref}' if ref else ''} {action}"
    if fields.get("of") == "database":
        named = _BACK.get(action, f"migrations {action}")
    return named + (f": {', '.join(told)}" if told else "")


def ran_in_words(fields: Mapping[str, Any]) -> str:
    """`task sync-database finished`."""
    why = f": {fields['cause']}" if fields.get("cause") else ""
    return f"task {fields.get('task')} {fields.get('action')}{why}"
