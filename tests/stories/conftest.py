"""Operators for the lab's hosts; whatever a story does, no secret and no leftover may remain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
import yaml

from tests.lab.conftest import (
    deployer_lab,
    doors,
    fresh,
    fresh_deployer,
    fresh_pair,
    fresh_unprivileged,
    lab,
    unprivileged_lab,
)
from tests.lab.lab import Lab, LabHost
from tests.stories.operator import Operator
from tests.stories.traces import assert_nothing_is_left, secrets_in

__all__ = [
    "deployer_lab",
    "doors",
    "fresh",
    "fresh_deployer",
    "fresh_pair",
    "fresh_unprivileged",
    "lab",
    "unprivileged_lab",
]


Edit = Callable[[dict[str, Any]], object]


class Hire(Protocol):
    """Hires an operator for some hosts of a lab.

    `edit` changes environments.yaml as a document; `overrides` are settings of its one environment.
    """

    def __call__(
        self, lab: Lab, *, hosts: list[LabHost] | None = None, edit: Edit | None = None, **overrides: object
    ) -> Operator: ...


@pytest.fixture
def hire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hire]:
    """Operators; when the story is over, everything they saw and left is searched."""
    hired: list[Operator] = []

    def hire_one(
        lab: Lab, *, hosts: list[LabHost] | None = None, edit: Edit | None = None, **overrides: object
    ) -> Operator:
        for key in ("HOME", "XDG_STATE_HOME"):
            monkeypatch.setenv(key, lab.client_env()[key])
        path = tmp_path / f"environments-{len(hired)}.yaml"
        lab.environments_yaml(path, hosts=hosts, environment="lab", **overrides)
        if edit is not None:
            document = yaml.safe_load(path.read_text())
            edit(document)
            path.write_text(yaml.safe_dump(document, sort_keys=False))
        hired.append(Operator(lab, path))
        return hired[-1]

    yield hire_one
    for searched in {id(operator.lab): operator.lab for operator in hired}.values():
        assert_nothing_is_left(searched)
        seen = [operator.everything_seen for operator in hired if operator.lab is searched]
        assert secrets_in(searched, seen) == []
