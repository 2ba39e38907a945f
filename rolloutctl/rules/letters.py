"""One announcement as text, Markdown, Slack's own markup, and as pieces that a page is made of.

A template writes a small part of Markdown: a first line `Subject: ...`, then headings (`## `), items (`- `) and
paragraphs, in them `**bold**`, code between backticks, and addresses. Whatever a fact holds stays text in each form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from rolloutctl.rules.redact import one_line, printable

_SUBJECT = "Subject:"
_LONGEST_SUBJECT = 200  # characters
_HEADING, _ITEM = "## ", "- "
_INLINE = re.compile(r"\*\*(?P<bold>[^*\n]+)\*\*|`(?P<code>[^`\n]+)`|(?P<link>https?://[^\s<>\"`]*[^\s<>\"`.,;:!?)'])")
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
Style = Literal["", "bold", "code", "link"]
Span = tuple[Style, str]


class Block(Struct, frozen=True):
    """A heading, a paragraph or a list: its lines, each of spans."""

    kind: Literal["heading", "paragraph", "list"]
    lines: tuple[tuple[Span, ...], ...]


class Letter(Struct, frozen=True):
    """What is announced: `subject` is one line, `body` as the template wrote it."""

    subject: str
    body: str

    @property
    def text(self) -> str:
        """For a terminal, or a mail without HTML."""
        lines = (line.removeprefix(_HEADING) for line in self.body.splitlines())
        return "\n".join(_INLINE.sub(lambda found: found["bold"] or found[0], line) for line in lines) + "\n"

    @property
    def markdown(self) -> str:
        """As GitHub and most others show it; nothing in it becomes HTML."""
        return _TAG.sub("&lt;", f"# {self.subject}\n\n{self.body}\n")

    @property
    def slack(self) -> str:
        """As Slack shows it (https://docs.slack.dev/messaging/formatting-message-text)."""
        lines = (_in_slack(line) for line in self.body.splitlines())
        return "\n".join((f"*{_escaped(self.subject)}*", "", *lines))

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The body in pieces, for a page that escapes each."""
        return tuple(_blocks(self.body))


def letter_of(text: str) -> Letter:
    """The letter that a template has written; empty lines that its branches left are taken out.

    Raises:
        ValueError: it has no subject, or nothing below it.
    """
    first, _, rest = printable(text).strip().partition("\n")
    subject, body = one_line(first.removeprefix(_SUBJECT)), re.sub(r"[ \t]*\n(?:[ \t]*\n){2,}", "\n\n", rest).strip()
    if not first.startswith(_SUBJECT) or not subject:
        raise ValueError(f"its first line has to be `{_SUBJECT} ...`")
    if not body:
        raise ValueError("there is nothing below its subject")
    return Letter(subject[:_LONGEST_SUBJECT], "\n".join(line.rstrip() for line in body.splitlines()))


def _in_slack(line: str) -> str:
    if line.startswith(_HEADING):
        return f"*{_escaped(line.removeprefix(_HEADING))}*"
    start, line = ("• ", line.removeprefix(_ITEM)) if line.startswith(_ITEM) else ("", line)
    return start + _INLINE.sub(lambda found: f"*{found['bold']}*" if found["bold"] else found[0], _escaped(line))


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _blocks(body: str) -> Iterator[Block]:
    for part in body.split("\n\n"):
        kind: Literal["list", "paragraph"] = "paragraph"
        lines: list[tuple[Span, ...]] = []
        for line in part.splitlines():
            if line.startswith(_HEADING):
                yield from _block(kind, lines)
                lines = []
                yield Block("heading", (tuple(_spans(line.removeprefix(_HEADING))),))
                continue
            item = line.startswith(_ITEM)
            if item != (kind == "list"):
                yield from _block(kind, lines)
                lines, kind = [], "list" if item else "paragraph"
            lines.append(tuple(_spans(line.removeprefix(_ITEM) if item else line)))
        yield from _block(kind, lines)


def _block(kind: Literal["list", "paragraph"], lines: list[tuple[Span, ...]]) -> Iterator[Block]:
    if lines:
        yield Block(kind, tuple(lines))


def _spans(line: str) -> Iterator[Span]:
    done = 0
    for found in _INLINE.finditer(line):
        if found.start() > done:
            yield "", line[done : found.start()]
        for style in ("bold", "code", "link"):
            if found[style]:
                yield style, found[style]
        done = found.end()
    if done < len(line):
        yield "", line[done:]
