"""What every story of a change is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from rolloutctl.contracts import Clock, HostLists, Mirror, Outsider, PlanFiles, Sessions
from rolloutctl.errors import ConfigurationError, RolloutctlError
from rolloutctl.rules.checklists import Checklist
from rolloutctl.rules.config import Configuration, Environment
from rolloutctl.rules.outcomes import HostOutcome
from rolloutctl.rules.plans import Plan
from rolloutctl.rules.work import Origin


class Written:
    """Hosts that all stand in environments.yaml."""

    def __call__(self, environment: Environment) -> Environment:
        """The environment as it is."""
        return environment

    def last(self, _: Environment) -> None:
        """Nothing had to be remembered."""


class NoFiles:
    """A plan that names no files."""

    def text(self, path: str) -> str:
        """There is none."""
        raise ConfigurationError(f"{path} can't be read here.", subject=path)

    def checklist(self, path: str) -> Checklist:
        """There is none."""
        raise ConfigurationError(f"{path} can't be read here.", subject=path)


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
    with_hosts: HostLists = field(default_factory=Written)
    files: PlanFiles = field(default_factory=NoFiles)

    def environment(self, name: str) -> Environment:
        """The environment of that name, with its hosts.

        Raises:
            UsageError: there is none.
            Unlisted: nobody knows which hosts it has.
        """
        return self.with_hosts(self.configuration.environment(name))


@dataclass(frozen=True, slots=True)
class Options:
    """How a change is to be carried out; `wait` and `confirm_within` in seconds, 0 for not at all."""

    dry_run: bool = False
    with_pending: bool = False
    wait: float = 0.0
    confirm_within: int = 0


@dataclass(frozen=True, slots=True)
class Done:
    """How a change ended. `result` is one of the words of the JSON answer; `error` tells the exit status."""

    plan: Plan
    result: str  # kept | provisional | reverted | unchanged | refused | in_doubt | planned
    hosts: tuple[HostOutcome, ...]
    notes: tuple[str, ...] = ()
    error: RolloutctlError | None = None
    seconds: float = 0.0
    word: str = ""  # how it ended, in front of who sees it now, where that needs a word of its own
