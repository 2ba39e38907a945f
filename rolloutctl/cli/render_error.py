"""How an error looks: what happened and where, the state now, what the hosts said, the next command."""

from __future__ import annotations

from rolloutctl.cli.render import Page, text
from rolloutctl.errors import RolloutctlError


def show_error(error: RolloutctlError, page: Page, *, known: str = "") -> None:
    """The error as a person reads it; a subject that is `known` from the lines above is not named again."""
    headline = error.message if known and error.subject == known else _headline(error)
    title = text(("✗ ", "bold red"), (headline, "bold"))
    if page.terminal and not (error.state or error.details or error.hint):
        page.ends(title, f"exit {error.exit_status}")
        return
    page.line(("✗ ", "bold red"), (headline, "bold"), hang=2)
    told = error.state.splitlines()
    hints = [_hint(line) for line in error.hint.splitlines()]
    if not hints and not error.details:  # the exit status stands at the end of the last line
        told, hints = told[:-1], told[-1:]
    for paragraph in told:
        page.line(paragraph, indent=2)
    for detail in error.details:
        page.line((detail.rstrip(), "dim"), indent=4, hang=2)
    for hint in hints[:-1]:
        page.advice(hint, indent=2)
    _show_last(hints[-1] if hints else "", f"exit {error.exit_status}", page)


def _show_last(hint: str, status: str, page: Page) -> None:
    """The last hint, and on a terminal the exit status at its end."""
    if page.terminal and page.holds(f"  {hint}", status):
        page.ends(text("  ", hint), status)
        return
    if hint:
        page.advice(hint, indent=2)
    if page.terminal:
        page.line((status, "dim"), indent=2)


def _headline(error: RolloutctlError) -> str:
    """The subject is named once, also where the message begins with it."""
    message = error.message or type(error).__name__
    subject = error.subject.rpartition(" · ")[2]
    if not error.subject:
        return message
    file = subject.rpartition("/")[2]
    if file and message.startswith(f"{file} "):
        return f"{error.subject.removesuffix(file)}{message}"
    if message.startswith(f"{subject}: "):
        return f"{error.subject}: {message.removeprefix(f'{subject}: ')}"
    return message if subject in message.split() else f"{error.subject}: {message}"


def _hint(hint: str) -> str:
    return f"Next: {hint}" if hint.startswith("rolloutctl ") else hint
