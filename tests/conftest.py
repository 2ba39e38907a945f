"""What all tests share: how hypothesis looks for examples."""

from __future__ import annotations

import os
import signal

from hypothesis import settings

# The machine may be busy with a lab, so no example is too slow; in CI each run tries the same ones.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")

# Where the tests themselves run in GitHub Actions, what they try is no part of that run's summary.
os.environ.pop("GITHUB_ACTIONS", None)

# A shell starts what runs in its background with these ignored, and so would every client that a test starts.
for name in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(name) is signal.SIG_IGN:
        signal.signal(name, signal.default_int_handler)
