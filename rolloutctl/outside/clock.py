"""The operator's clock, and names for changes that are drawn by chance."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime

_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"  # none that looks like another
_LENGTH = 8


class SystemClock:
    """The time of the operator's machine."""

    def now(self) -> datetime:
        """The time, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some moment, to measure by."""
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        time.sleep(seconds)


def new_id() -> str:
    """A name for a change: 8 letters and digits, 40 bits, easy to read out over the telephone."""
    return "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
