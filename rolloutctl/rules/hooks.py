"""Hooks: what runs on the operator's machine, or is posted to a URL, at moments of a change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, get_args

from msgspec import Struct, field

from rolloutctl.rules.channels import host_of, secret_parts
from rolloutctl.rules.hiding import repr_without

Moment = Literal["before-change", "after-change", "change-failed", "phase-changed", "guard-fired"]
MOMENTS: Final[tuple[Moment, ...]] = get_args(Moment)


class Hook(Struct, frozen=True, kw_only=True):
    """One thing to do at a moment: a shell line, or a URL that gets a POST. `lacks`: the secret that is missing."""

    run: str | None = None
    webhook: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 30.0  # seconds
    folder: str = "."  # where the line runs: beside environments.yaml
    lacks: str = ""

    __repr__ = repr_without("webhook", "headers")

    def __str__(self) -> str:
        if self.run is not None:
            return f"`{self.run}`"
        return f"the webhook at {host_of(self.webhook)}" if self.webhook else "a webhook"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no message may repeat."""
        return (*(secret_parts(self.webhook) if self.webhook else ()), *self.headers.values())
