"""The real command at a real terminal: what a person starts, sees, interrupts and closes."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.lab.lab import Lab

_ROOT = Path(__file__).parents[2]


class Client:
    """A running command: stdin and stderr are its terminal, stdout is a file."""

    def __init__(self, lab: Lab, configuration: Path, *words: str) -> None:
        self.words = words
        self._out = lab.base / "client" / "stdout.json"
        self._master, terminal = os.openpty()
        self._screen = bytearray()
        self._closing = threading.Event()
        with self._out.open("wb") as out:
            self.process = subprocess.Popen(
                ["setsid", "--ctty", sys.executable, "-m", "rolloutctl", "--config", str(configuration), *words],
                cwd=_ROOT,
                env={**lab.client_env(), "TERM": "xterm", "COLUMNS": "120"},
                stdin=terminal,
                stdout=out,
                stderr=terminal,
            )
        os.close(terminal)
        self._reader = threading.Thread(target=self._read, name="terminal", daemon=True)
        self._reader.start()

    def type(self, keys: bytes) -> None:
        """Type at the terminal; the byte 3 is Ctrl-C."""
        os.write(self._master, keys)

    def close_terminal(self) -> None:
        """As a window that is closed, or a laptop's lid."""
        self._closing.set()
        self._reader.join(10)
        with suppress(OSError):
            os.close(self._master)

    def wait(self, seconds: float = 200.0) -> int:
        """Its exit status; minus the number of the signal that ended it."""
        return self.process.wait(seconds)

    @property
    def seen(self) -> str:
        """All that it showed, on its terminal and on stdout."""
        return self._screen.decode(errors="replace") + self._out.read_text(encoding="utf-8", errors="replace")

    @property
    def document(self) -> dict[str, Any]:
        """Its answer; nothing where it was killed before it had one."""
        text = self._out.read_text(encoding="utf-8")
        return json.loads(text) if text else {}

    def _read(self) -> None:
        while not self._closing.is_set():
            if select.select([self._master], [], [], 0.05)[0]:
                try:
                    self._screen += os.read(self._master, 65536)
                except OSError:  # the last process at this terminal has ended
                    return


@contextmanager
def client(lab: Lab, configuration: Path, *words: str) -> Iterator[Client]:
    """A command at a terminal of its own; killed with the end of the block where it still runs."""
    started = Client(lab, configuration, *words)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            started.process.kill()
            started.process.wait(10)
        started.close_terminal()
