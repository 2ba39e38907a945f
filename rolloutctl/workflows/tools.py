"""What every story of a change is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rolloutctl.contracts import Clock, Mirror, Outsider, Sessions
from rolloutctl.errors import RolloutctlError
from rolloutctl.rules.config import Configuration
from rolloutctl.rules.outcomes import HostOutcome
from rolloutctl.rules.plans import Plan
from rolloutctl.rules.work import Origin


@dataclass(frozen=True, slots=True)
class Tools:
    """What a workflow may use of the outside."""

    sessions: Sessions
    clock: Clock
    mirror: Mirror
    outsider: Outsider
    origin: Origin
    configuration: Configuration
    new_id: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Options:
    """How a change is to be carried out; `wait` in seconds."""

    dry_run: bool = False
    with_pending: bool = False
    wait: float = 0.0


@dataclass(frozen=True, slots=True)
class Done:
    """How a change ended. `result` is one of the words of the JSON answer; `error` tells the exit status."""

    plan: Plan
    result: str  # kept | reverted | unchanged | refused | in_doubt | planned
    hosts: tuple[HostOutcome, ...]
    notes: tuple[str, ...] = ()
    error: RolloutctlError | None = None
    seconds: float = 0.0
