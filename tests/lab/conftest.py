"""The labs that tests share, and the one loud line where there can be none."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.doors import Doors, opened
from tests.lab.lab import Lab, missing
from tests.lab.servers import program


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Three hosts, `.env` in the application's folder; use `fresh` for them as they were at the start."""
    need_packages()
    with Lab(tmp_path_factory.mktemp("lab")) as started:
        yield started


@pytest.fixture(scope="session")
def deployer_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Two hosts as Deployer lays them out: `.env` is a link into `shared`."""
    need_packages()
    with Lab(tmp_path_factory.mktemp("dep"), hosts=2, layout="deployer") as started:
        yield started


@pytest.fixture(scope="session")
def unprivileged_lab() -> Iterator[Lab]:
    """One host whose sessions run as nobody. Needs root, so that there is another user to be."""
    need_packages()
    if os.geteuid() != 0:
        pytest.skip("only root can run a session as another user")
    base = Path(tempfile.mkdtemp(prefix="lab-"))  # pytest's own folders let no other user in
    try:
        with Lab(base, hosts=1, unprivileged=True) as started:
            yield started
    finally:
        shutil.rmtree(base)


@pytest.fixture(scope="session")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """Doors: sshd without an application, opened as they are asked for; `doors.new` for one that is changed."""
    need("sshd", "ssh")
    with opened(tmp_path_factory.mktemp("doors")) as started:
        yield started


@pytest.fixture
def fresh(lab: Lab) -> Lab:
    lab.restore()
    return lab


@pytest.fixture
def fresh_pair(fresh: Lab) -> Lab:
    """Two of its hosts: a canary and another, for stories in which a third would do as the second does."""
    return fresh.first(2)


@pytest.fixture
def fresh_deployer(deployer_lab: Lab) -> Lab:
    deployer_lab.restore()
    return deployer_lab


@pytest.fixture
def fresh_unprivileged(unprivileged_lab: Lab) -> Lab:
    unprivileged_lab.restore()
    return unprivileged_lab


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if absent := missing():
        terminalreporter.write_line(_sentence(absent), red=True, bold=True)


def need(*programs: str) -> None:
    """Skip the test where one of them is not installed; in CI it fails."""
    _need_all(tuple(name for name in programs if not program(name)))


def need_packages() -> None:
    """Skip the test where the lab cannot run; in CI it fails."""
    _need_all(missing())


def _need_all(absent: tuple[str, ...]) -> None:
    if absent and os.environ.get("CI"):
        pytest.fail(_sentence(absent))
    if absent:
        pytest.skip(_sentence(absent))


def _sentence(absent: tuple[str, ...]) -> str:
    return f"THE LAB DID NOT RUN: {', '.join(absent)} not installed here. Install with: scripts/lab-packages"
