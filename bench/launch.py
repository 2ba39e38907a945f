"""Runs one command and tells what it cost, as a process of its own.

The kernel counts a child's memory from its parent's on: this one is started isolated, imports next to nothing, and has
less than 9 MB. What needs less than that can't be told.

stdin: JSON with `argv`, `env`, `cwd`, `output` (a file) and `seconds` (how long it may take).
stdout: JSON with `began` (the monotonic clock), `wall`, `cpu` (seconds), `memory` (MB) and `status`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any


def main() -> None:
    """Read what is asked, and tell."""
    asked = json.load(sys.stdin)
    output = os.open(asked["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    began = time.monotonic()
    pid = os.fork()
    if pid == 0:
        _become(asked, output)
    signal.signal(signal.SIGALRM, lambda *_: os.killpg(pid, signal.SIGKILL))
    signal.alarm(asked["seconds"])
    _, status, used = os.wait4(pid, 0)
    wall = time.monotonic() - began
    signal.alarm(0)
    cost = {
        "began": began,
        "wall": wall,
        "cpu": used.ru_utime + used.ru_stime,
        "memory": used.ru_maxrss / 1024,
        "status": os.waitstatus_to_exitcode(status),
    }
    json.dump(cost, sys.stdout)


def _become(asked: dict[str, Any], output: int) -> None:
    """Be the command; never returns."""
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDONLY)
        for place, file in enumerate((nothing, output, output)):
            os.dup2(file, place)
        os.chdir(asked["cwd"])
        os.execvpe(asked["argv"][0], asked["argv"], asked["env"])  # noqa: S606 - no shell is wanted
    except BaseException as error:  # noqa: BLE001 - this is the child, which must not go on as a second parent
        os.write(output, f"{error}\n".encode())
    finally:
        os._exit(127)


if __name__ == "__main__":
    main()
