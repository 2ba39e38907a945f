"""A line between a client and a server that can go dead without being closed, as a firewall drops what it forgot."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Relay:
    """Carries connections from a port of its own to another; closed with its block."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._selector = selectors.DefaultSelector()
        self._others: dict[socket.socket, socket.socket] = {}
        self._guard = threading.Lock()
        self._deaf = False
        self._dead: list[socket.socket] = []  # kept open, for the other side must not hear of it
        self._over = False
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._carry, name="relay", daemon=True)
        self._thread.start()

    def drop(self, *, new_too: bool) -> None:
        """From now on nothing passes on the lines that stand; `new_too`: nor on later ones, which still connect."""
        with self._guard:
            for line in self._others:
                self._selector.unregister(line)
            self._dead += self._others
            self._others, self._deaf = {}, new_too

    def restore(self) -> None:
        """New lines pass again; those that went dead stay dead."""
        self._deaf = False

    def hang_up(self) -> None:
        """Close the dead lines, as both systems do by themselves after hours."""
        with self._guard:
            for line in self._dead:
                line.close()
            self._dead = []

    def close(self) -> None:
        """End it, and every line with it."""
        self._over = True
        self._thread.join(10)
        self._selector.close()

    def _carry(self) -> None:
        while not self._over:
            for key, _ in self._selector.select(0.05):
                with self._guard:
                    if key.fileobj is self._listener:
                        self._take()
                    elif isinstance(key.fileobj, socket.socket) and key.fileobj in self._others:
                        self._pass(key.fileobj)
        self.hang_up()
        for line in (*self._others, self._listener):
            line.close()

    def _take(self) -> None:
        near, _ = self._listener.accept()
        if self._deaf:
            self._dead.append(near)
            return
        try:
            far = socket.create_connection(("127.0.0.1", self._to))
        except OSError:
            near.close()
            return
        for one, other in ((near, far), (far, near)):
            self._others[one] = other
            self._selector.register(one, selectors.EVENT_READ)

    def _pass(self, line: socket.socket) -> None:
        other = self._others[line]
        data = b""
        with suppress(OSError):
            data = line.recv(65536)
        if data:
            with suppress(OSError):
                other.sendall(data)
            return
        for each in (line, other):
            if self._others.pop(each, None) is not None:
                self._selector.unregister(each)
            each.close()


@contextmanager
def relay_to(port: int) -> Iterator[Relay]:
    """A relay to a port on loopback."""
    relay = Relay(port)
    try:
        yield relay
    finally:
        relay.close()
