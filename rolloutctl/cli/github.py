"""Under GitHub Actions: a summary of the step in Markdown, and annotations for what failed. Nothing else loads this."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Literal

from msgspec import Struct

from rolloutctl.cli.markdown import code, safe, table
from rolloutctl.errors import RolloutctlError
from rolloutctl.rules.redact import printable

_SUMMARY = "GITHUB_STEP_SUMMARY"
_OURS = "rolloutctl "
_LONGEST = 4_000  # characters of an annotation; GitHub cuts longer ones

Rows = Iterable[tuple[str, ...]]


class Problem(Struct, frozen=True):
    """What is not as it should be: where, what, and what to do."""

    subject: str
    text: str
    help: str = ""
    details: tuple[str, ...] = ()
    level: Literal["error", "warning"] = "error"


class Summary(Struct, frozen=True):
    """What a command has to tell of its end."""

    title: str
    told: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    problems: tuple[Problem, ...] = ()


def tell(summary: Summary) -> None:
    """Add the summary to the step's, and annotate its problems: on stderr, as stdout may have to be one document."""
    place = os.environ.get(_SUMMARY, "")
    with suppress(OSError):  # how the command ended doesn't depend on either
        if place:
            with open(place, "a", encoding="utf-8", errors="replace") as file:
                file.write("\n".join([*_markdown(summary), ""]))
    with suppress(OSError):
        sys.stderr.writelines(annotation(problem) + "\n" for problem in summary.problems)
        sys.stderr.flush()


def problem_of(error: RolloutctlError, subject: str = "") -> Problem:
    """An error as a problem."""
    where = error.subject or subject
    message = error.message.removeprefix(f"{where.rpartition(' · ')[2]}: ")  # named once is enough
    return Problem(where, " ".join(filter(None, (message, error.state))), error.hint, error.details)


def annotation(problem: Problem) -> str:
    """The line that GitHub shows beside the run; no text in it can end it, or begin another.

    The escapes are those of GitHub's own toolkit (packages/core/src/command.ts).
    """
    words = "\n".join(filter(None, (problem.text, *problem.details, *problem.help.splitlines())))
    title = _data(problem.subject or _OURS.strip()).replace(":", "%3A").replace(",", "%2C")
    return f"::{problem.level} title={title}::{_data(words[:_LONGEST])}"


def _data(text: str) -> str:
    return printable(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _markdown(summary: Summary) -> Iterator[str]:
    bad = any(problem.level == "error" for problem in summary.problems)
    yield from (f"### {'❌' if bad else '✅'} {safe(summary.title)}", "")
    for line in filter(None, summary.told):
        yield from (safe(line), "")
    if summary.rows:
        yield from (*table(summary.heads, summary.rows), "")
    for problem in summary.problems:
        yield from _problem(problem)


def _problem(problem: Problem) -> Iterator[str]:
    yield f"- **{safe(problem.subject)}**: {safe(problem.text)}" if problem.subject else f"- {safe(problem.text)}"
    for detail in problem.details:
        yield f"  - {code(detail)}"
    for line in problem.help.splitlines():
        yield f"  - Next: {code(line)}" if line.startswith(_OURS) else f"  - {safe(line)}"
    yield ""
