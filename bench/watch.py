"""Asks hosts for a page all the time, as a process of its own: python -m bench.watch MODE GAP PORT...

`until`: each host again and again, GAP seconds behind its last answer. `load`: a request each GAP seconds, whether or
not the last one has been answered, as visitors come. It ends with its stdin, and prints a line of JSON for each answer:
when it was asked for (the monotonic clock), the port, the status (0: none), and how many seconds that took.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

_REQUEST = b"GET /portal HTTP/1.0\r\nHost: lab.test\r\n\r\n"
_PATIENCE = 20.0  # seconds for an answer
_MOST_AT_ONCE = 100  # requests of a load: one more is left out, and counted as failed


@dataclass(frozen=True, slots=True)
class Answer:
    """What a host said, when it was asked, and how long it took."""

    asked: float
    port: int
    status: int
    seconds: float


@dataclass(slots=True)
class Watch:
    """A watch that goes on; its answers are there once it is over."""

    answers: list[Answer] = field(default_factory=list)


@contextmanager
def watching(mode: str, gap: float, ports: Sequence[int]) -> Iterator[Watch]:
    """Watch for as long as the block lasts."""
    watch = Watch()
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.watch", mode, str(gap), *map(str, ports)],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None  # noqa: S101 - for the types
    process.stdout.readline()  # it has begun
    try:
        yield watch
    finally:
        said, _ = process.communicate(timeout=2 * _PATIENCE)
        watch.answers += [Answer(*json.loads(line)) for line in said.splitlines()]


async def _ask(port: int) -> Answer:
    asked, status = time.monotonic(), 0
    with suppress(OSError, TimeoutError, ValueError, IndexError):
        async with asyncio.timeout(_PATIENCE):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(_REQUEST)
            status = int((await reader.read()).split(b" ", 2)[1])
            writer.close()
    return Answer(asked, port, status, time.monotonic() - asked)


async def _until(gap: float, port: int, answers: list[Answer]) -> None:
    while True:
        answers.append(await _ask(port))
        await asyncio.sleep(gap)


async def _load(gap: float, port: int, answers: list[Answer]) -> None:
    running: set[asyncio.Task[None]] = set()

    async def one() -> None:
        answers.append(await _ask(port))

    due = time.monotonic()
    try:
        while True:
            if len(running) < _MOST_AT_ONCE:
                task = asyncio.create_task(one())
                running.add(task)
                task.add_done_callback(running.discard)
            else:
                answers.append(Answer(time.monotonic(), port, 0, 0.0))
            due = max(due + gap, time.monotonic())  # a machine that stood still has had no visitors meanwhile
            await asyncio.sleep(max(0.0, due - time.monotonic()))
    except asyncio.CancelledError:
        await asyncio.gather(*running)
        raise


async def _watch(mode: str, gap: float, ports: Sequence[int]) -> list[Answer]:
    answers: list[Answer] = []
    tasks = [asyncio.create_task((_until if mode == "until" else _load)(gap, port, answers)) for port in ports]
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return answers


def main() -> None:
    """Watch until stdin ends."""
    mode, gap, *ports = sys.argv[1:]
    for answer in asyncio.run(_watch(mode, float(gap), [int(port) for port in ports])):
        sys.stdout.write(json.dumps([answer.asked, answer.port, answer.status, answer.seconds]) + "\n")


if __name__ == "__main__":
    main()
