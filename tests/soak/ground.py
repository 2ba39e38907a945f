"""The three hosts that rounds are played on, with state folders that can be full, and what a person does there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.lab.host import LabHost
from tests.lab.lab import Lab
from tests.soak.script import BULK, COMPANIES, PORTAL

_ROOM = "size=2m,mode=0700"  # of a state folder


@dataclass(frozen=True, slots=True)
class Stands:
    """Who sees what on one host: (portal is on, its companies, bulk is on) in file and cache; what it answers."""

    file: tuple[bool, tuple[int, ...], bool]
    cache: tuple[bool, tuple[int, ...], bool]
    live: tuple[int, ...]

    @property
    def agrees(self) -> bool:
        """Whether file, cache and answers say the same."""
        return self.file == self.cache and self.live == answers_for(self.file)

    def sees(self, flag: str) -> bool:
        """Whether anybody sees a feature, by file, cache or answer."""
        if flag == BULK:
            return self.file[2] or self.cache[2] or self.live[-1] == 200
        return self.file[0] or self.cache[0] or 200 in self.live[:-1]


def answers_for(audiences: tuple[bool, tuple[int, ...], bool]) -> tuple[int, ...]:
    """What /portal answers to nobody in particular and to each company, and what /bulk answers."""
    on, companies, bulk = audiences
    portal = [200 if on and (not companies or company in companies) else 404 for company in (None, *COMPANIES)]
    return (*portal, 200 if bulk else 404)


class Ground:
    """A lab for rounds. Use as a context manager; `fresh` before each round."""

    def __init__(self, base: Path) -> None:
        self.lab = Lab(base, layout="deployer")
        self.hosts = {host.name: host for host in self.lab.hosts}
        self.can_fill = os.geteuid() == 0
        self.person = Person()
        self.original = ""
        for host in self.lab.hosts:
            host.state_dir = host.folder / "room"

    def __enter__(self) -> Self:
        self.lab.__enter__()
        for host in self.lab.hosts:
            host.state_dir.mkdir(mode=0o700)
            if self.can_fill:
                self.can_fill = _mount(host.state_dir)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.lab.__exit__(kind, error, trace)
        for host in self.lab.hosts:
            subprocess.run(["umount", "-l", str(host.state_dir)], check=False, capture_output=True)

    def fresh(self, *, on: bool = False) -> None:
        """All as at the beginning; `on`: and everyone sees both features."""
        self.lab.restore()
        self.person = Person()
        for host in self.lab.hosts:
            for path in host.state_dir.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        if on:
            with ThreadPoolExecutor() as pool:
                list(pool.map(_switch_on, self.lab.hosts))
        self.original = self.lab.hosts[0].env_path.read_text()

    def configuration(self, operator: int, order: tuple[str, ...]) -> Path:
        """An operator's environments.yaml."""
        path = self.lab.client / f"operator-{operator}.yaml"
        hosts = [self.hosts[name] for name in order]
        steps = [
            {"name": "config cache", "builtin": "config-cache", "timeout": "6s"},
            {"name": "restart php-fpm", "run": hosts[0].restart_command, "timeout": "4s"},
        ]
        health = {"path": "/health", "expect": [200], "json": {"status": "ok"}, "within": "1s"}
        return self.lab.environments_yaml(path, hosts=hosts, environment="lab", steps=steps, health=health, hold="3s")

    def stands(self, name: str) -> Stands:
        """Who sees what on a host, without asking rolloutctl."""
        host = self.hosts[name]
        live = tuple(host.portal(company) for company in (None, *COMPANIES))
        return Stands(in_file(host.env_path.read_text()), _in_cache(host), (*live, host.get("/bulk")[0]))


def in_file(text: str) -> tuple[bool, tuple[int, ...], bool]:
    """Who sees what by the lines of an `.env`."""
    lines = dict(line.split("=", 1) for line in text.splitlines() if line.startswith("FEATURE_"))
    companies = lines["FEATURE_CUSTOMER_PORTAL_TEST_COMPANIES"]
    return (
        lines["FEATURE_CUSTOMER_PORTAL"] == "true",
        tuple(int(number) for number in companies.split(",") if number),
        lines["FEATURE_BULK_EXPORT"] == "true",
    )


def _in_cache(host: LabHost) -> tuple[bool, tuple[int, ...], bool]:
    code = 'echo json_encode((require $argv[1])["features"]);'
    cache = host.app / "bootstrap" / "cache" / "config.php"
    command = [str(host.bin / "php"), "-r", code, "--", str(cache)]
    found: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return bool(found[PORTAL]), tuple(found[f"{PORTAL}_test_companies"]), bool(found[BULK])


def _switch_on(host: LabHost) -> None:
    for key in ("FEATURE_CUSTOMER_PORTAL", "FEATURE_BULK_EXPORT"):
        host.edit_env(f"\n{key}=false", f"\n{key}=true")
    host.rebuild_cache()
    host.age_cache()
    host.restart_fpm()


def _mount(folder: Path) -> bool:
    return subprocess.run(["mount", "-t", "tmpfs", "-o", _ROOM, "tmpfs", str(folder)], check=False).returncode == 0


@dataclass(slots=True)
class Person:
    """Somebody who edits `.env` and deploys by hand, and remembers it; never the lines of a flag."""

    edits: dict[str, list[tuple[str, str]]] = field(default_factory=dict)  # by host: what was replaced by what
    deployed: set[str] = field(default_factory=set)
    _number: int = 0

    def appends(self, host: LabHost) -> str:
        """`echo ... >> .env`, in one write."""
        line = f"# note {self._next()}\n"
        if not self._appended(host, line):
            return "was too late: the file was replaced while it was written"
        self.edits.setdefault(host.name, []).append(("", line))
        return f"appended {line!r}"

    def replaces(self, host: LabHost) -> str:
        """As an editor does that writes a new file and renames it."""
        text = host.env_path.read_text()
        old = next(line for line in text.splitlines() if line.startswith("APP_NAME="))
        new = f'APP_NAME="Lab Gateway {self._next()}"'
        draft = host.env_path.with_name(".env.draft")
        shutil.copy2(host.env_path, draft)
        draft.write_text(text.replace(old, new))
        if host.env_path.read_text() != text:
            draft.unlink()
            return "saw that the file had changed, and gave up"
        draft.rename(host.env_path)
        self.edits.setdefault(host.name, []).append((old, new))
        return f"{old} -> {new}"

    def rebuilds(self, host: LabHost) -> str:
        """`php artisan config:cache` and the restart, as by hand."""
        done = host.application.artisan("config:cache")
        again = subprocess.run(["sh", str(host.fpm.script), "restart"], capture_output=True, check=False)
        return f"rebuilt the cache: {done.returncode}, {again.returncode}"

    def deploys(self, host: LabHost) -> str:
        """A new release as Deployer makes it: behind a lock, its cache built before `current` moves to it."""
        application = host.application
        self.deployed.add(host.name)
        lock = application.folder / ".dep" / "deploy.lock"
        number = len(list((application.folder / "releases").iterdir())) + 1
        release = application.folder / "releases" / str(number)
        lock.write_text("person")
        try:
            # A real one fetches the code: what a change has beside its files at that moment is no part of it.
            passing = shutil.ignore_patterns("*.rolloutctl.*")
            shutil.copytree(application.path.resolve(), release, symlinks=True, ignore=passing)
            application.artisan_in(release, "config:cache")
            link = application.folder / "release"
            link.symlink_to(f"releases/{number}")
            link.rename(application.folder / "current")
            subprocess.run(["sh", str(host.fpm.script), "restart"], capture_output=True, check=False)
        finally:
            lock.unlink(missing_ok=True)
        return f"put release {number} live"

    def expected(self, name: str, original: str) -> str:
        """The original `.env` of a host with the person's own edits."""
        text = original
        for old, new in self.edits.get(name, ()):
            text = text.replace(old, new) if old else text + new
        return text

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _appended(self, host: LabHost, line: str) -> bool:
        with host.env_path.open("a") as file:
            file.write(line)
            file.flush()
            with suppress(FileNotFoundError):
                return os.fstat(file.fileno()).st_ino == host.env_path.stat().st_ino
        return False


def stamp(begun: float) -> str:
    """Seconds since a round began, for its log."""
    return f"{time.monotonic() - begun:7.3f}"
