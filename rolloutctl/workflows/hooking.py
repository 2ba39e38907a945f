"""Hooks of a change: one before may refuse a widening; behind it they are told, and can only warn.

A narrowing asks none before: nothing may hold it up. What is done behind a change begins once the hosts are through.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from rolloutctl.errors import Refused
from rolloutctl.rules.change_fields import change_fields, error_fields
from rolloutctl.rules.plans import Plan
from rolloutctl.workflows.side_by_side import side_by_side
from rolloutctl.workflows.tools import Done, Tools

if TYPE_CHECKING:
    from rolloutctl.rules.hooks import Hook, Moment

_STANDS = frozenset({"kept", "provisional"})
_WENT_WRONG = frozenset({"reverted", "in_doubt"})


def check_hooks(plan: Plan, tools: Tools) -> None:
    """Ask the hooks before a widening, one after the other; none where companies are only taken away.

    Raises:
        Refused: one of them failed.
    """
    hooks = tools.configuration.hooks.get("before-change", ())
    for hook in hooks if not (plan.narrow or plan.takes_away) else ():
        document = _document("before-change", tools) | {"change": change_fields(plan, "planned", ()), "error": None}
        if why := tools.hooks(hook, document):
            raise Refused(
                f"{hook} does not let it through: {why}.",
                subject=plan.environment.name,
                state="Nothing was changed on any host.",
                hint="See hooks: before-change in environments.yaml. Switching off asks no hook.",
            )


def tell_hooks(done: Done, tools: Tools) -> Done:
    """Tell the hooks how a change ended; what went wrong with them are notes."""
    if not tools.configuration.hooks:
        return done
    told: dict[str, None] = {}
    try:
        for moment in _moments(done):
            told.update(dict.fromkeys(_told(moment, _of(done), tools)))
    except KeyboardInterrupt:  # the change is through: nobody has to wait for who is told of it
        told["Interrupted: not every hook was waited for."] = None
    return replace(done, notes=(*done.notes, *told)) if told else done


def tell_phase(done: Done, tools: Tools) -> Done:
    """Tell the hooks that a phase began for which no host had to be changed."""
    notes = _told("phase-changed", _of(done), tools)
    return replace(done, notes=(*done.notes, *notes))


def tell_guard(done: Done, reason: str, tools: Tools) -> tuple[str, ...]:
    """Tell the hooks that a guard has switched a flag off, and why. What went wrong with them, in words."""
    return _told("guard-fired", _of(done) | {"reason": reason}, tools)


def _moments(done: Done) -> list[Moment]:
    moments: list[Moment] = []
    if done.result in _STANDS:
        moments.append("after-change")
    if done.result in _WENT_WRONG or (moments and done.error is not None):
        moments.append("change-failed")
    if done.result == "kept" and done.plan.about:
        moments.append("phase-changed")
    return moments


def _told(moment: Moment, about: Mapping[str, Any], tools: Tools) -> tuple[str, ...]:
    hooks = tools.configuration.hooks.get(moment, ())
    document = {**_document(moment, tools), **about}

    def tell(hook: Hook) -> str:
        why = tools.hooks(hook, document)
        return f"{moment}: {hook} failed: {why}." if why else ""

    return tuple(filter(None, side_by_side(tell, hooks))) if hooks else ()


def _of(done: Done) -> dict[str, Any]:
    change = change_fields(done.plan, done.result, done.hosts)
    more = {"seconds": round(done.seconds, 3), "notes": list(done.notes), "rollout": dict(done.plan.about) or None}
    return {"change": change | more, "error": error_fields(done.error) if done.error else None}


def _document(moment: Moment, tools: Tools) -> dict[str, Any]:
    return {"hook": moment, **tools.origin_now().fields()}
