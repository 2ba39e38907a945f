"""Runs a task on the operator's own machine, and tells what it says while it runs."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from rolloutctl.outside.speech import Speech
from rolloutctl.rules.env_lines import EnvText
from rolloutctl.rules.redact import Redactor, printable
from rolloutctl.rules.tasks import Task
from rolloutctl.rules.work import OVER, StepRun

_PIECE = 65_536  # bytes
_TAIL = 8_192  # bytes of the output that are kept
_GRACE = 5.0  # seconds between TERM and KILL


class TaskRunner:
    """`workflows.run_task.Here`: `/bin/sh` in the folder of environments.yaml, with the operator's own variables."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def env(self) -> EnvText:
        """The `.env` beside environments.yaml, whose values are secrets too; empty where there is none."""
        try:
            return EnvText((self._folder / ".env").read_bytes())
        except OSError:
            return EnvText(b"")

    def __call__(self, task: Task, variables: Mapping[str, str], told: Callable[[str], None], of: Redactor) -> StepRun:
        """Run to the end, or until its time is over; it is ended with all that it started. `of` knows the secrets."""
        begun = time.monotonic()
        process = subprocess.Popen(
            ["/bin/sh", "-c", task.run],
            cwd=self._folder,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            tail, over = _listen(process, begun + task.timeout, told, of)
            status = OVER if over else process.wait(_GRACE)
        except subprocess.TimeoutExpired:  # it has closed its output, and goes on
            status = OVER
        finally:
            _end(process)
        ms = int((time.monotonic() - begun) * 1000)
        shown = printable(of.clean(tail.decode(errors="replace"))).strip()
        return StepRun(task.name, status if status >= 0 else 128 - status, ms, shown)


def _listen(
    process: subprocess.Popen[bytes], deadline: float, told: Callable[[str], None], of: Redactor
) -> tuple[bytes, bool]:
    """The end of what it said, in whole lines where it is cut; and whether its time is over."""
    assert process.stdout is not None  # noqa: S101 - for the types
    speech, heard, tail, cut = Speech(), 0, b"", False
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([process.stdout], [], [], min(left, 0.5))[0]:
            continue
        piece = os.read(process.stdout.fileno(), _PIECE)
        if not piece:
            return tail.partition(b"\n")[2] if cut else tail, False
        heard += len(piece)
        lines = speech.add(heard, piece, of)
        if lines:
            told(lines)
        tail, cut = (tail + piece)[-_TAIL:], cut or len(tail) + len(piece) > _TAIL
    return tail.partition(b"\n")[2] if cut else tail, True


def _end(process: subprocess.Popen[bytes]) -> None:
    """All that it started; asked first."""
    for sent in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, sent)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
    if process.stdout is not None:
        process.stdout.close()
