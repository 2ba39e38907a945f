"""How an error looks: what happened and where, the state now, what the hosts said, the next command, the exit status."""

from __future__ import annotations

from rolloutctl.cli.render import Page, text
from rolloutctl.errors import RolloutctlError


def show_error(error: RolloutctlError, page: Page) -> None:
    """The error as a person reads it."""
    page.line(("✗ ", "bold red"), (_headline(error), "bold"), hang=2)
    for paragraph in error.state.splitlines():
        page.line(paragraph, indent=2)
    for detail in error.details:
        page.line((detail.rstrip(), "dim"), indent=4, hang=2)
    status = f"exit {error.exit_status}"
    *before, last = error.hint.splitlines() or [""]
    for paragraph in before:
        page.line(paragraph, indent=2)
    page.ends(text("  ", *_hint(last)), status)


def _headline(error: RolloutctlError) -> str:
    """The subject is named once, also where the message begins with it."""
    message = error.message or type(error).__name__
    subject = error.subject.rpartition(" · ")[2]
    if not error.subject:
        return message
    if message.startswith(f"{subject}: "):
        return f"{error.subject}: {message.removeprefix(f'{subject}: ')}"
    return message if subject in message.split() else f"{error.subject}: {message}"


def _hint(hint: str) -> tuple[str, ...]:
    return ("Next: ", hint) if hint.startswith("rolloutctl ") else (hint,)
