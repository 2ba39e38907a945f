"""A line on loopback that takes as long as one to a far away place.

Each byte is held for half of a round trip on its way. TCP's own handshake, one round trip before the first byte, can't
be delayed from outside the kernel: a new line is held for it before anything passes.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

_PIECE = 65536
_Held = asyncio.Queue[tuple[float, bytes]]
"""What is on its way, with the moment at which it arrives; empty at the end."""


class Relays:
    """Relays to some ports."""

    def __init__(self, ports: Iterable[int]) -> None:
        self.seconds = 0.0
        """Of a round trip; may be changed, for lines that begin later."""
        self.lines = 0
        """How many have begun."""
        self.ports = dict.fromkeys(ports, 0)
        """Their own ports, by those that they lead to."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._open = threading.Event()
        self._over = asyncio.Event()
        self._loop = asyncio.new_event_loop()

    @contextmanager
    def carrying(self) -> Iterator[Relays]:
        """For as long as the block lasts."""
        thread = threading.Thread(
            target=self._loop.run_until_complete, args=(self._serve(),), name="relays", daemon=True
        )
        thread.start()
        self._open.wait(10)
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._over.set)
            thread.join()
            self._loop.close()

    async def _serve(self) -> None:
        servers = []
        for port in self.ports:
            server = await asyncio.start_server(self._taking(port), "127.0.0.1", 0)
            self.ports[port] = server.sockets[0].getsockname()[1]
            servers.append(server)
        self._open.set()
        await self._over.wait()
        for server in servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _taking(self, port: int) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]:
        def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = self._loop.create_task(self._carry(port, reader, writer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        return take

    async def _carry(self, port: int, near: asyncio.StreamReader, to_near: asyncio.StreamWriter) -> None:
        trip, clock = self.seconds, self._loop.time
        stands = clock() + trip
        self.lines += 1
        there: _Held = asyncio.Queue()
        back: _Held = asyncio.Queue()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_hold(near, there, lambda: max(clock(), stands) + trip / 2))
                await asyncio.sleep(1.5 * trip)  # until the server has heard that the line stands
                far, to_far = await asyncio.open_connection("127.0.0.1", port)
                tasks.create_task(_release(there, to_far))
                tasks.create_task(_hold(far, back, lambda: clock() + trip / 2))
                await _release(back, to_near)
                to_far.close()
        except* OSError:
            pass  # nobody listens there: the client sees a line that ends
        finally:
            to_near.close()


async def _hold(reader: asyncio.StreamReader, held: _Held, due: Callable[[], float]) -> None:
    """Take in all that comes."""
    data = b"-"
    while data:
        try:
            data = await reader.read(_PIECE)
        except OSError:
            data = b""
        held.put_nowait((due(), data))


async def _release(held: _Held, writer: asyncio.StreamWriter) -> None:
    """Let it go on when it is due, and the end too."""
    clock = asyncio.get_running_loop().time
    with suppress(OSError):
        while True:
            due, data = await held.get()
            if (wait := due - clock()) > 0:
                await asyncio.sleep(wait)
            if not data:
                writer.write_eof()
                return
            writer.write(data)
            await writer.drain()
