"""Connections that sshd drops because many come at once (MaxStartups 10:30:100): when to try again.

Nothing has happened on the host by then. An sshd from 8.5 on says why it hangs up; an older one can't be told from a
server that is no sshd, so there it is tried less often, and only where it hung up at once.
"""

from __future__ import annotations

import random

SAYS = "Exceeded MaxStartups"  # instead of a greeting
TRIES = 12  # where it says so
GUESSES = 4  # where it may be so
AT_ONCE = 2.0  # seconds; a server that takes longer to hang up hangs, and is not asked again


def worth_another_try(number: int, seconds: float, *, told: bool, perhaps: bool) -> bool:
    """Whether to try again behind the attempt of this number (from 1), which took so long."""
    if told:
        return number < TRIES
    return perhaps and seconds < AT_ONCE and number < GUESSES


def pause(number: int) -> float:
    """Seconds to wait behind the attempt of this number, with jitter: those who were dropped together come apart."""
    return random.uniform(0.5, 1.5) * min(0.25 * number, 1.5)  # noqa: S311 - jitter, no secret
