"""The arguments and options that several commands share, each with its words."""

from __future__ import annotations

from typing import Annotated

import typer

from rolloutctl.errors import UsageError
from rolloutctl.rules.durations import parse_duration

LONGEST_REASON = 1_000  # characters

Environment = Annotated[
    str,
    typer.Argument(metavar="ENV", help="An environment of environments.yaml."),
]
AnyEnvironment = Annotated[
    str | None,
    typer.Argument(metavar="[ENV]", help="An environment; without it, all."),
]
Flag = Annotated[str, typer.Argument(metavar="FLAG", help="A flag of environments.yaml.")]
AnyFlag = Annotated[str | None, typer.Argument(metavar="[FLAG]", help="A flag; without it, all.")]
OnlyFlag = Annotated[str | None, typer.Option("--flag", metavar="FLAG", help="Only this flag.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it goes into the record.")]
Note = Annotated[str, typer.Option("--note", metavar="TEXT", help="What to know of it; it goes into the record.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show and prove the plan, and change nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask. Not enough to widen in a protected environment.")]
Confirm = Annotated[
    str,
    typer.Option(
        "--confirm",
        metavar="ENV",
        help="Don't ask: the environment's name, as one would type it.",
    ),
]
WithPending = Annotated[
    bool, typer.Option("--with-pending", help="Also activate edits that wait in .env or a config file.")
]
Wait = Annotated[str, typer.Option("--wait", metavar="TIME", help="How long to wait for a lock: 30s, 2m.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


def said(text: str, option: str) -> str:
    """What somebody says for the record, as one line.

    Raises:
        UsageError: it is longer than a record takes.
    """
    from rolloutctl.rules.redact import one_line  # noqa: PLC0415 - not for --help

    found = one_line(text)
    if len(found) > LONGEST_REASON:
        raise UsageError(f"{option} has {len(found):,} characters; a record takes {LONGEST_REASON:,}.")
    return found


def seconds(text: str, option: str) -> float:
    """An option's length of time in seconds; 0 for nothing.

    Raises:
        UsageError: it is none.
    """
    if text in {"", "0"}:
        return 0.0
    try:
        return parse_duration(text)
    except ValueError:
        raise UsageError(f"{option} {text} is no length of time.", hint=f"Say {option} 30s, {option} 2m.") from None
