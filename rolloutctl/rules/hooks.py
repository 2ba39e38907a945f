"""Hooks: what runs on the operator's machine, or is posted to a URL, at moments of a change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from rolloutctl.rules.channels import host_of, secret_parts

Moment = Literal["before-change", "after-change", "change-failed", "phase-changed", "guard-fired"]
MOMENTS: Final[tuple[Moment, ...]] = get_args(Moment)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One thing to do at a moment: a shell line, or a URL that gets a POST. `lacks`: the secret that is missing."""

    run: str | None = None
    webhook: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 30.0  # seconds
    folder: str = "."  # where the line runs: beside environments.yaml
    lacks: str = ""

    def __str__(self) -> str:
        if self.run is not None:
            return f"`{self.run}`"
        return f"the webhook at {host_of(self.webhook)}" if self.webhook else "a webhook"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no message may repeat."""
        return (*(secret_parts(self.webhook) if self.webhook else ()), *self.headers.values())
