"""A proxy command of one's own: stdin and stdout to a port, as `nc HOST PORT` does."""

from __future__ import annotations

import os
import select
import socket
import sys


def relay(host: str, port: int) -> None:
    """Carry bytes both ways until one side is done."""
    with socket.create_connection((host, port)) as line:
        while True:
            for ready in select.select([0, line.fileno()], [], [])[0]:
                data = os.read(ready, 65536)
                if not data:
                    return
                if ready == line.fileno():
                    os.write(1, data)
                else:
                    line.sendall(data)


if __name__ == "__main__":
    relay(sys.argv[1], int(sys.argv[2]))
