"""The line protocol of a session: verbs out, answers in; noise of a login shell is left aside."""

from __future__ import annotations

import base64
import re
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress

from rolloutctl.contracts import Channel
from rolloutctl.errors import CutOff, Unreachable

_MARK = b"@rc1 "
_PLAIN = re.compile(rb"[\t\n -~]{1,4096}")
_ESCAPES = (("%", "%25"), (" ", "%20"), ("\t", "%09"), ("\n", "%0A"))
# What a host may send. Each is several times what the largest host of ours has to say, so that one which never stops
# talking is given up at once, and before it has filled the client.
_LONGEST_LINE = 16 * 2**20  # bytes; a .env in one line, or the newest records with their lists of companies
_MOST_AT_ONCE = 24 * 2**20  # bytes in answer to one verb
_MOST = 256 * 2**20  # bytes in one session; most of it a log
_MOST_ANSWERS = 20_000  # in one session
_MOST_NOISE = 2**16  # bytes that are kept of a login shell's own words


def line(words: Iterable[str]) -> bytes:
    """A verb with its tokens, as it is sent."""
    return (" ".join(words) + "\n").encode()


def encode(data: bytes) -> str:
    """Base64 in one token; `-` for nothing."""
    return base64.b64encode(data).decode() or "-"


def plainly(data: bytes) -> str:
    """One token that a host reads without starting a process: lines of ASCII as they are, if they are not too long."""
    if not _PLAIN.fullmatch(data):
        return encode(data)
    text = data.decode()
    for character, escape in _ESCAPES:
        text = text.replace(character, escape)
    return "=" + text


def decode(token: str) -> bytes:
    """The inverse of `encode` and of `plainly`.

    Raises:
        ValueError: the token is neither base64 nor plain.
    """
    if token.startswith("="):
        text = token[1:]
        for character, escape in reversed(_ESCAPES):
            text = text.replace(escape, character)
        return text.encode()
    return b"" if token == "-" else base64.b64decode(token, validate=True)  # noqa: S105 - the sign for nothing


class Wire:
    """One host's line protocol over a channel. Sending is safe from several threads; receiving is one thread's."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._buffer = bytearray()
        self._sending = threading.Lock()
        self._queued: list[bytes] = []
        self._heard = 0  # bytes
        self._answers = 0
        self.noise = bytearray()  # what came before and between the answers, the beginning of it

    def queue(self, *words: str) -> None:
        """Have one verb go along with the next that is sent: a packet for each would be most of what sending costs."""
        with self._sending:
            self._queued.append(line(words))

    def send(self, *words: str) -> None:
        """Send one verb with its tokens, behind what is queued.

        Raises:
            Unreachable: the connection is gone.
        """
        with self._sending:
            lines, self._queued = b"".join((*self._queued, line(words))), []
            self._channel.send(lines)

    def nudge(self, *words: str) -> None:
        """Send a verb, unless something is being sent just now, which the host hears as well.

        Raises:
            Unreachable: the connection is gone.
        """
        if self._sending.acquire(blocking=False):
            try:
                self._channel.send(line(words))
            finally:
                self._sending.release()

    def answers(self, seconds: float) -> Iterator[tuple[str, ...]]:
        """The tokens of each answer, as they come.

        Raises:
            Unreachable: the connection is gone, the host's side ended, `seconds` are over for all of them, or the
                host says more than any host has to say.
        """
        deadline = time.monotonic() + seconds
        enough = min(self._heard + _MOST_AT_ONCE, _MOST)
        while True:
            said = self._next_line(deadline, enough)
            tokens = said[len(_MARK) :].decode("ascii", errors="replace").split() if said.startswith(_MARK) else []
            if tokens:
                self._answers += 1
                if self._answers > _MOST_ANSWERS:
                    raise _endless("the host does not stop answering")
                yield tuple(tokens)
            elif len(self.noise) < _MOST_NOISE:
                self.noise += said + b"\n"

    def last_words(self) -> str:
        """What the host said outside the protocol: the reason when a session does not begin."""
        return (self._channel.noise() + "\n" + self.noise.decode(errors="replace")).strip()

    def close(self) -> None:
        """End the conversation."""
        self._channel.close()

    def _next_line(self, deadline: float, enough: int) -> bytes:
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched > _LONGEST_LINE:
                raise _endless("the host sends a line without an end")
            self._buffer += self._piece(deadline)
            if self._heard > enough:
                raise _endless("the host does not stop talking")
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def _piece(self, deadline: float) -> bytes:
        left = deadline - time.monotonic()
        piece = None
        if left > 0:  # else a host that never stops talking would never be late
            with suppress(TimeoutError):
                piece = self._channel.receive(left)
        if piece is None:
            raise Unreachable("the host did not answer in time")
        if not piece:
            raise CutOff("the host's side of the session ended")
        self._heard += len(piece)
        return piece


def _endless(message: str) -> Unreachable:
    return Unreachable(message, hint="Is it the right host, and is it well? See what it says: ssh HOST sh -c true")
