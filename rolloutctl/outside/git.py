"""The clone beside environments.yaml: what a ref means there, and a revert prepared in a folder of its own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_PATIENCE = 20.0  # seconds for what asks no other machine


class Clone:
    """A git repository, by any folder in it. What is checked out there is never touched."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def commit_of(self, ref: str) -> str:
        """The commit that a ref means on the remote, else here; empty where git does not know."""
        for name in (f"refs/remotes/origin/{ref}", ref):
            status, out, _ = self.git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
            if status == 0:
                return out.strip()
        return ""

    def git(self, *words: str, at: Path | None = None, seconds: float = _PATIENCE) -> tuple[int, str, str]:
        """Run git: exit status, stdout, stderr. It never asks anybody; without git the status is 127."""
        quiet = {"GIT_TERMINAL_PROMPT": "0", "GIT_EDITOR": "true", "GIT_PAGER": "cat", "LC_ALL": "C"}
        try:
            ran = subprocess.run(
                ["git", "-C", str(at or self._folder), *words],  # noqa: S607 - the person's own git
                capture_output=True,
                text=True,
                errors="replace",
                timeout=seconds,
                check=False,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **quiet},
            )
        except FileNotFoundError:
            return 127, "", "git was not found"
        except subprocess.TimeoutExpired:
            return 124, "", f"git did not end within {seconds:.0f} s"
        return ran.returncode, ran.stdout, ran.stderr
