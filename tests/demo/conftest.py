"""Embedded hosts: one for the tests that only look, and one of its own for each that changes something."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from rolloutctl.demo.host import EmbeddedHost
from tests.demo import ssh


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedHost]:
    with EmbeddedHost(tmp_path_factory.mktemp("shared") / "demo") as host:
        yield host


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[EmbeddedHost]:
    with EmbeddedHost(tmp_path / "demo") as host:
        yield host


@pytest.fixture
def client(shared: EmbeddedHost) -> Iterator[paramiko.SSHClient]:
    with ssh.connect(shared) as client:
        yield client
