"""A watch on a terminal: one picture on a screen of its own, and the last one left behind when it ends."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from rolloutctl.cli.render import Page
from rolloutctl.cli.render_monitor import guarding
from rolloutctl.cli.render_watch import Size, View, picture
from rolloutctl.cli.sparkline import BLOCKS
from rolloutctl.cli.terminal import TERMINAL
from rolloutctl.workflows.guarding import Guard
from rolloutctl.workflows.monitor import Round

_AGAIN = 1.0  # times a second that the picture is drawn: a window that was made smaller is filled at once
_WITHOUT_BLOCKS = {"linux"}  # terminals whose fonts mostly have none


class WatchScreen:
    """Draws the newest picture again and again, so that a resized window is right; a context manager.

    Args:
        page: where.
        flag: which one is watched.
        word: what kind of watch it is, in front of since when; empty for the usual one.
    """

    def __init__(self, page: Page, flag: str | None, word: str = "") -> None:
        self._page, self._flag, self._word = page, flag, word
        self._view: View | None = None
        self._doing = ""
        self._lock = threading.Lock()
        self._live = Live(
            _Filled(self),
            console=page.console,
            screen=True,
            refresh_per_second=_AGAIN,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        with suppress(OSError):  # a terminal that is gone
            TERMINAL.draw(self._live)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            TERMINAL.erase()
            for line in self.lines(None):
                self._page.console.print(line, soft_wrap=True)

    def show(self, round_: Round, guard: Guard | None) -> None:
        """From now on this round is to be seen."""
        lines = guarding(guard, round_) if guard is not None else ()
        with self._lock:
            self._view, self._doing = View(round_, self._flag, lines, self._word), ""
        self._draw()

    def acted(self, round_: Round, guard: Guard) -> None:
        """The guard has something new to say."""
        self.show(round_, guard)

    def doing(self, words: str) -> None:
        """Something is going on that takes its time."""
        with self._lock:
            self._doing = words
        self._draw()

    def lines(self, height: int | None) -> list[Text]:
        """The picture as it is now."""
        with self._lock:
            view, doing = self._view, self._doing
        room = height - 1 if height is not None and doing else height
        size = Size(self._page.width, room, plain=is_plain(self._page.console))
        found = picture(view, size) if view is not None else [Text("Looking at the hosts ...")]
        return [*found, Text(doing, "bold")] if doing else found

    def _draw(self) -> None:
        with suppress(OSError):
            if self._live.is_started:
                self._live.refresh()


class _Filled:
    """The picture in the size that the window has when it is drawn."""

    def __init__(self, screen: WatchScreen) -> None:
        self._screen = screen

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from self._screen.lines(options.height or console.height)


def is_plain(console: Console) -> bool:
    """Whether a terminal can't show the characters of a curve."""
    if os.environ.get("TERM", "") in _WITHOUT_BLOCKS:
        return True
    try:
        BLOCKS.encode(console.encoding)
    except (UnicodeEncodeError, LookupError):
        return True
    return False


def can_draw(page: Page) -> bool:
    """Whether a picture can be drawn there at all, and not only lines one below the other."""
    return page.terminal and not page.console.is_dumb_terminal
