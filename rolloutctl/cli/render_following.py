"""Hosts at long work: live lines on a terminal, with what a step says last; elsewhere a line as each step ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress

from rich.console import Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from rolloutctl.cli.render import Page, side_page, text
from rolloutctl.cli.terminal import TERMINAL
from rolloutctl.rules.config import Environment, Flag
from rolloutctl.rules.durations import in_words
from rolloutctl.rules.host import Event
from rolloutctl.rules.outcomes import asked_in, step_name, steps_in
from rolloutctl.rules.requests import describe

_SPINNER = "dots"
_A_MINUTE = 60


class Following:
    """Follows hosts while they work; `notice` may be called from any thread, and never raises for a lost terminal.

    What a step says is printed as it comes; on a terminal only its newest line is seen, unless `every_line` says so.
    """

    def __init__(self, *, every_line: bool = False) -> None:
        self._page: Page = side_page()
        self._every_line = every_line or not self._page.terminal
        self._lock = threading.Lock()
        self._live: Live | None = None
        self._hosts: tuple[str, ...] = ()
        self._environment: Environment | None = None
        self._flags: dict[str, Flag] = {}
        self._done: dict[str, list[Text]] = {}
        self._running: dict[str, tuple[str, float]] = {}
        self._last: dict[str, str] = {}

    def look(self) -> None:
        """Hosts are being looked at; nothing is done yet."""
        if self._page.terminal:
            with suppress(OSError):
                spinner = Spinner(_SPINNER, text="Looking at the hosts …")
                self._live = Live(spinner, console=self._page.console, transient=True)
                TERMINAL.draw(self._live)

    def begin(self, hosts: Sequence[str], environment: Environment, flags: Iterable[Flag] = ()) -> None:
        """From now on hosts work."""
        self._hosts, self._environment = tuple(hosts), environment
        self._flags = {flag.name: flag for flag in flags}
        if self._page.terminal and not self._every_line:
            with suppress(OSError):
                self._page.gap()
                self._live = Live(get_renderable=self._picture, console=self._page.console, refresh_per_second=8)
                TERMINAL.draw(self._live)

    def end(self) -> None:
        """Leave what is to be seen on the screen, and stop."""
        live, self._live = self._live, None
        self._running.clear()
        if live is not None:
            with suppress(OSError):
                TERMINAL.erase()
                if self._done:
                    self._page.gap()

    def notice(self, host: str, event: Event) -> None:
        """A host said something."""
        if not self._hosts:
            return
        with self._lock, suppress(OSError):
            if event.kind == "step" and event.text(1) == "begins":
                self._running[host] = (step_name(event.text(0)), time.monotonic())
                self._last.pop(host, None)
            elif event.kind == "step":
                self._ended(host, event)
            elif event.kind == "said" and event.text(0):
                self._said(host, event.text(0))
            elif event.kind == "answers" and host in self._done:
                self._answered(host, event)

    def _ended(self, host: str, event: Event) -> None:
        self._running.pop(host, None)
        if self._every_line:
            self._rest(host, event.text(4).splitlines())
        for step in steps_in([event]):
            took = f"{step.ms / 1000:.1f} s"
            line = (
                text(("✓ ", "green"), f"{step.name}  ", (took, "dim"))
                if step.ok
                else text(("✗ ", "bold red"), f"{step.name}  ", (f"failed, exit {step.status}, {took}", "red"))
            )
            self._tell(host, line)

    def _said(self, host: str, lines: str) -> None:
        self._last[host] = lines.rpartition("\n")[2]
        if self._every_line:
            self._print(host, lines.splitlines())

    def _rest(self, host: str, lines: Sequence[str]) -> None:
        """What was said in the last second, and not told yet."""
        told = self._last.get(host)
        known = max((number for number, line in enumerate(lines, 1) if line.rstrip() == told), default=0)
        self._print(host, lines[known:])

    def _print(self, host: str, lines: Iterable[str]) -> None:
        """Where several hosts work, each line says whose it is."""
        named = f"{host}  " if len(self._hosts) > 1 else ""
        for line in lines:
            self._page.line(named, (line, "dim"), indent=2, hang=2)

    def _answered(self, host: str, event: Event) -> None:
        environment = self._environment
        for asked in asked_in([event]) if environment is not None else ():
            assert environment is not None  # noqa: S101 - for the types
            what = describe(asked.id, self._flags, environment)
            self._tell(host, text(("✓ ", "green") if asked.ok else ("✗ ", "bold red"), f"{what} {asked}"))

    def _tell(self, host: str, line: Text) -> None:
        known = self._done.setdefault(host, [])
        if line in known:  # a probe that was asked twice
            return
        known.append(line)
        if self._live is None:
            self._page.line(f"{host}  ", line.plain, indent=2, hang=2)

    def _picture(self) -> Group:
        rows: list[Table | Text] = []
        with self._lock:
            for host in self._hosts:
                if host not in self._done and host not in self._running:
                    continue
                rows.append(text("  ", (host, "bold")))
                rows += [text("    ") + line for line in self._done.get(host, ())]
                if host in self._running:
                    rows += self._now(host)
        return Group(*rows)

    def _now(self, host: str) -> list[Table | Text]:
        name, since = self._running[host]
        seconds = int(time.monotonic() - since)
        took = in_words(seconds) if seconds >= _A_MINUTE else f"{seconds} s"
        row = Table.grid(padding=(0, 1), pad_edge=False)
        row.add_row(Text("   "), Spinner(_SPINNER), text(f"{name} … ", (took, "dim")))
        said = self._last.get(host, "")
        room = max(20, self._page.width - 10)
        return [row, text(("        " + said[:room], "dim"))] if said else [row]
