"""A play for deployments: embedded hosts whose application is a git clone, and the team's own clone of it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.cli.shell import PATIENCE, Shell

NAME = "2025_11_20_090000_create_calls_table"
BROKEN = "2025_11_21_090000_add_note_to_calls"
# As artisan speaks; the embedded host has no Laravel. `password` is a secret of its .env.
MIGRATES = f"echo 'Migrating: {NAME}'\necho 'Migrated:  {NAME} (2.00ms)'\n"
FAILS = f"""{MIGRATES}echo 'Migrating: {BROKEN}'
mkdir -p storage/logs
echo '[2025-11-24 09:00:00] production.ERROR: column note exists already {{"x":1}}' >>storage/logs/laravel.log
grep DB_PASSWORD .env
echo 'SQLSTATE[42S21]: Column already exists' >&2
exit 1
"""
CONFIGURATION = """\
version: 1
defaults:
  connection: embedded
  steps:
    - {name: config cache, builtin: config-cache}
    - {name: restart php-fpm, run: sudo -n systemctl restart php8.2-fpm, timeout: 30s}
    - {name: restart workers, run: echo workers >>../once, once: true}
  health: {path: /health, json: {status: ok}, within: 1s}
flags:
  customer_portal:
    companies_key: FEATURE_CUSTOMER_PORTAL_TEST_COMPANIES
    companies_config: features.customer_portal_test_companies
    probes: [{path: /portal, off: [404], limited: [200, 404], on: [200]}]
  bulk_export: {probes: [{path: /features/bulk_export, off: [404], on: [200]}]}
environments:
  staging:
    hosts: [demo, web-2]
    deploy:
      ref: main
      steps:
        - name: code
          run: git fetch -q origin && git checkout -q --detach "$(git rev-parse -q --verify origin/{ref} || echo {ref})"
        - {name: packages, run: echo installed >>../packages, when: packages.lock}
        - {name: migrate, run: sh ./migrate, once: true}
        - {builtin: steps}
  alone:
    hosts: [demo]
    deploy:
      steps:
        - {name: wait, run: "touch ../waits; n=0; until [ -e ../go ] || [ $n = 300 ]; do sleep 0.1; n=$((n+1)); done"}
        - {builtin: steps}
  plain: {hosts: [demo], deploy: {steps: [{builtin: steps}]}}
  opens:
    hosts: [demo]
    deploy: {steps: [{name: edit, run: "sed -i s/_EXPORT=false/_EXPORT=true/ .env"}, {builtin: steps}]}
  hurries:
    hosts: [demo]
    deploy:
      steps:
        - {name: edit, run: "sed -i s/_EXPORT=false/_EXPORT=true/ .env; php artisan config:cache"}
        - {name: restart, run: sudo -n systemctl restart php8.2-fpm}
  production: {hosts: [demo, web-2], deploy: {verify_only: true}}
tasks:
  sync:
    run: "echo copying; grep DB_PASSWORD .env; echo copied >>../task"
    environments: [staging]
    confirm: true
  fails: {run: "echo nothing to see; exit 3", environments: [alone]}
  here: {run: 'echo "here $ROLLOUTCTL_ENVIRONMENT"', on: here, environments: [staging, alone]}
"""


class Play:
    """Two embedded hosts, a bare remote, and a clone beside environments.yaml."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shell = Shell(folder, CONFIGURATION)
        assert self.shell.run("health", "staging").status == 0
        base = folder / "state/rolloutctl/demo"
        self.hosts = {"demo": base, "web-2": base / "hosts/web-2"}
        self.remote = folder / "remote.git"
        git(folder, "init", "-q", "--bare", "-b", "main", str(self.remote))
        git(folder, "init", "-q", "-b", "main", ".")
        git(folder, "remote", "add", "origin", str(self.remote))
        git(folder, "config", "user.name", "T")
        git(folder, "config", "user.email", "t@example.com")
        (folder / ".gitignore").write_text("bootstrap/\n.env\nstorage/\nstate/\nenvironments.yaml\nremote.git\n")
        (folder / "packages.lock").write_text("1")
        self.first = self.commit("first", migrate=MIGRATES)
        for host in self.hosts.values():
            git(host / "app", "init", "-q", "-b", "main", ".")
            git(host / "app", "remote", "add", "origin", str(self.remote))
            git(host / "app", "fetch", "-q", "origin")
            git(host / "app", "checkout", "-q", "-f", "--detach", self.first)

    def commit(self, message: str, branch: str = "main", **files: str) -> str:
        """Commit files in the clone, and push them as a branch; the commit."""
        for name, text in files.items():
            (self.folder / name).write_text(text, encoding="utf-8")
        git(self.folder, "add", "-A")
        git(self.folder, "commit", "-q", "--allow-empty", "-m", message)
        git(self.folder, "push", "-q", "origin", f"HEAD:{branch}")
        return git(self.folder, "rev-parse", "HEAD")

    def live(self, host: str = "demo") -> str:
        """The commit that is checked out on a host."""
        return git(self.hosts[host] / "app", "rev-parse", "HEAD")

    def env(self, host: str = "demo") -> str:
        """The `.env` of a host."""
        return (self.hosts[host] / "app/.env").read_text(encoding="utf-8")

    def records(self, event: str, host: str = "demo") -> list[dict[str, Any]]:
        """The marks of a kind in a host's log."""
        found = self.shell.run("audit", "staging", "--json", "--limit", "50").document["records"]
        return [record for record in found if record["event"] == event and record["host"] == host]

    def background(self, *words: str) -> subprocess.Popen[str]:
        """Begin a command, and go on."""
        return subprocess.Popen(
            self.shell.command(*words),
            env=self.shell.environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def wait_until(holds: Callable[[], bool]) -> None:
    """Poll until it holds, with a bound."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def git(folder: Path, *words: str) -> str:
    """Run git as somebody with a name; its first line."""
    somebody = ("-c", "user.name=T", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
    ran = subprocess.run(
        ["git", "-C", str(folder), *somebody, *words],
        capture_output=True,
        text=True,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    return ran.stdout.strip()
