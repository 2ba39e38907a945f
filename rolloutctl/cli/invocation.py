"""One run of the command: what was typed, and how far it got; its last words depend on both."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from msgspec import Struct

if TYPE_CHECKING:
    from rolloutctl.cli.setting_out import Departure
    from rolloutctl.rules.plans import Plan

_SHOWING = {"", "status", "audit", "health", "monitor", "timeline", "report", "doctor", "schema"}
_SHOWING_IN = {("rollout", "plan"), ("rollout", "status"), ("incident", "list"), ("incident", "show")}


class Invocation(Struct):
    """What `main` hands to the command that runs, and asks when that ends badly."""

    argv: tuple[str, ...] = ()
    command: str = ""
    config: Path | None = None
    departure: Departure | None = None  # who has set out for its hosts already
    debug: bool = False
    plan: Plan | None = None  # the change that was shown or carried out
    where: str = ""  # the environment whose hosts do long work, a deployment or a task
    begun: bool = False  # whether a host may have been touched
    interrupted: bool = False  # whether it ended by Ctrl-C or a signal
    hasty: bool = False  # whether something that is asked of hosts may be left behind, so that nothing waits for it
    changing: bool = False  # whether the command of a group is one that changes something

    @property
    def json(self) -> bool:
        """Whether a program reads the answer; asked also when the command line itself could not be read."""
        return "--json" in self.argv

    @property
    def on_github(self) -> bool:
        """Whether it runs in a step of GitHub Actions, which takes a summary and annotations."""
        return os.environ.get("GITHUB_ACTIONS") == "true"

    @property
    def changes(self) -> bool:
        """Whether the command is one that changes something."""
        return self.changing or self.command in {"toggle", "confirm", "rollback"}

    @property
    def shows(self) -> bool:
        """Whether showing something was all there was to do: then it is not done where that can't be written."""
        if self.begun or "--guard" in self.argv:
            return False
        asked = not {"--dry-run", "--help", "-h"}.isdisjoint(self.argv)
        return asked or self.command in _SHOWING or not _SHOWING_IN.isdisjoint(pairwise(self.argv))


def invocation_of(context: typer.Context) -> Invocation:
    """The run that a command belongs to."""
    return context.ensure_object(Invocation)
