"""What every story of a change is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct, field
from msgspec.structs import replace

from rolloutctl.contracts import Clock, Hooks, HostLists, Mirror, Outsider, PlanFiles, Post, Samples, Sessions
from rolloutctl.errors import RolloutctlError
from rolloutctl.rules.config import Configuration, Environment
from rolloutctl.rules.metrics import FromPrometheus
from rolloutctl.rules.outcomes import HostOutcome
from rolloutctl.rules.plans import Plan
from rolloutctl.rules.work import Origin
from rolloutctl.workflows.absent import NoFiles, NoHooks, NoPost, NoSamples, Written


class Tools(Struct, frozen=True):
    """What a workflow may use of the outside."""

    sessions: Sessions
    clock: Clock
    mirror: Mirror
    outsider: Outsider
    origin: Origin
    configuration: Configuration
    new_id: Callable[[], str]
    with_hosts: HostLists = field(default_factory=Written)
    files: PlanFiles = field(default_factory=NoFiles)
    samples: Samples = field(default_factory=NoSamples)
    prometheus: Callable[[FromPrometheus, float], tuple[float | None, str]] = lambda _source, _seconds: (
        None,
        "unasked",
    )
    post: Post = field(default_factory=NoPost)
    hooks: Hooks = field(default_factory=NoHooks)

    def origin_now(self) -> Origin:
        """Who asks, and that it is now."""
        return replace(self.origin, since=self.clock.now().isoformat(timespec="seconds"))

    def environment(self, name: str) -> Environment:
        """The environment of that name, with its hosts.

        Raises:
            UsageError: there is none.
            Unlisted: nobody knows which hosts it has.
        """
        return self.with_hosts(self.configuration.environment(name))


class Options(Struct, frozen=True):
    """How a change is to be carried out; `wait` and `confirm_within` in seconds, 0 for not at all."""

    dry_run: bool = False
    with_pending: bool = False
    wait: float = 0.0
    confirm_within: int = 0


class Done(Struct, frozen=True):
    """How a change ended. `result` is one of the words of the JSON answer; `error` tells the exit status."""

    plan: Plan
    result: str  # kept | provisional | reverted | unchanged | refused | in_doubt | planned
    hosts: tuple[HostOutcome, ...]
    notes: tuple[str, ...] = ()
    error: RolloutctlError | None = None
    seconds: float = 0.0
    word: str = ""  # how it ended, in front of who sees it now, where that needs a word of its own
