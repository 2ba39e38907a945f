"""Processes as /proc shows them: who descends from whom, who stands in a folder, and ending them by their id."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


def wait_until(met: Callable[[], bool], what: str, *, seconds: float = 10.0) -> None:
    """Poll until `met` holds, and spend less on looking than on waiting.

    Raises:
        TimeoutError: when it does not hold within `seconds`; it says `what`.
    """
    end = time.monotonic() + seconds
    while True:
        begun = time.monotonic()
        if met():
            return
        now = time.monotonic()
        if now > end:
            raise TimeoutError(f"not within {seconds:g} s: {what}")
        time.sleep(max(0.005, 2 * (now - begun)))


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
    found = (_read(int(name)) for name in os.listdir("/proc") if name.isdigit())
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
    inside = f"{folder}/".encode()
    return [process for process in table.values() if process.pid not in passed and _stands_in(process, inside)]


def end(pids: Iterable[int]) -> None:
    """Kill processes and wait until none of them lives."""
    wanted = tuple(pids)
    for pid in wanted:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(alive(pid) for pid in wanted), f"the end of {wanted}")


def _read(pid: int) -> Process | None:
    name, _, rest = _content(pid, "stat").rpartition(b")")
    state, parent, *_ = rest.split() or (b"Z", b"")
    if state in b"ZX":
        return None
    command = _content(pid, "cmdline").replace(b"\0", b" ").strip() or name.partition(b"(")[2]
    return Process(pid, int(parent), command.decode(errors="replace"))


def _content(pid: int, name: str) -> bytes:
    """A file of a process, without the detours of a Path: a test looks at some hundred of them, and often."""
    try:
        file = os.open(f"/proc/{pid}/{name}", os.O_RDONLY)
    except OSError:
        return b""
    try:
        pieces = []
        while piece := os.read(file, 65536):
            pieces.append(piece)
        return b"".join(pieces)
    except OSError:  # it has ended meanwhile
        return b""
    finally:
        os.close(file)


def _ancestors(table: Table, pid: int) -> Iterable[int]:
    while pid in table:
        yield pid
        pid = table[pid].parent


def _stands_in(process: Process, inside: bytes) -> bool:
    return (
        inside in process.command.encode()
        or f"{_folder_of(process.pid)}/".encode().startswith(inside)
        or inside in _content(process.pid, "environ")
    )


def _folder_of(pid: int) -> str:
    with suppress(OSError):
        return os.readlink(f"/proc/{pid}/cwd")
    return ""
