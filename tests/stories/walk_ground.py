"""Where the walk of docs/walkthrough.md takes place: the lab's hosts, a repository, a pipeline, and a channel."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from tests import warm
from tests.lab.lab import Lab, LabHost
from tests.outside.listeners import Hooked
from tests.stories.walk_page import Command, files

MIGRATES = (
    "echo 'Migrating: 2025_11_20_090000_create_calls_table'; echo 'Migrated:  2025_11_20_090000_create_calls_table'"
)
SYNC = "echo 'Taking the dump of 2025-11-20'\necho 'Every password is replaced.'\n"
SHORTER = {"--baseline 24h": "--baseline 5s --every 2s", "--for 24h": "--for 5s --every 2s"}
"""What nobody waits for in a test."""

_WORDS = {True: "on", False: "off"}  # what PyYAML takes these for
_LISTS = "awk 'BEGIN { for (i = 1; i <= 200; i++) print i, i % 17 + 1 }'"
_TEMPLATE = Path(__file__).parents[1] / "lab" / "app"
_ROUTE = "Route::get('/portal', fn () => 'The customer portal')->middleware('feature:customer_portal');\n"
_BROKEN = _ROUTE.replace("'The customer portal'", "throw new RuntimeException('Portal: no such column: calls.note')")
_WORK = {
    "Customers see their calls at /portal": _ROUTE,
    "Show the note of each call": _BROKEN,
    "Take the note from where it is": _ROUTE,
}
_OF_HOSTS = ".env\nstorage/\nbootstrap/cache/\nrestart-fpm.sh\nreload-fpm.sh\nenvironments.yaml\n*.html\n*.ics\n"


class Ground:
    """One staging host and two of production; the team's clone of the code, where each command is run.

    Args:
        folder: an empty one.
        lab: three hosts, as they were at the start.
        channel: where Slack would be.
    """

    def __init__(self, folder: Path, lab: Lab, channel: Hooked) -> None:
        self.lab = lab
        self.staging, self.production = lab.hosts[2], lab.hosts[:2]
        self.clone, self.origin = folder / "clone", folder / "origin.git"
        self.said: list[str] = []
        self.environment = {
            **lab.client_env(),
            "ROLLOUTCTL_ACTOR": "ana@example.com",
            "SLACK_WEBHOOK": f"{channel.url}/services/of-the-team",
            **{f"GIT_{who}_{what}": "ana@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        }
        self._repository()
        self._write_files()

    def act(self, command: Command) -> tuple[int, str]:
        """Run a command of the page; its exit status, and all that it prints."""
        program, *words = command.words
        if program == "git":
            return self._git_of_the_page(words)
        assert program == "rolloutctl", command.line
        line = shlex.join(words)
        for long, short in SHORTER.items():
            line = line.replace(long, short)
        ran = warm.run(shlex.split(line), env=self.environment, cwd=self.clone)
        self.said += [ran.stdout, ran.stderr]
        return ran.returncode, ran.stdout + ran.stderr

    def _git_of_the_page(self, words: list[str]) -> tuple[int, str]:
        """What a developer does: a commit comes with its edit, and a push to main starts the pipeline."""
        if words[0] == "commit":
            self._write("routes/web.php", self._without_portal() + _WORK[words[-1]])
        said = self._git(self.clone, *words)
        if words[0] == "push" and words[-1] == "main":
            self.lab.first(2).on_all(self._pipeline)
        return 0, said

    def _without_portal(self) -> str:
        lines = self._read("routes/web.php").splitlines(keepends=True)
        return "".join(line for line in lines if "/portal" not in line)

    def _pipeline(self, host: LabHost) -> None:
        """What deploys production behind a push to main."""
        self._git(host.app, "fetch", "-q", "origin")
        self._git(host.app, "checkout", "-q", "-f", "--detach", "origin/main")
        host.rebuild_cache()
        host.restart_fpm()

    def _repository(self) -> None:
        """The code without the portal, live on every host, and a clone of it."""
        shutil.copytree(_TEMPLATE, self.clone, ignore=shutil.ignore_patterns("env.template"))
        self._write(".gitignore", _OF_HOSTS)
        self._write("routes/web.php", self._without_portal())
        self._write("composer.lock", "{}\n")
        self._write("scripts/sync-staging-database.sh", SYNC)
        self._git(self.clone.parent, "init", "-q", "--bare", "-b", "main", str(self.origin))
        self._git(self.clone, "init", "-q", "-b", "main")
        self._git(self.clone, "remote", "add", "origin", str(self.origin))
        self._git(self.clone, "add", "-A")
        self._git(self.clone, "commit", "-q", "-m", "The gateway")
        self._git(self.clone, "push", "-q", "-u", "origin", "main")
        self.lab.on_all(self._adopt)

    def _adopt(self, host: LabHost) -> None:
        self._git(host.app, "init", "-q", "-b", "main")
        self._git(host.app, "remote", "add", "origin", str(self.origin))
        self._pipeline(host)

    def _write_files(self) -> None:
        found = files()
        document = yaml.safe_load(found.pop("environments.yaml"))
        for name, host in zip(("staging", "production"), ((self.staging,), self.production), strict=True):
            self._in_the_lab(document["environments"][name], host)
        for flag in document["flags"].values():
            flag["probes"] = [{_WORDS.get(key, key): each for key, each in probe.items()} for probe in flag["probes"]]
        document["defaults"]["steps"][1]["run"] = self.staging.restart_command
        _steps_of_the_lab(document["environments"]["staging"]["deploy"]["steps"])
        plan = document["rollouts"]["customer_portal"]
        plan["start"], plan["weekend"], plan["companies"]["run"] = datetime.now(UTC).date(), [], _LISTS
        for phase in plan["phases"]:
            if "soak" in phase:
                phase["soak"] = "0.001s"
        self._write("environments.yaml", yaml.safe_dump(document, sort_keys=False))
        for name, text in found.items():
            self._write(name, text)

    def _in_the_lab(self, environment: dict[str, Any], hosts: Sequence[LabHost]) -> None:
        """The hosts keep the names that the page gives them."""
        path = self.lab.environments_yaml(self.clone / "environments.yaml", hosts=hosts)
        there = yaml.safe_load(path.read_text(encoding="utf-8"))["environments"]["lab"]
        names = environment["hosts"]
        environment["url"] = there["url"]
        environment["hosts"] = [{**host, "name": name} for host, name in zip(there["hosts"], names, strict=True)]

    def _write(self, name: str, text: str) -> None:
        path = self.clone / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def _read(self, name: str) -> str:
        return (self.clone / name).read_text(encoding="utf-8")

    def _git(self, folder: Path, *words: str) -> str:
        ran = subprocess.run(
            ["git", "-C", str(folder), *words],
            env={**self.environment, "PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1"},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert ran.returncode == 0, (words, ran.stdout, ran.stderr)
        return ran.stdout + ran.stderr


def _steps_of_the_lab(steps: list[dict[str, Any]]) -> None:
    """The lab has neither composer nor a database."""
    for step in steps:
        if step.get("name") == "composer install":
            step["run"] = "echo Installing"
        if step.get("name") == "migrate":
            step["run"] = MIGRATES
