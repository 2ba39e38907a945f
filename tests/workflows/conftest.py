"""Embedded hosts for a story in this process: two of them, as one environment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rolloutctl.outside import embedded
from rolloutctl.outside.clock import SystemClock, new_id
from rolloutctl.outside.mirror import FileMirror
from rolloutctl.outside.opening import open_session
from rolloutctl.outside.outsider import ask_outside
from rolloutctl.outside.sample_store import SampleStore
from rolloutctl.outside.yaml_file import load
from rolloutctl.rules.plans import Wish
from rolloutctl.rules.records import Record, read_log
from rolloutctl.rules.work import Origin
from rolloutctl.workflows.toggle import Request, toggle
from rolloutctl.workflows.tools import Done, Options, Tools
from tests.cli.shell import ENVIRONMENTS
from tests.stories.operator import Desk

PAIR = ENVIRONMENTS + "  pair: {connection: embedded, protected: true, hosts: [web-1, web-2]}\n"


@dataclass(slots=True)
class Pair:
    """Whoever works with the two hosts of the environment `pair`."""

    folder: Path
    tools: Tools
    desk: Desk = field(default_factory=Desk)

    def switch(self, flag: str, on: bool, environment: str = "pair") -> Done:
        return toggle(Request(environment, flag, Wish(on), "a test"), Options(), self.tools, self.desk)

    def log(self, host: str) -> tuple[Record, ...]:
        """A host's audit log, as it stands in its file."""
        return read_log((self.state(host) / "audit.jsonl").read_text(encoding="utf-8"))

    def state(self, host: str) -> Path:
        """The folder in which a host keeps its log."""
        (found,) = (self.folder / "demo" / "hosts" / host / "state").glob("*/*/audit.head")
        return found.parent

    def breaks(self, what: str) -> None:
        """Put something out of order on both hosts: one of the switches of the demo."""
        for host in ("web-1", "web-2"):
            (self.folder / "demo" / "hosts" / host / "break" / what).touch()

    def env(self, host: str) -> str:
        """A host's .env."""
        return (self.folder / "demo" / "hosts" / host / "app" / ".env").read_text(encoding="utf-8")


def tools_of(folder: Path, configuration: str = PAIR) -> Tools:
    """All that a workflow needs, with files in a folder of the test."""
    path = folder / "environments.yaml"
    path.write_text(configuration, encoding="utf-8")
    return Tools(
        open_session,
        SystemClock(),
        FileMirror(folder / "mirror"),
        ask_outside,
        Origin("tester@example.com", "laptop", "0"),
        load(path),
        new_id,
        samples=SampleStore(folder / "samples"),
    )


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    monkeypatch.setenv("ROLLOUTCTL_DEMO", str(tmp_path / "demo"))
    embedded.stop()
    yield Pair(tmp_path, tools_of(tmp_path))
    embedded.stop()
