"""What a story may leave behind: the search for secrets, stray processes and stray files, and the reading of logs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from rolloutctl.rules.records import Log, Record, verify
from tests.lab.host import LabHost
from tests.lab.lab import SECRETS, Lab, Snapshot
from tests.lab.processes import Process, wait_until

BRIEF = {"path": "/health", "expect": [200], "json": {"status": "ok"}, "within": "1s"}
"""The lab's health check with little patience, for applications that stay ill."""

EVERYBODYS = ("overrides", "workers")
"""What doctor finds by looking at every process: on this machine they may be those of other tests."""

_AT_REST = {"audit.jsonl", "audit.head", "lock", "change"}


def log_of(host: LabHost) -> tuple[Record, ...]:
    """The records of a host's audit log, as they stand on disk."""
    return whole_log_of(host).records


def whole_log_of(host: LabHost) -> Log:
    """A host's audit log and its head, as they stand on disk; empty before the first record."""
    for path in host.state_dir.glob("*/*/audit.jsonl"):
        head = path.with_suffix(".head")
        return Log(path.read_text(), head.read_text() if head.is_file() else "")
    return Log()


def events_of(host: LabHost) -> list[str]:
    """The events of a host's audit log, oldest first."""
    return [record.event for record in log_of(host)]


def portals(lab: Lab, company: int | None = None) -> list[int]:
    """What /portal answers on each host."""
    return [host.portal(company) for host in lab.hosts]


def contents(lab: Lab) -> list[Snapshot]:
    """All that a change touches on each host, without what a rename and a restart change."""
    return [timeless(host.snapshot()) for host in lab.hosts]


def timeless(seen: Snapshot) -> Snapshot:
    """A snapshot without inodes, and without what php-fpm did."""
    return replace(
        seen,
        env=seen.env and replace(seen.env, inode=0),
        cache=seen.cache and replace(seen.cache, inode=0),
        fpm_pid=0,
        restarts=0,
    )


def line_in(host: LabHost, key: str) -> str | None:
    """The last value of a key as it is written in `.env`."""
    lines = host.env_path.read_text(encoding="utf-8").splitlines()
    return next((line.partition("=")[2] for line in reversed(lines) if line.startswith(f"{key}=")), None)


def assert_nothing_is_left(lab: Lab) -> None:
    """No session or step, no holder, no private or staged file, no change without an outcome, no broken chain."""
    left: list[Process] = []

    def nothing() -> bool:
        left[:] = lab.leftovers()
        return not left

    try:
        wait_until(nothing, "no process left", seconds=15)
    except TimeoutError:
        pytest.fail(f"still there: {[process.command[:120] for process in left]}")
    for host in lab.hosts:
        assert not (strays := strays_of(host)), f"{host.name}: {strays}"
        assert (fault := verify(whole_log_of(host))) is None, f"{host.name}: {fault}"


def secrets_in(lab: Lab, seen: Iterable[str]) -> list[str]:
    """Where a secret of the lab's `.env` stands that has no business there."""
    folders = [lab.client, *(host.state_dir for host in lab.hosts)]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    texts = {str(path): path.read_text(encoding="utf-8", errors="replace") for path in files}
    texts |= {f"what operator {number} saw": text for number, text in enumerate(seen, 1)}
    return [f"{secret!r} in {where}" for where, text in texts.items() for secret in SECRETS if secret in text]


def slow_steps(host: LabHost) -> list[dict[str, str]]:
    """The lab's steps with one of a second in the middle, so that there is a middle."""
    return [
        {"name": "config cache", "builtin": "config-cache"},
        {"name": "slow", "run": "sleep 1"},
        {"name": "restart php-fpm", "run": host.restart_command},
    ]


def session_of(host: LabHost) -> int:
    """The process of the newest session on a host that has begun a change."""
    (path,) = host.state_dir.glob("*/*/change/*/session")
    return int(path.read_text())


def until(met: Callable[[], bool], what: str, seconds: float = 20.0) -> float:
    """Poll until `met` holds, and give the seconds that it took."""
    begun = time.monotonic()
    wait_until(met, what, seconds=seconds)
    return time.monotonic() - begun


def strays_of(host: LabHost) -> list[str]:
    """What a session may have left on a host: staged and private files, changes, whatever is no log and no lock."""
    application = [path for path in host.folder.joinpath("app").rglob("*.rolloutctl.*")]
    state = [
        path
        for machine in host.state_dir.glob("*/*")
        for path in (*machine.iterdir(), *machine.glob("change/*"))
        if path.name not in _AT_REST
    ]
    return [str(path) for path in (*application, *state, *_scratch_of(host))]


def _scratch_of(host: LabHost) -> list[Path]:
    """Private folders of sessions in /tmp that speak of this host."""
    found = []
    for path in Path("/tmp").glob("rolloutctl.*/state.in"):  # noqa: S108 - only looked at
        try:
            if str(host.folder) in path.read_text(errors="replace"):
                found.append(path)
        except OSError:
            continue  # somebody else's, or gone meanwhile
    return found
