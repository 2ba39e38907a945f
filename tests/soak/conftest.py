"""The ground that rounds are played on, for this folder's tests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.conftest import fresh, lab, need_packages
from tests.soak.ground import Ground
from tests.stories.conftest import hire

__all__ = ["fresh", "hire", "lab"]


@pytest.fixture(scope="session")
def ground() -> Iterator[Ground]:
    """Three hosts whose state folders can be full."""
    need_packages()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder, Ground(Path(folder) / "lab") as started:
        yield started
