"""What somebody asks of monitor, and whether that can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from rolloutctl.cli import words
from rolloutctl.cli.asking import Answer, prompt
from rolloutctl.errors import Refused, UsageError

if TYPE_CHECKING:
    from rolloutctl.rules.config import Configuration


class Asked(Struct, frozen=True):
    """The command line, read."""

    environment: str
    flag: str | None
    every: float  # seconds
    length: float | None  # seconds
    since: float  # seconds ago
    once: bool
    baseline: bool
    guard: bool | None
    strict: bool


def check(configuration: Configuration, asked: Asked, *, json: bool) -> None:
    """See that there is something to watch.

    Raises:
        UsageError: there is not.
    """
    configuration.environment(asked.environment)
    if asked.flag is not None:
        configuration.flag(asked.flag)
    if asked.baseline and (asked.once or asked.guard):
        raise UsageError("--baseline is before any change: without --once and --guard.")
    if not asked.every:
        raise UsageError("--every says how often, so it can't be 0.", hint="Say --every 30s.")
    if json and not (asked.once or asked.baseline):
        raise UsageError("--json is one document: it can only stand together with --once or --baseline.")
    if not any(metric.measured_in(asked.environment) for metric in configuration.metrics.values()):
        raise UsageError(
            f"Nothing is measured in {asked.environment}.",
            subject=configuration.path,
            hint="Declare what is to be watched below metrics: see docs/monitoring.md.",
        )


def check_guard(configuration: Configuration, asked: Asked, answer: Answer) -> None:
    """See that there is something to guard, and that somebody allows it.

    Raises:
        UsageError: there is not.
        Refused: nobody does.
    """
    environment, flag = asked.environment, asked.flag
    if flag is None:
        raise UsageError("--guard has to know which flag it may switch off.", hint="Name it behind the environment.")
    measured = (metric for metric in configuration.metrics.values() if metric.measured_in(environment))
    names = [metric.name for metric in measured if metric.guard]
    if not names:
        raise UsageError(
            f"No metric that is measured in {environment} is marked guard: true.",
            subject=configuration.path,
            hint="Mark those whose failure is to switch the flag off: see docs/monitoring.md.",
        )
    answer.check(environment)
    question = f"Switch {flag} off in {environment} without asking, when {words.listed(names)} fails? [y/N] "
    if not answer.given and prompt(question).strip().lower() not in {"y", "yes"}:
        raise Refused("You did not agree.", subject=environment, state="Nothing is watched.")
