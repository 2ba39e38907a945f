"""Exact moments: a session on a host stops in the middle of its real script, in a tool that waits before its work."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.lab.processes import wait_until
from tests.lab.servers import program

Moment = Literal[
    "preparing",
    "unlocked",
    "intent",
    "swapping",
    "between",
    "restarting",
    "asking",
    "deciding",
    "decided",
    "going back",
]

# A tool that the script calls at that moment and at no other; its arguments, and behind them the cache that it builds,
# as a pattern of `case`; the how manieth such call it is. What is asked of a php that stays is such a call as well.
_CALLS: dict[Moment, tuple[str, str, int]] = {
    "preparing": ("php", "*artisan config:cache*/aside.php", 1),  # while the new cache is built aside
    "unlocked": ("flock", "-n 9*", 1),  # prepared, and about to take the lock
    "intent": ("mv", "*/vars.new *", 1),  # under the lock, before "started" is recorded; nothing is touched
    "swapping": ("mv", "*/.env ", 1),  # "started" is recorded, .env is the old one
    "between": ("mv", "*/config.php ", 1),  # .env is the new one, the cache the old one
    "restarting": ("sh", "restart-fpm.sh *", 1),  # both are the new ones, php-fpm is about to be restarted
    "asking": ("php", "answer * ask */change/*", 1),  # php-fpm was restarted; health and probes are about to be asked
    "deciding": ("mv", "*/outcome.new *", 1),  # told to keep or to go back, and nothing of that is durable
    "decided": ("rm", "*/holder ", 1),  # the outcome is durable, recorded and told; the lock is still held
    "going back": ("mv", "*/config.php ", 2),  # about to put the old cache back
}

_STAND_IN = """\
#!/bin/sh
# Stands before a tool of the same name, and waits at the moments that are awaited before it does what that does.
passes() {{
  for moment in {moments}/*.sh; do
    if [ -f "$moment" ]; then . "$moment"; fi
  done
}}
case $* in
  *"/host.php stay")
    exec 3<&5 5<&-
    while IFS= read -r question; do
      said=$(printf %s "$question" | tr '\\t' ' ')
      passes
      printf '%s\\n' "$question"
    done <&3 4<&- | {tool} "$@" 5<&0 3<&-
    exit
    ;;
esac
said="$* ${{APP_CONFIG_CACHE:-}}"
passes
exec {tool} "$@"
"""

_AWAITED = """\
case $said in
  {pattern})
    turn=1
    until mkdir {notes}/turn.$turn 2>/dev/null; do turn=$((turn + 1)); done
    if [ "$turn" = {turn} ]; then
      echo $$ >{notes}/reached
      while [ -e {notes}/held ]; do sleep 0.02; done
    fi
    ;;
esac
"""


@dataclass(frozen=True, slots=True)
class Pause:
    """A session that stops at one moment, once; sessions after it pass."""

    moment: Moment
    notes: Path

    @property
    def stopped(self) -> int:
        """The process that waits there, a child of the session's shell or of a step's; 0 before it is reached."""
        try:
            return int((self.notes / "reached").read_text())
        except (FileNotFoundError, ValueError):
            return 0

    def reached(self, seconds: float = 30.0) -> int:
        """Wait until a session has come to the moment; gives the process that waits there."""
        wait_until(lambda: self.stopped > 0, f"a session that is at '{self.moment}'", seconds=seconds)
        return self.stopped

    def go_on(self) -> None:
        """Let it go on."""
        (self.notes / "held").unlink(missing_ok=True)


@contextmanager
def paused(tools: Path, moment: Moment, programs: Path) -> Iterator[Pause]:
    """Stop the next session that has `tools` first in its PATH; it goes on with the end of the block at the latest.

    `programs` comes next in its PATH. Several moments can be awaited at once. A shell that has tools of its own
    inside, as busybox, passes by.
    """
    tool, pattern, turn = _CALLS[moment]
    moments = tools / f"{tool}.moments"
    notes = moments / moment.replace(" ", "-")
    notes.mkdir(parents=True)
    notes.chmod(0o777)  # sessions may belong to another user
    (notes / "held").touch()
    awaited = notes.with_suffix(".sh")
    _write(awaited, _AWAITED.format(pattern=pattern.replace(" ", r"\ "), notes=notes, turn=turn))
    _write(tools / tool, _STAND_IN.format(moments=moments, tool=_behind(programs, tool)))
    pause = Pause(moment, notes)
    try:
        yield pause
    finally:
        pause.go_on()
        awaited.unlink(missing_ok=True)
        shutil.rmtree(notes, ignore_errors=True)


def _behind(programs: Path, tool: str) -> str:
    own = programs / tool
    return str(own) if own.exists() else program(tool)


def _write(path: Path, text: str) -> None:
    """All at once, for a session may look for its tool just now."""
    new = path.with_name(f".{path.name}")
    new.write_text(text, encoding="utf-8")
    new.chmod(0o755)
    new.rename(path)
