"""What stands for a part of the outside that is not there, or not needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rolloutctl.errors import ConfigurationError
from rolloutctl.rules.checklists import Checklist
from rolloutctl.rules.config import Environment
from rolloutctl.rules.metrics import FromPrometheus, Sample

if TYPE_CHECKING:
    from rolloutctl.rules.channels import Channel, Kind
    from rolloutctl.rules.hooks import Hook
    from rolloutctl.rules.letters import Letter


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


class NoSamples:
    """A machine that has measured nothing, and keeps nothing."""

    told: tuple[str, ...] = ()

    def add(
        self, environment: str, samples: Iterable[Sample], memories: Mapping[tuple[str, str | None], str] | None = None
    ) -> None:
        """Kept nowhere."""

    def recall(self, metric: str, environment: str, host: str | None) -> str:
        """Nothing was kept."""
        return ""

    def of(
        self, metric: str, environment: str, host: str | None, since: datetime, until: datetime
    ) -> tuple[Sample, ...]:
        """There are none."""
        return ()

    def prune(self, before: datetime) -> None:
        """There are none."""


class NoPost:
    """A machine that sends nothing."""

    def letter(self, kind: Kind, facts: Mapping[str, Any], folder: str | None) -> Letter:
        """There are no templates."""
        raise ConfigurationError(f"{kind} can't be written here.")

    def deliver(self, way: Channel, letter: Letter, about: Mapping[str, Any]) -> str:
        """Sent nowhere."""
        return "nothing is sent from here"


class NoHooks:
    """A machine that does nothing else when a flag changes."""

    def __call__(self, hook: Hook, document: Mapping[str, Any]) -> str:
        """Nothing was asked for, so nothing failed."""
        return ""


def nobody_asks(_source: FromPrometheus, _seconds: float) -> tuple[None, str]:
    """Nobody can ask Prometheus from here."""
    return None, "nobody asks it"
