"""A lab that is watched while visitors come: its metrics, its visitors, and what its processes cost."""

from __future__ import annotations

import http.client
import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.lab.host import LabHost

LOG = "storage/logs/laravel.log"
_CPU = Path("/sys/fs/cgroup/cpuacct")  # the first version of control groups
_UNIFIED = Path("/sys/fs/cgroup")  # the second


def metrics(folder: Path) -> dict[str, Any]:
    """The metrics of the shipped environments.yaml; Redis and MySQL are files in a folder, which `noise` writes."""
    return {
        "health": {"source": "request", "path": "/health", "json": {"status": "ok"}, "limit": "<= 0", "for": "2 of 3"},
        "portal_errors": {
            "source": "log",
            "level": "error",
            "pattern": "SQLSTATE",
            "limit": "<= 0.05",
            "worse": "2x",
            "for": "2 of 3",
            "guard": True,
        },
        "error_rate": {"source": "log", "level": "error", "worse": "2x"},
        "p95": {
            "source": "request",
            "path": "/portal",
            "value": "ms",
            "expect": [200, 404],
            "limit": "< 3000",
            "worse": "1.5x",
            "for": "2 of 20",
        },
        "hit_ratio": {"source": "redis", "client": f"cat {folder}/redis #", "limit": ">= 80", "worse": "0.9x"},
        "calls": {"source": "mysql", "client": f"cat {folder}/calls #", "query": "x", "worse": "0.5x"},
    }


@dataclass(slots=True)
class Noise:
    """What goes on at a healthy shop: lookups that mostly hit, calls that come and go, an error now and then."""

    folder: Path
    seed: int = 1
    errors: float = 0.0  # per second on each host
    hits: int = 0
    misses: int = 0
    dice: random.Random = field(init=False)

    def __post_init__(self) -> None:
        """The same seed is the same noise."""
        self.dice = random.Random(self.seed)  # noqa: S311 - no secret
        self.step((), 1.0)

    def step(self, hosts: tuple[LabHost, ...], seconds: float) -> None:
        """So many seconds go by."""
        self.hits += int(self.dice.gauss(930, 40))
        self.misses += int(self.dice.gauss(70, 15))
        (self.folder / "redis").write_text(f"keyspace_hits:{self.hits}\nkeyspace_misses:{max(self.misses, 0)}\n")
        (self.folder / "calls").write_text(f"{max(0, int(self.dice.gauss(60, 8)))}\n")
        for host in hosts:
            if self.dice.random() < self.errors * seconds:
                with (host.app / LOG).open("a") as log:
                    log.write(f"[{time.strftime('%Y-%m-%d %H:%M:%S')}] lab.ERROR: No such call {{}}\n")


@dataclass(slots=True)
class Visitors:
    """Visitors of /portal on each host, so many at a time with a pause between two pages; they leave by themselves."""

    hosts: tuple[LabHost, ...]
    pause: float = 0.05  # seconds
    most: int = 200_000  # requests
    seconds: float = 1_800.0
    asked: int = 0
    failed: int = 0
    _over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def there(self) -> Iterator[None]:
        """While they are there."""
        threads = [threading.Thread(target=self._visit, args=(host,), daemon=True) for host in self.hosts]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join(15)

    def _visit(self, host: LabHost) -> None:
        until = time.monotonic() + self.seconds
        while self.asked < self.most and time.monotonic() < until and not self._over.wait(self.pause):
            self.asked += 1
            with suppress(OSError, http.client.HTTPException):
                self.failed += host.portal() >= 500


class Meter:
    """The processor time of a host: of its sshd with all that sessions start, without the web server."""

    def __init__(self, host: LabHost) -> None:
        base = _CPU if _CPU.is_dir() else _UNIFIED
        self._group = base / f"rolloutctl-load-{os.getpid()}"
        self._group.mkdir()
        (self._group / "cgroup.procs").write_text(str(host.sshd.pid))

    def seconds(self) -> float:
        """So far."""
        if (self._group / "cpuacct.usage").exists():
            return int((self._group / "cpuacct.usage").read_text()) / 1e9
        lines = (self._group / "cpu.stat").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("usage_usec")) / 1e6

    def close(self) -> None:
        """Once no process is left in it."""
        self._group.rmdir()
