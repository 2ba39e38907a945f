"""What all tests share: how hypothesis looks for examples, and where files lie."""

from __future__ import annotations

import os
import re
import shutil
import signal
import tempfile
from pathlib import Path

from hypothesis import settings

# The machine may be busy with a lab, so no example is too slow; in CI each run tries the same ones.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")

# Hundreds of hosts are set up and removed again, which takes less time in memory. Containers often have little of it
# there, and may not run a program from it.
MEMORY = Path("/dev/shm")  # noqa: S108 - pytest makes a private folder in it
ENOUGH = 4 * 10**9  # bytes; a run takes less than half of one, and nothing of it stays unless a test fails


def _has_room() -> bool:
    available = re.search(r"^MemAvailable: +(\d+) kB$", Path("/proc/meminfo").read_text(), re.MULTILINE)
    room = min(shutil.disk_usage(MEMORY).free, int(available[1]) * 1024 if available else 0)
    return room > ENOUGH and os.access(MEMORY, os.W_OK) and not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC


if "TMPDIR" not in os.environ and MEMORY.is_dir() and _has_room():
    os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)

# Where the tests themselves run in GitHub Actions, what they try is no part of that run's summary.
os.environ.pop("GITHUB_ACTIONS", None)

# A shell starts what runs in its background with these ignored, and so would every client that a test starts.
for name in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(name) is signal.SIG_IGN:
        signal.signal(name, signal.default_int_handler)
