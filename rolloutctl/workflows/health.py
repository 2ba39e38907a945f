"""health: is the application well, on each host, asked of itself."""

from __future__ import annotations

from collections.abc import Iterable

from rolloutctl.rules.config import Environment
from rolloutctl.workflows.status import EnvironmentStatus, status
from rolloutctl.workflows.tools import Tools


def health(environments: Iterable[Environment], tools: Tools) -> tuple[EnvironmentStatus, ...]:
    """Ask each host's health once; flags are left out."""
    return status(environments, (), tools)
