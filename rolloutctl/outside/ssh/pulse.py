"""A connection's pulse: packets may be dropped without a word, and TCP alone would wait a quarter of an hour."""

from __future__ import annotations

import threading
import time

import paramiko

_PERIOD = 5.0  # seconds between two questions
_SILENCE = 30.0  # seconds without an answer until the server counts as gone


class Pulse:
    """Asks the server at the end of the way for a sign of life, and hangs up on one that has fallen silent.

    A server refuses the request that it does not know (RFC 4254, 4), which is all the answer that is wanted.

    Args:
        transport: a connection that has logged in.
        period: seconds between two questions.
        silence: seconds without an answer until the connection is closed.
    """

    def __init__(self, transport: paramiko.Transport, period: float = _PERIOD, silence: float = _SILENCE) -> None:
        self.silent = False  # whether it was closed because nobody answered
        self._transport = transport
        self._period = period
        self._silence = silence
        self._answered = time.monotonic()
        self._over = threading.Event()
        # Two, for a question may itself be stuck behind what can't be sent.
        for act in (self._ask, self._watch):
            threading.Thread(target=act, name="pulse", daemon=True).start()

    def end(self) -> None:
        """Ask no more."""
        self._over.set()

    def _ask(self) -> None:
        while not self._over.wait(self._period):
            try:
                self._transport.global_request("keepalive@openssh.com", wait=True)
            except (paramiko.SSHException, OSError, EOFError):
                return
            if not self._transport.is_active():
                return
            self._answered = time.monotonic()

    def _watch(self) -> None:
        while (left := self._answered + self._silence - time.monotonic()) > 0:
            if self._over.wait(left) or not self._transport.is_active():
                return
        self.silent = True
        self._transport.close()
