"""The hosts at work: a live line each on a terminal, a plain line each, once it is over, on anything else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from rich.console import Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from rolloutctl.cli.render import Page, side_page, text
from rolloutctl.cli.terminal import TERMINAL
from rolloutctl.rules.host import Event
from rolloutctl.rules.outcomes import asked_in, steps_in
from rolloutctl.rules.plans import Plan
from rolloutctl.rules.requests import describe, probe_of
from rolloutctl.rules.work import Asked

_SPINNER = "dots"
_ENDS = {"committed", "incomplete", "going-back", "reverted", "stuck", "untouched"}


class Line:
    """What one host has done so far in one direction."""

    def __init__(self, *parts: str) -> None:
        self.parts = list(parts)
        self.running = ""
        self.failed = False
        self.over = False

    def words(self) -> Text:
        """Its deeds, with dots between."""
        now = [f"{self.running} …"] if self.running else []
        return text((" · ".join((*self.parts, *now)) or "…", "red" if self.failed else ""))


class Progress:
    """Follows the hosts of one change; `notice` may be called from any thread, and never raises for a lost terminal."""

    def __init__(self) -> None:
        self._page: Page = side_page()
        self._lock = threading.Lock()
        self._live: Live | None = None
        self._plan: Plan | None = None
        self._lines: dict[str, list[Line]] = {}
        self._since = time.monotonic()

    def look(self, told: str = "Looking at the hosts …") -> None:
        """Hosts are being looked at; nothing is changed yet."""
        if self._page.terminal:
            with suppress(OSError):
                self._live = Live(Spinner(_SPINNER, text=told), console=self._page.console, transient=True)
                TERMINAL.draw(self._live)

    def pause(self) -> float:
        """The screen belongs to somebody else now; gives the seconds since it began."""
        self.end()
        return time.monotonic() - self._since

    def begin(self, plan: Plan) -> None:
        """From now on hosts are changed."""
        self._plan = plan
        self._lines = {}
        if self._page.terminal:
            with suppress(OSError):
                self._page.gap()
                self._live = Live(get_renderable=self._picture, console=self._page.console, refresh_per_second=10)
                TERMINAL.draw(self._live)

    def end(self) -> None:
        """Leave what is to be seen on the screen, and stop."""
        live, self._live = self._live, None
        if live is not None:
            with suppress(OSError):
                TERMINAL.erase()
                if self._plan is not None and self._lines:
                    self._page.gap()

    def notice(self, host: str, event: Event) -> None:
        """A host said something."""
        if self._plan is None:
            return
        with self._lock, suppress(OSError):
            if host not in self._lines and event.kind not in {"swapped", "failed", "step"}:
                return
            lines = self._lines.setdefault(host, [Line()])
            deed = _DEEDS.get(event.kind)
            if deed is not None:
                deed(lines[-1], event, self._plan)
            if event.kind in _ENDS and not lines[-1].over:
                lines[-1].over = True
                if self._live is None and lines[-1].parts:
                    self._page.line(f"{host}  ", lines[-1].words().plain, self._mark(host, lines[-1]), indent=2)
            if event.kind == "going-back":
                lines.append(Line("put back"))

    def _picture(self) -> Group | Table:
        table = Table.grid(padding=(0, 1), pad_edge=False)
        with self._lock:
            for host in self._plan.hosts if self._plan else ():
                for line in self._lines.get(host.name, ()):
                    words = line.words()
                    words.append(self._mark(host.name, line), "dim")
                    waiting = Spinner(_SPINNER) if not line.over else Text(" ")
                    table.add_row(Text(" "), text(host.name), waiting, words)
        return table

    def _mark(self, host: str, line: Line) -> str:
        plan = self._plan
        if plan is None or plan.narrow or len(plan.hosts) == 1 or line is not self._lines[host][0]:
            return ""
        return "     canary" if host == plan.hosts[0].name else ""


@contextmanager
def looking(told: str = "Looking at the hosts …") -> Iterator[None]:
    """While hosts are being looked at, or something else takes long, a terminal shows so."""
    progress = Progress()
    progress.look(told)
    try:
        yield
    finally:
        progress.end()


def _swapped(line: Line, _event: Event, _plan: Plan) -> None:
    line.parts.append("swapped")


def _step(line: Line, event: Event, _plan: Plan) -> None:
    if event.text(1) == "begins":
        line.running = event.text(0)
        return
    line.running = ""
    for step in steps_in([event]):
        line.parts.append(
            f"{step.name} {step.ms / 1000:.1f} s" if step.ok else f"{step.name} failed, exit {step.status}"
        )
        line.failed = line.failed or not step.ok


def _answers(line: Line, event: Event, plan: Plan) -> None:
    found = [_answer(asked, plan) for asked in asked_in([event])]
    line.parts.extend(dict.fromkeys(found))
    line.failed = line.failed or any(not asked.ok for asked in asked_in([event]))


def _answer(asked: Asked, plan: Plan) -> str:
    """The path and the answer; for whom it was asked is told where that went wrong."""
    if asked.id == "health":
        return f"{plan.environment.health.path if plan.environment.health else '/'} {asked}"
    probe = probe_of(asked.id, plan.flag)
    if probe is None:
        return f"{describe(asked.id, {}, plan.environment)} {asked}"
    return f"{probe.path if asked.ok else probe.label} {asked}"


def _failed(line: Line, event: Event, _plan: Plan) -> None:
    line.failed, line.running = True, ""
    said = " ".join(line.parts)
    if event.text(0) != "health" and f"{event.text(0)} failed" not in said:
        line.parts.append(f"{event.text(0)} failed")


def _stuck(line: Line, _event: Event, _plan: Plan) -> None:
    line.failed = True
    line.parts.append("going back did not work")


_DEEDS: dict[str, Callable[[Line, Event, Plan], None]] = {
    "swapped": _swapped,
    "step": _step,
    "answers": _answers,
    "failed": _failed,
    "stuck": _stuck,
}
