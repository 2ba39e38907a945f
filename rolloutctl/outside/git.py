"""The clone beside environments.yaml: what a ref means there, and a revert prepared in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rolloutctl.rules.redact import printable
from rolloutctl.rules.reverts import Reverted

_PATIENCE = 20.0  # seconds for what asks no other machine
_AWAY = 120.0  # seconds for what does
_ONE_PARENT = 2  # words of `rev-list --parents` for a commit that is no merge
_ADVICE = ("Please make sure you have the correct access rights", "and the repository exists.")
_MOST_BRANCHES = 100  # reverts of one commit


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

    @property
    def trouble(self) -> str:
        """Why there is no clone here; empty where there is one."""
        status, _, said = self.git("rev-parse", "--git-dir")
        return "" if status == 0 else _last(said) or "it is no git repository"

    @property
    def has_remote(self) -> bool:
        """Whether it knows where the team's branches are."""
        return self.git("config", "--get", "remote.origin.url")[0] == 0

    def fetch(self) -> str:
        """Learn what is new on the remote; why that did not work, in words."""
        status, _, said = self.git("fetch", "--quiet", "origin", seconds=_AWAY)
        return "" if status == 0 else _last(said) or f"git fetch ended with exit {status}"

    def branch_for(self, ref: str) -> str:
        """The branch on the remote that a ref names, else the remote's main one; empty where nobody knows."""
        if ref and self.git("rev-parse", "--verify", "--quiet", f"refs/remotes/origin/{ref}")[0] == 0:
            return ref
        status, out, _ = self.git("symbolic-ref", "--short", "refs/remotes/origin/HEAD")
        if status == 0:
            return out.strip().removeprefix("origin/")
        usual = (f"refs/remotes/origin/{name}" for name in ("main", "master"))
        found = (name for name in usual if self.git("rev-parse", "-q", "--verify", name)[0] == 0)
        return next(found, "").rpartition("/")[2]

    def holds(self, branch: str, commit: str) -> bool:
        """Whether the remote's branch has a commit."""
        return self.git("merge-base", "--is-ancestor", commit, f"refs/remotes/origin/{branch}")[0] == 0

    def between(self, before: str, commit: str) -> tuple[str, ...]:
        """The commits of the main line that came after one up to another, the newest first; none where it is not so."""
        if not before or self.git("merge-base", "--is-ancestor", before, commit)[0] != 0:
            return ()
        status, out, _ = self.git("rev-list", "--first-parent", f"{before}..{commit}")
        return tuple(out.split()) if status == 0 else ()

    def told(self, commit: str) -> str:
        """The first line of a commit's message."""
        return printable(self.git("log", "-1", "--format=%s", commit)[1].strip())

    def revert(self, commits: Sequence[str], onto: str) -> Reverted:
        """Revert commits, the newest first, on a new branch that begins at the remote's branch.

        It is done in a folder of its own, which is gone behind it; one with a conflict in it stays.
        """
        branch = self._free_branch(f"revert-{commits[0][:9]}")
        place = Path(tempfile.mkdtemp(prefix="rolloutctl-revert-"))
        status, _, said = self.git("worktree", "add", "-q", "-b", branch, str(place), f"refs/remotes/origin/{onto}")
        if status != 0:
            place.rmdir()
            return Reverted(branch, trouble=_last(said))
        for number, commit in enumerate(commits, 1):
            merge = ("-m", "1") if len(self.git("rev-list", "--parents", "-1", commit)[1].split()) > _ONE_PARENT else ()
            status, out, said = self.git("revert", "--no-edit", *merge, commit, at=place, seconds=_AWAY)
            if status != 0:
                unmerged = self.git("diff", "--name-only", "--diff-filter=U", at=place)[1].splitlines()
                if unmerged:
                    left = tuple(commits[number:])
                    return Reverted(branch, str(place), tuple(map(printable, unmerged)), (), commit, left)
                self._drop(place, branch)
                return Reverted(branch, trouble=_last(said) or _last(out) or "git revert changed nothing")
        stat = self.git("diff", "--stat", f"refs/remotes/origin/{onto}", "HEAD", at=place)[1]
        self._drop(place)
        return Reverted(branch, stat=tuple(printable(stat).rstrip().splitlines()))

    def push(self, branch: str) -> str:
        """Push a branch; why that did not work, in words."""
        status, _, said = self.git("push", "--quiet", "origin", f"refs/heads/{branch}", seconds=_AWAY)
        return "" if status == 0 else _last(said) or f"git push ended with exit {status}"

    def _free_branch(self, wanted: str) -> str:
        names = (wanted, *(f"{wanted}-{number}" for number in range(2, _MOST_BRANCHES)))
        return next(n for n in names if self.git("rev-parse", "-q", "--verify", f"refs/heads/{n}")[0] != 0)

    def _drop(self, place: Path, branch: str = "") -> None:
        self.git("worktree", "remove", "--force", str(place))
        if branch:
            self.git("branch", "-q", "-D", branch)

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


def _last(said: str) -> str:
    """What git says last, as one line; behind an unreachable remote its cause, which stands before git's advice."""
    lines = [line for line in printable(said).splitlines() if line.strip() and not line.startswith(_ADVICE)]
    if len(lines) > 1 and lines[-1].startswith("fatal: Could not read from remote"):
        lines.pop()
    return lines[-1].removeprefix("fatal: ").removeprefix("error: ").removesuffix(".") if lines else ""
