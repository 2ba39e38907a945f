"""An operator's shell for tests: the real command in a process of its own, with or without a terminal."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import warm

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0  # seconds

ENVIRONMENTS = """\
version: 1
defaults:
  steps:
    - {name: config cache, builtin: config-cache}
    - {name: restart php-fpm, run: sudo -n systemctl restart php8.2-fpm, timeout: 30s}
  health: {path: /health, json: {status: ok}, within: 5s}
flags:
  customer_portal:
    description: Customers see their calls at /portal
    companies_key: FEATURE_CUSTOMER_PORTAL_TEST_COMPANIES
    companies_config: features.customer_portal_test_companies
    probes:
      - {path: /portal, off: [404], limited: [200, 404], on: [200]}
  bulk_export: {description: Calls as one large file, probes: [{path: /features/bulk_export, off: [404], on: [200]}]}
environments:
  demo: {connection: embedded}
  strict: {connection: embedded, protected: true, hosts: [strict]}
"""


# What stands on the screen, and what is done then; something called says it, and may do something else before.
Answer = tuple[str, str | signal.Signals | Callable[[], str]]


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended."""

    status: int
    out: str
    err: str = ""

    @property
    def document(self) -> dict[str, Any]:
        """The JSON on stdout, which has to be one document."""
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found


class Shell:
    """Runs `rolloutctl` with a home, a state and an environments.yaml of its own."""

    def __init__(self, folder: Path, configuration: str = ENVIRONMENTS) -> None:
        self.folder = folder
        self.configuration = folder / "environments.yaml"
        self.configuration.write_text(configuration, encoding="utf-8")
        self.environment = {
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "ROLLOUTCTL_ACTOR": "tester@example.com",
            "TERM": "xterm",
            "XDG_STATE_HOME": str(folder / "state"),
        }

    def run(self, *words: str, more: Mapping[str, str] | None = None, stdin: str | None = None) -> Ran:
        """Run to the end, without a terminal."""
        done = warm.run(
            ("--config", str(self.configuration), *words),
            env={**self.environment, **(more or {})},
            cwd=self.folder,
            stdin=stdin or "",
            timeout=PATIENCE,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def type(self, *words: str, answers: Sequence[Answer]) -> Ran:
        """Run on a terminal; each answer, or signal, is given once its question stands there. `out` is the screen."""
        return on_terminal(
            self.command(*words), {**self.environment, "COLUMNS": "100", "NO_COLOR": "1"}, self.folder, answers
        )

    def command(self, *words: str) -> list[str]:
        """The words of the process."""
        return [sys.executable, "-m", "rolloutctl", "--config", str(self.configuration), *words]


def on_terminal(command: list[str], environment: Mapping[str, str], folder: Path, answers: Sequence[Answer]) -> Ran:
    """Run any command on a terminal of its own, as `Shell.type` does."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        command,
        env=dict(environment),
        cwd=folder,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    try:
        screen = _converse(leader, list(answers), process)
        return Ran(process.wait(PATIENCE), screen)
    finally:
        process.kill()
        process.wait()
        os.close(leader)


def _converse(leader: int, answers: list[Answer], process: subprocess.Popen[bytes]) -> str:
    """Read until the other side hangs up, and answer on the way."""
    screen, begun, seen = "", time.monotonic(), 0
    while time.monotonic() - begun < PATIENCE:
        if not select.select([leader], [], [], 0.2)[0]:
            continue
        try:
            piece = os.read(leader, 65536)
        except OSError:  # Linux's way to say that the terminal has no more users
            break
        if not piece:
            break
        screen += piece.decode(errors="replace")
        if answers and answers[0][0] in screen[seen:]:
            seen = len(screen)
            _, answer = answers.pop(0)
            if isinstance(answer, signal.Signals):
                process.send_signal(answer)
            else:
                os.write(leader, (answer() if callable(answer) else answer).encode())
    assert answers == [], f"never asked: {answers}\n{screen}"
    return screen.replace("\r\n", "\n")
