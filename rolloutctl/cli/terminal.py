"""The person's terminal, of which a process has one: who draws on it, and who asks for what must not be seen."""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

_TERMINAL = "/dev/tty"


class Drawing(Protocol):
    """Live lines: rich's Live."""

    def start(self) -> None:
        """Begin, or go on, to draw."""

    def stop(self) -> None:
        """Leave the screen to others."""


class Terminal:
    """Gives the screen to live lines or to a question, never to both; hosts are opened in many threads."""

    def __init__(self) -> None:
        self._drawing: Drawing | None = None
        self._asking = False
        self._screen = threading.Lock()
        self._turn = threading.Lock()
        self._bell: tuple[int, int] | None = None  # a pipe: what stands in it ends an open question

    def heed_signals(self) -> None:
        """From now on a signal ends an open question; called by the main thread.

        Python's own handlers wait for the main thread, which waits for the thread that asks.
        """
        if self._bell is None:
            self._bell = os.pipe()
            os.set_blocking(self._bell[1], False)
            signal.set_wakeup_fd(self._bell[1], warn_on_full_buffer=False)

    def draw(self, drawing: Drawing) -> None:
        """Begin with live lines; while a question is open they wait for its end."""
        with self._screen:
            self._drawing = drawing
            if not self._asking and not self._rung():
                drawing.start()

    def erase(self) -> None:
        """End the live lines."""
        with self._screen:
            drawing, self._drawing = self._drawing, None
            if drawing is not None and not self._asking:
                drawing.stop()

    def passphrase(self, path: str, *, again: bool) -> str | None:
        """`contracts.Passphrases`: asked on the terminal, also where stdin is something else; one at a time."""
        with self._turn:
            terminal = None if self._rung() else _opened()
            if terminal is None:
                return None
            try:
                with self._screen_for_question(), suppress(OSError, termios.error):  # a terminal that is gone
                    return self._hidden(terminal, f"{'Wrong. ' if again else ''}Passphrase for {_shown(path)}: ")
            finally:
                os.close(terminal)
            return None

    def leave(self) -> None:
        """The command is over: an open question is withdrawn, and the terminal echoes again when this returns."""
        if self._bell is not None:
            with suppress(BlockingIOError):  # it has been rung more than enough
                os.write(self._bell[1], b"\0")
        if self._turn.acquire(timeout=1):
            self._turn.release()

    @contextmanager
    def _screen_for_question(self) -> Iterator[None]:
        with self._screen, suppress(OSError):
            self._asking = True
            if self._drawing is not None:
                self._drawing.stop()
        try:
            yield
        finally:
            with self._screen, suppress(OSError):
                self._asking = False
                if self._drawing is not None and not self._rung():
                    self._drawing.start()

    def _hidden(self, terminal: int, question: str) -> str | None:
        """What is typed, without showing it; None when nothing is, or the command ends meanwhile."""
        before = termios.tcgetattr(terminal)
        silent = [*before[:3], before[3] & ~termios.ECHO, *before[4:]]
        try:
            termios.tcsetattr(terminal, termios.TCSAFLUSH, silent)
            os.write(terminal, question.encode(errors="replace"))
            if self._rung(or_typed=terminal):
                return None
            return os.read(terminal, 4096).decode(errors="surrogateescape").rstrip("\r\n") or None
        finally:
            with suppress(termios.error):
                termios.tcsetattr(terminal, termios.TCSAFLUSH, before)
            with suppress(OSError):
                os.write(terminal, b"\n")

    def _rung(self, *, or_typed: int | None = None) -> bool:
        """Whether a signal came, or the command is over; waits for that or for a line that is typed, where asked to."""
        bell = [] if self._bell is None else [self._bell[0]]
        line = [] if or_typed is None else [or_typed]
        return bool(set(select.select([*bell, *line], [], [], None if line else 0)[0]) & set(bell))


def _opened() -> int | None:
    """The terminal that the process belongs to, else the one on its stdin."""
    try:
        return os.open(_TERMINAL, os.O_RDWR | os.O_NOCTTY)
    except OSError:
        return os.dup(sys.stdin.fileno()) if sys.stdin is not None and sys.stdin.isatty() else None


def _shown(path: str) -> str:
    home = f"{Path.home()}/"
    return f"~/{path.removeprefix(home)}" if path.startswith(home) else path


TERMINAL = Terminal()
