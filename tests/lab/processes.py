"""Processes as /proc shows them: who descends from whom, who stands in a folder, and ending them by their id."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


def wait_until(met: Callable[[], bool], what: str, *, seconds: float = 10.0) -> None:
    """Poll until `met` holds.

    Raises:
        TimeoutError: when it does not hold within `seconds`; it says `what`.
    """
    end = time.monotonic() + seconds
    while not met():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds:g} s: {what}")
        time.sleep(0.005)


@dataclass(frozen=True, slots=True)
class Process:
    """A process that lives: zombies, which wait for a parent that may never ask, do not count."""

    pid: int
    parent: int
    command: str


Table = Mapping[int, Process]


def alive(pid: int) -> bool:
    """Whether a process lives."""
    return _read(pid) is not None


def processes() -> Table:
    """All living processes by their id."""
    found = (_read(int(entry.name)) for entry in _PROC.iterdir() if entry.name.isdigit())
    return {process.pid: process for process in found if process}


def with_descendants(pid: int, table: Table) -> list[Process]:
    """A living process and all that descends from it, nearest first; nothing when it does not live."""
    found: list[Process] = []
    generation = [table[pid]] if pid in table else []
    while generation:
        found += generation
        parents = {process.pid for process in generation}
        generation = [process for process in table.values() if process.parent in parents]
    return found


def strangers_in(folder: Path, table: Table, known: Iterable[int] = ()) -> list[Process]:
    """The processes that run in a folder, or whose command or environment names it.

    Neither those that are `known`, nor ourselves and those above us.
    """
    passed = {*known, *_ancestors(table, os.getpid())}
    return [process for process in table.values() if process.pid not in passed and _stands_in(process, str(folder))]


def end(pids: Iterable[int]) -> None:
    """Kill processes and wait until none of them lives."""
    wanted = tuple(pids)
    for pid in wanted:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(alive(pid) for pid in wanted), f"the end of {wanted}")


def _read(pid: int) -> Process | None:
    try:
        name, _, rest = (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")
        state, parent = rest.split()[:2]
        command = (_PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except (OSError, ValueError):
        return None
    return None if state in "ZX" else Process(pid, int(parent), command or name.partition("(")[2])


def _ancestors(table: Table, pid: int) -> Iterable[int]:
    while pid in table:
        yield pid
        pid = table[pid].parent


def _stands_in(process: Process, folder: str) -> bool:
    inside = f"{folder}/"
    return (
        inside in process.command
        or f"{_folder_of(process.pid)}/".startswith(inside)
        or inside in _environment(process.pid)
    )


def _folder_of(pid: int) -> str:
    with suppress(OSError):
        return str((_PROC / str(pid) / "cwd").readlink())
    return ""


def _environment(pid: int) -> str:
    with suppress(OSError):
        return (_PROC / str(pid) / "environ").read_bytes().decode(errors="replace")
    return ""
