"""What a step says while it runs: pieces of its output put together to whole lines, without secrets."""

from __future__ import annotations

import re

from rolloutctl.rules.redact import Redactor, printable

_WORD = re.compile(r"\S{8,}")
_LONGEST = 4096  # bytes of a line that does not end


class Speech:
    """The output of one step at a time. A piece says up to which byte it goes, so that a gap is seen."""

    def __init__(self) -> None:
        self._end = 0
        self._begun = b""

    def begin(self) -> None:
        """Another step begins."""
        self._end, self._begun = 0, b""

    def add(self, end: int, piece: bytes, secrets: Redactor | None) -> str:
        """The lines that a piece completes, to be shown; nothing while nobody knows what in them is secret."""
        if end - len(piece) != self._end:  # some of it was left out: what is left of a line may be half a secret
            self._begun, piece = b"", piece.partition(b"\n")[2]
        self._end = end
        whole, newline, rest = (self._begun + piece).rpartition(b"\n")
        self._begun = rest[-_LONGEST:]
        if not newline or secrets is None:
            return ""
        lines = re.split(r"\r\n|\n|\r", whole.decode(errors="replace"))
        return "\n".join(printable(_shown(line, secrets)).rstrip() for line in lines if line.strip())


def _shown(line: str, secrets: Redactor) -> str:
    """A line by itself: what it holds of a secret that is wrapped over several lines is hidden, too."""
    cleaned = secrets.clean(line)
    return _WORD.sub(lambda word: "•••" if _is_piece(word[0], secrets) else word[0], cleaned)


def _is_piece(word: str, secrets: Redactor) -> bool:
    return any(word in secret for secret in secrets.secrets if len(secret) > len(word))
