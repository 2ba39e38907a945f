"""A program that writes a log as an application does, at a rate, and rotates it by renaming when that is its task.

    python log_writer.py LOG LINES RATE ROTATE_EVERY

It opens the log for each batch of lines, as PHP does for each request; ROTATE_EVERY lines (0: never) it renames.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

BATCH = 50
KEPT = 50


def rotate(log: Path) -> None:
    """As logrotate does: each file gets the next number, and the log is gone until somebody writes again."""
    for number in range(KEPT, 0, -1):
        old = Path(f"{log}.{number}")
        if old.exists():
            old.rename(f"{log}.{number + 1}")
    log.rename(f"{log}.1")


def main(log: Path, lines: int, rate: int, every: int) -> None:
    begun = time.monotonic()
    for first in range(0, lines, BATCH):
        if every and first and first % every == 0:
            rotate(log)
        batch = "".join(
            f"[2025-11-26 02:24:{number // rate % 60:02}] production.ERROR: n{number:07}.\n#0 {{main}}\n"
            for number in range(first, first + BATCH)
        )
        with log.open("a") as file:
            file.write(batch)
        time.sleep(max(0.0, begun + (first + BATCH) / rate - time.monotonic()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *(int(each) for each in sys.argv[2:]))
