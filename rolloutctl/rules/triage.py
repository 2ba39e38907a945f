"""The decision tree for something that went wrong with a feature: how bad it is, whether to switch off, and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from rolloutctl.rules.incidents import KEEP, NOTHING, SWITCH_OFF, Decision, Severity
from rolloutctl.rules.triage_evidence import Measured, all_of, few, some_of, told_of

MANY: Final = 10.0  # percent of the feature's users; more than that, and it is switched off


class Suggestion(Struct, frozen=True):
    """A severity, and the measurement that suggests it."""

    severity: Severity
    why: str


class Verdict(Struct, frozen=True):
    """What the tree says: the decision, and why, in sentences."""

    decision: Decision
    why: tuple[str, ...]


def suggested(measured: Measured, flag: str) -> Suggestion | None:
    """How bad it is by what was measured alone; None where nothing that is measured is wrong."""
    return next(_suggestions(measured, flag), None)


def _suggestions(measured: Measured, flag: str) -> Iterator[Suggestion]:
    """The worst first."""
    ill, broken = measured.ill, measured.broken
    wrong = f"{flag} itself answers wrongly on"
    if ill and not measured.well:
        yield Suggestion("critical", f"Health fails on {all_of(len(ill))}: {told_of(ill)}.")
    if broken and len(broken) == len(measured.probed):
        yield Suggestion("critical", f"{wrong} {all_of(len(broken))}: {told_of(broken)}.")
    if broken:
        yield Suggestion("high", f"{wrong} {some_of(broken, measured)}: {told_of(broken)}.")
    if ill:
        yield Suggestion("high", f"Health fails on {some_of(ill, measured)}: {told_of(ill)}.")
    guards = [str(failing) for failing in measured.failing if failing.guard]
    if guards:
        yield Suggestion("high", f"A metric that guards the feature fails. {few(guards)}.")
    if measured.failing:
        yield Suggestion("medium", f"A metric fails that guards nothing. {few(map(str, measured.failing))}.")


def decide(severity: Severity, affected: float | None, measured: Measured, flag: str) -> Verdict:
    """What to do about it.

    Args:
        severity: how bad it is, as a person says, or as the measurement suggests.
        affected: percent of the feature's users; None: nobody knows.
        measured: what is known besides.
        flag: the feature.
    """
    if measured.audience is not None and measured.audience.nobody:
        return Verdict(NOTHING, _nobody_sees(flag, measured))
    if severity == "critical":
        return Verdict(
            SWITCH_OFF, (f"Critical: nobody can use {flag}. So it is switched off first, and looked into then.",)
        )
    if severity == "high":
        return _high(affected, measured, flag)
    if severity == "medium":
        why = f"Medium: people can go on working, so {flag} stays, and a hot-fix comes with the next deployment."
    else:
        why = f"Low: nobody is kept from anything, so {flag} stays, and it is mended with the next release."
    return Verdict(KEEP, (why,))


def _high(affected: float | None, measured: Measured, flag: str) -> Verdict:
    if affected is None:
        return Verdict(SWITCH_OFF, _unsure(measured, flag))
    share = f"{affected:g} % of its users are affected"
    if affected > MANY:
        return Verdict(SWITCH_OFF, (f"High, and {share}: more than {MANY:g} %. So {flag} is switched off.",))
    why = f"High, but {share}: no more than {MANY:g} %. So {flag} stays, and a hot-fix goes out at once."
    return Verdict(KEEP, (why,))


def _unsure(measured: Measured, flag: str) -> tuple[str, ...]:
    """The share of users is unknown: what hints at it, and why off is the answer all the same."""
    if measured.errors is not None:
        side = "more" if measured.errors > MANY else "no more"
        hint = (
            f"{measured.errors:g} % of the requests fail: a hint at {side} than {MANY:g} %, but requests are no people."
        )
    elif measured.broken or measured.ill:
        wrong = {**measured.ill, **measured.broken}
        hint = f"{len(wrong)} of {measured.hosts or len(wrong)} hosts answer wrongly, a hint at that share."
    else:
        hint = "Nothing that is measured hints at it."
    return (
        f"High, and nobody knows what share of the users of {flag} is affected. {hint}",
        "Off is the first and best answer then: it takes seconds, loses no data, and is as quickly taken back.",
        f"If it is known to be {MANY:g} % or less, --affected says so, and it stays.",
    )


def _nobody_sees(flag: str, measured: Measured) -> tuple[str, ...]:
    why = f"Nobody sees {flag}: there is nothing to switch off."
    if measured.ill or measured.failing:
        return (why, "What is wrong has another cause than this feature: the newest deployment, or the server.")
    return (why,)
