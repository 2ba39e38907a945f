"""How an announcement looks before it is sent, and where it went."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from rolloutctl.cli.render import Page, Part
from rolloutctl.rules.channels import Channel
from rolloutctl.rules.letters import Letter, Span
from rolloutctl.workflows.announce import Sent

_STYLES = {"bold": "bold", "link": "underline"}
_HOW: Mapping[str, tuple[Part, str]] = {
    "sent": (("✓ ", "bold green"), "sent to"),
    "planned": (("○ ", "dim"), "would go to"),
    "declined": (("○ ", "dim"), "not sent to"),
}


def show_letter(letter: Letter, page: Page) -> None:
    """Subject and text, as mail shows them; a command in it stays in one piece with its ticks."""
    page.gap()
    page.line((letter.subject, "bold"), hang=2)
    before = ""
    for block in letter.blocks:
        if before != "heading":
            page.gap()
        before = block.kind
        for line in block.lines:
            style, start = ("bold", "") if block.kind == "heading" else ("", "- " if block.kind == "list" else "")
            page.line(start, *(_part(span, style) for span in line), hang=2 if start else 0)
    page.gap()


def show_end(results: Mapping[str, tuple[Channel, str]], sent: Sent, files: Iterable[Path], page: Page) -> None:
    """Where it went; what failed is told as an error."""
    for file in files:
        page.line(("✓ ", "bold green"), f"written to {file}", hang=2)
    for name, (channel, result) in results.items():
        if result in _HOW:
            mark, how = _HOW[result]
            page.line(mark, f"{how} {name}", (f"  {channel.place}", "dim"), hang=2)
    for note in sent.notes:
        page.line(("! ", "bold yellow"), note, hang=2)


def _part(span: Span, style: str) -> Part:
    kind, words = span
    shown = f"`{words}`" if kind == "code" else words
    return (shown, style or _STYLES.get(kind, ""))
