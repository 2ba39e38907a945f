"""Servers that are no sshd."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

GREETINGS = {"mail": b"220 mail.example ESMTP\r\n", "web": b"HTTP/1.0 400 Bad Request\r\n\r\n", "mute": b""}


@contextmanager
def answering(greeting: bytes) -> Iterator[int]:
    """The port of a server that greets whoever connects so, hears the client's first words, and hangs up."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)

        def serve() -> None:
            while not over.is_set():
                with suppress(TimeoutError), server.accept()[0] as client:
                    client.sendall(greeting)
                    client.settimeout(1)
                    client.recv(1024)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            over.set()
            thread.join()
