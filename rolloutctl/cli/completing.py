"""What the shell offers for an argument; reads environments.yaml and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from rolloutctl.cli.invocation import Invocation
from rolloutctl.cli.wiring import configuration_for
from rolloutctl.errors import RolloutctlError

if TYPE_CHECKING:
    from rolloutctl.rules.config import Configuration


def environments(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """The environments, with their address."""
    known = _configuration(context)
    found = known.environments.values() if known else ()
    return [(each.name, each.url or "") for each in found if each.name.startswith(incomplete)]


def flags(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """The flags, with their description."""
    known = _configuration(context)
    found = known.flags.values() if known else ()
    return [(flag.name, flag.description) for flag in found if flag.name.startswith(incomplete)]


def switches(incomplete: str) -> list[str]:
    """`true` and `false`."""
    return [word for word in ("true", "false") if word.startswith(incomplete)]


def _configuration(context: typer.Context) -> Configuration | None:
    named = context.parent.params.get("config") if context.parent else None
    try:
        return configuration_for(Invocation(config=named))
    except RolloutctlError:
        return None  # the command itself will say what is wrong
