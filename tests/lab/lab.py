"""The lab: real hosts on one machine, each with sshd, nginx, php-fpm and a Laravel application on loopback ports."""

from __future__ import annotations

import os
import pwd
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from tests.lab.application import DB_PASSWORD, SECRETS, Fault, Layout
from tests.lab.host import NOBODY, FileState, LabHost, Snapshot, write_key
from tests.lab.processes import Process, end, processes, strangers_in
from tests.lab.servers import keep_compiled, program

__all__ = ["DB_PASSWORD", "SECRETS", "Fault", "FileState", "Lab", "LabHost", "Layout", "Snapshot", "missing"]

_PROGRAMS = ("sshd", "ssh", "nginx", "php-fpm8.2", "php", "flock", "setpriv", "sudo")
_LARAVEL = Path("/usr/share/php/Illuminate/Foundation/Application.php")
_AS_NOBODY = f"setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups"

FLAGS: dict[str, Any] = {
    "customer_portal": {
        "description": "Customers see their calls and appointments at /portal",
        "key": "FEATURE_CUSTOMER_PORTAL",
        "companies_key": "FEATURE_CUSTOMER_PORTAL_TEST_COMPANIES",
        "probes": [
            {"path": "/portal", "headers": {"X-Company": "{company}"}, "off": [404], "limited": [200], "on": [200]},
            {"path": "/portal", "headers": {"X-Company": "{other}"}, "off": [404], "limited": [404], "on": [200]},
            {"path": "/admin/login", "always": [200]},
        ],
    },
    "bulk_export": {
        "description": "Calls as one large file at /bulk",
        "probes": [{"path": "/bulk", "off": [404], "on": [200]}],
    },
}


def missing() -> tuple[str, ...]:
    """What the lab needs and this machine has not; scripts/lab-packages installs it."""
    found = [name for name in _PROGRAMS if not program(name)]
    return (*found, *(() if _LARAVEL.exists() else ("php-laravel-framework",)))


class Lab:
    """Several hosts, and the client that reaches them; a context manager that leaves no process behind.

    Args:
        base: an empty folder with a short path: a socket's path has at most 107 bytes.
        hosts: how many.
        layout: `plain`: `.env` in the application's folder; `deployer`: `current`, `releases/1` and `shared/.env`.
        unprivileged: sessions, application and state belong to nobody, who may use sudo for nothing. For root only;
            every user must be able to enter the folders above `base`.
    """

    def __init__(self, base: Path, *, hosts: int = 3, layout: Layout = "plain", unprivileged: bool = False) -> None:
        self.base = base
        self.client = base / "client"
        self.key = self.client / "id_ed25519"
        self.known_hosts = self.client / ".ssh" / "known_hosts"
        self.compiled = base / "opcache"
        self.unprivileged = unprivileged
        self.hosts: list[LabHost] = [
            LabHost(
                f"web-{number}",
                base / f"web-{number}",
                layout=layout,
                authorized_keys=self.client / "authorized_keys",
                unprivileged=unprivileged,
            )
            for number in range(1, hosts + 1)
        ]

    def __enter__(self) -> Self:
        self._make_client()
        self.compiled.mkdir()
        self.compiled.chmod(0o777)  # php-fpm may belong to another user
        try:
            self.on_all(LabHost.start)
            keep_compiled(self.compiled, self.base)
        except BaseException:
            self.stop()
            raise
        lines = [f"[127.0.0.1]:{host.ssh_port} {host.public_key}\n" for host in self.hosts]
        self.known_hosts.write_text("".join(lines), encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def restore(self) -> None:
        """Every host as it was at the start, and nothing remembered on the client's side."""
        end(process.pid for process in self._strangers())
        shutil.rmtree(self.client / "state", ignore_errors=True)
        self.on_all(LabHost.restore)

    def first(self, count: int) -> Self:
        """The same lab, with its first hosts alone in view; only the whole one can be restored and stopped."""
        view = copy(self)
        view.hosts = self.hosts[:count]
        return view

    def leftovers(self) -> list[Process]:
        """What lives on any host and is none of the servers; one look at all processes serves them all."""
        near = {process.pid: process for process in self._strangers()}
        return [process for host in self.hosts for process in strangers_in(host.folder, near)]

    def stop(self) -> None:
        """End every process that was started here, by the hosts or by what ran on them."""
        try:
            self.on_all(LabHost.stop)
        finally:
            end(process.pid for process in strangers_in(self.base, processes()))

    def client_env(self) -> dict[str, str]:
        """The whole environment of an operator who has the lab's known_hosts and no agent."""
        return {
            "HOME": str(self.client),
            "LANG": "C.UTF-8",
            "PATH": os.environ["PATH"],
            "ROLLOUTCTL_ACTOR": "tester@example.com",
            "XDG_STATE_HOME": str(self.client / "state"),
        }

    def environments_yaml(
        self, path: Path, *, hosts: Iterable[LabHost] | None = None, environment: str = "lab", **overrides: object
    ) -> Path:
        """Write an environments.yaml with one environment of these hosts; `overrides` replace its settings."""
        chosen = list(self.hosts if hosts is None else hosts)
        settings: dict[str, Any] = {
            "url": "http://lab.test",
            "hosts": [self._host_settings(host) for host in chosen],
            "steps": [
                {"name": "config cache", "builtin": "config-cache", "timeout": "60s"},
                {"name": "restart php-fpm", "run": chosen[0].restart_command, "timeout": "30s"},
            ],
            "health": {"path": "/health", "expect": [200], "json": {"status": "ok"}, "within": "10s"},
            **({"shell": _AS_NOBODY} if self.unprivileged else {}),
            **overrides,
        }
        document = {"version": 1, "flags": FLAGS, "environments": {environment: settings}}
        path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        return path

    def _strangers(self) -> list[Process]:
        """The same, with what runs on the client's side."""
        table = processes()
        return strangers_in(self.base, table, {pid for host in self.hosts for pid in host.servers(table)})

    def _host_settings(self, host: LabHost) -> dict[str, Any]:
        return {
            "name": host.name,
            "address": "127.0.0.1",
            "port": host.ssh_port,
            "user": pwd.getpwuid(os.geteuid()).pw_name,
            "key": str(self.key),
            "app": str(host.app),
            "state_dir": str(host.state_dir),
            "local_address": f"127.0.0.1:{host.http_port}",
        }

    def _make_client(self) -> None:
        self.base.mkdir(parents=True, exist_ok=True)
        for folder in (self.client, self.known_hosts.parent):
            folder.mkdir(mode=0o700)
        if self.unprivileged:
            self.base.chmod(0o755)
        public_key = write_key(self.key)
        (self.client / "authorized_keys").write_text(f"{public_key} tester@example.com\n", encoding="utf-8")

    def on_all(self, act: Callable[[LabHost], None]) -> None:
        """Do something on every host, at the same time."""
        with ThreadPoolExecutor(len(self.hosts)) as pool:
            for done in [pool.submit(act, host) for host in self.hosts]:
                done.result()
