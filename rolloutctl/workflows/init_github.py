"""init --github: from the environments.yaml that is there to GitHub workflows, all of them or none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any, Protocol

from msgspec import Struct

from rolloutctl.errors import Refused, UsageError
from rolloutctl.rules.config import Configuration
from rolloutctl.rules.github_workflows import Workflows, workflows_for


class Repository(Protocol):
    """The folder that is pushed to GitHub."""

    @property
    def root(self) -> PurePath:
        """Where it is."""

    def taken(self, path: str) -> bool:
        """Whether something is at a path already."""

    def write(self, texts: Mapping[str, str]) -> None:
        """Make the files, by their paths; none in the place of another.

        Raises:
            Refused: one of them can't be made; it says which were.
        """


class Outside(Struct, frozen=True):
    """What `init --github` may ask of the outside."""

    configuration: Configuration  # without the values of its secrets
    secrets: tuple[str, ...]  # the names in it
    repository: Repository
    render: Callable[[str, Mapping[str, Any]], str]  # a template and its facts


class Made(Struct, frozen=True):
    """The files by their paths, and what they are for."""

    root: PurePath
    workflows: Workflows
    texts: Mapping[str, str]


def init_github(outside: Outside, *, dry_run: bool) -> Made:
    """Make the workflows.

    Raises:
        UsageError: no environment has servers.
        Refused: one of the files is there already, or can't be written.
    """
    configuration, repository = outside.configuration, outside.repository
    workflows = workflows_for(configuration, outside.secrets, repository.root)
    if not workflows.files:
        raise UsageError(
            "No environment has a server that a workflow could reach.",
            subject=configuration.path,
            state="Nothing was written.",
            hint="Add one, with its hosts, below environments: in environments.yaml.",
        )
    paths = [each.path for each in workflows.files]
    if not dry_run and (taken := tuple(filter(repository.taken, paths))):
        raise _taken(taken, repository.root)
    texts = {each.path: outside.render(each.template, each.facts) for each in workflows.files}
    if not dry_run:
        repository.write(texts)
    return Made(repository.root, workflows, texts)


def _taken(paths: tuple[str, ...], root: PurePath) -> Refused:
    what = "One of the files is" if len(paths) == 1 else f"{len(paths)} of the files are"
    return Refused(
        f"{what} there already, and init never overwrites one.",
        subject=str(root),
        state="Nothing was written.",
        details=paths,
        hint="Move away what is there, or take over by hand what this prints: rolloutctl init --github --dry-run",
    )
