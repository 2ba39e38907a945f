"""Operators for the lab's hosts; whatever a story does, no secret and no leftover may remain."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from tests.lab.conftest import deployer_lab, fresh, fresh_deployer, fresh_unprivileged, lab, unprivileged_lab
from tests.lab.lab import Lab, LabHost
from tests.stories.operator import Operator
from tests.stories.traces import assert_nothing_is_left, secrets_in

__all__ = ["deployer_lab", "fresh", "fresh_deployer", "fresh_unprivileged", "lab", "unprivileged_lab"]


class Hire(Protocol):
    """Hires an operator for some hosts of a lab; `overrides` are settings of the environment."""

    def __call__(
        self, lab: Lab, *, hosts: list[LabHost] | None = None, name: str = "tester@example.com", **overrides: object
    ) -> Operator: ...


@pytest.fixture
def hire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hire]:
    """Operators; when the story is over, everything they saw and left is searched."""
    hired: list[Operator] = []

    def hire_one(
        lab: Lab, *, hosts: list[LabHost] | None = None, name: str = "tester@example.com", **settings: object
    ) -> Operator:
        for key in ("HOME", "XDG_STATE_HOME"):
            monkeypatch.setenv(key, lab.client_env()[key])
        path = lab.environments_yaml(tmp_path / f"environments-{len(hired)}.yaml", hosts=hosts, **settings)
        hired.append(Operator(lab, path, name))
        return hired[-1]

    yield hire_one
    for lab in {id(operator.lab): operator.lab for operator in hired}.values():
        assert_nothing_is_left(lab)
        seen = [operator.everything_seen for operator in hired if operator.lab is lab]
        assert secrets_in(lab, seen) == []
