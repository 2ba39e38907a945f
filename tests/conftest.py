"""What all tests share: how hypothesis looks for examples, and where files lie."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile

from hypothesis import settings

# The machine may be busy with a lab, so no example is too slow; in CI each run tries the same ones.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")

# Hundreds of hosts are set up and removed again, which takes less time in memory. Containers often have little of it
# there, and may not run a program from it.
MEMORY = "/dev/shm"  # noqa: S108 - pytest makes a private folder in it
ENOUGH = 4 * 10**9  # bytes; a run takes less than half of one, and nothing of it stays unless a test fails
if (
    "TMPDIR" not in os.environ
    and os.access(MEMORY, os.W_OK)
    and not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC
    and shutil.disk_usage(MEMORY).free > ENOUGH
):
    os.environ["TMPDIR"] = tempfile.tempdir = MEMORY

# Where the tests themselves run in GitHub Actions, what they try is no part of that run's summary.
os.environ.pop("GITHUB_ACTIONS", None)

# A shell starts what runs in its background with these ignored, and so would every client that a test starts.
for name in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(name) is signal.SIG_IGN:
        signal.signal(name, signal.default_int_handler)
