"""docs/walkthrough.md as something to be acted: its files, its commands and what they print, who sees the feature."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from tests.docs.pages import DOCS, read

PAGE = DOCS / "walkthrough.md"
_BLOCK = re.compile(r"^```console\n(.*?)^```$|^\*\*`/portal` now\*\* ([^\n]*)$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"^```yaml (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HOLE = re.compile(r"…|<[a-z]+>")
_SEEN = re.compile(r"(\d+) for ((?:\d+)(?:, \d+)*(?: and \d+)?|everyone)")


@dataclass(frozen=True, slots=True)
class Command:
    """A line behind `$`, the exit status that its comment tells, and the lines that the page shows below it."""

    line: str
    status: int
    shown: tuple[str, ...]

    @property
    def words(self) -> list[str]:
        return shlex.split(self.line, comments=True)

    def missing_in(self, printed: str) -> str | None:
        """The first line of the page that is not printed behind the one before it; None: all are.

        In a line of the page `…` and `<word>` stand for anything; a line that is nothing but `…`, for any lines.
        """
        lines = iter([line.rstrip() for line in printed.splitlines()])
        for line in self.shown:
            pattern = ".*".join(map(re.escape, _HOLE.split(line.rstrip())))
            if line.strip() != "…" and not any(re.fullmatch(pattern, each) for each in lines):
                return line
        return None


@dataclass(frozen=True, slots=True)
class Seen:
    """What the page says that /portal answers in production: a status for each company; 0: one that none names."""

    answers: dict[int, int]


def scenes() -> Iterator[Command | Seen]:
    """What happens on the page, in its order."""
    for found in _BLOCK.finditer(read(PAGE)):
        if found[2]:
            yield _seen(found[2])
        else:
            yield from _commands(found[1])


def files() -> dict[str, str]:
    """The files that the page shows, by the name behind their fence; environments.yaml has none."""
    text = read(PAGE)
    whole = re.search(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert whole
    return {"environments.yaml": whole[1], **{name: content for name, content in _FILE.findall(text)}}


def _commands(block: str) -> Iterator[Command]:
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        line, *shown = part.splitlines()
        status = re.search(r"# exit (\d)", line)
        yield Command(line, int(status[1]) if status else 0, tuple(each for each in shown if each.strip()))


def _seen(told: str) -> Seen:
    answers: dict[int, int] = {}
    for status, whom in _SEEN.findall(told):
        answers |= {int(company): int(status) for company in re.findall(r"\d+", whom)} or {0: int(status)}
    assert answers, told
    return Seen(answers)
