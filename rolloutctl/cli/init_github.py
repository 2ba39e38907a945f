"""init --github: GitHub workflows, from the environments.yaml that is there."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rolloutctl.cli.invocation import Invocation
from rolloutctl.errors import UsageError

if TYPE_CHECKING:
    from rolloutctl.workflows.init_github import Made

Github = Annotated[
    bool, typer.Option("--github", help="Write GitHub workflows for the environments.yaml there is: docs/ci.md.")
]


def write_workflows(given: Mapping[str, object], invocation: Invocation, *, dry_run: bool) -> None:
    """Write them, and say what is to be set on GitHub; `given` are the options that are about something else.

    Raises:
        UsageError: one of those was given, or there is no server.
        Refused: a file is there already, or can't be written.
    """
    strays = [option for option, value in given.items() if value]
    if strays:
        raise UsageError(
            f"{strays[0]} is about something else: --github takes all from the environments.yaml that is there.",
            state="Nothing was written.",
            hint="Do one after the other. Another file: rolloutctl --config PATH init --github",
        )
    made = _made(invocation, dry_run=dry_run)
    if dry_run:
        for path, text in made.texts.items():
            sys.stdout.write(f"--- # {path}\n{text}")
        return
    from rolloutctl.cli.render import answer_page  # noqa: PLC0415 - rich only where somebody reads
    from rolloutctl.cli.render_init_github import show_made  # noqa: PLC0415

    show_made(made, answer_page())


def _made(invocation: Invocation, *, dry_run: bool) -> Made:
    from rolloutctl.outside.github_files import Repository, load_without_secrets  # noqa: PLC0415 - not for --help
    from rolloutctl.outside.places import find  # noqa: PLC0415
    from rolloutctl.outside.templates import render  # noqa: PLC0415
    from rolloutctl.workflows.init_github import Outside, init_github  # noqa: PLC0415

    file = find(invocation.config, os.environ, Path.cwd()).absolute()
    configuration, secrets = load_without_secrets(file)
    outside = Outside(configuration, secrets, Repository(file), partial(render, html=False))
    return init_github(outside, dry_run=dry_run)
