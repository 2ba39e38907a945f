"""A log on this machine that is followed by the shell line under one of the shells that hosts have."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from rolloutctl.rules.log_entries import entries
from rolloutctl.rules.log_following import News, Place, command, read

SHELLS = (("dash",), ("bash", "--posix"), ("busybox", "ash"))
LIMIT = 2**20


@dataclass
class Follower:
    """Follows a log as a monitor does; its place goes through JSON each time, as over a restart."""

    folder: Path
    shell: tuple[str, ...]
    path: str = "laravel.log"
    limit: int = LIMIT
    place: Place = field(default_factory=Place)
    notes: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    blind: bool = False
    searched: str = ""
    user: int | None = None

    def __post_init__(self) -> None:
        """With busybox all tools are its own, as on Alpine."""
        if self.shell[0] == "busybox":
            tools = self.folder.parent / "applets"
            tools.mkdir(exist_ok=True)
            for name in ("stat", "dd", "base64", "sort"):
                (tools / name).unlink(missing_ok=True)
                (tools / name).symlink_to("/usr/bin/busybox")
            self.searched = f"{tools}:"

    def ask(self) -> str:
        """What the host says."""
        done = subprocess.run(
            [*self.shell, "-c", command(self.path, self.place, self.limit)],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            user=self.user,
            env={"PATH": f"{self.searched}{os.environ['PATH']}", "HOME": str(self.folder)},
        )
        assert done.stderr == ""
        return done.stdout

    def once(self) -> News:
        """One look at the host."""
        news = read(self.place, self.path, self.ask())
        self.place = Place.from_json(news.place.to_json())
        assert self.place == news.place
        self.blind = news.blind
        self.found += [entry.text for entry in entries(news.text)]
        self.notes += [note for note in [news.note] if note]
        return news

    def look(self) -> list[str]:
        """A sample: all that is new, as the messages of its entries."""
        self.found.clear()
        for _ in range(1000):
            if not self.once().more:
                return messages(self.found)
        raise AssertionError("there is always more")

    def end(self) -> list[str]:
        """What is new, with the last entry of each file."""
        return [*self.look(), *self.look()]


def line(message: str, second: int = 0) -> str:
    """One entry, without a trace."""
    return f"[2025-11-26 02:24:{second % 60:02}] production.ERROR: {message}\n"


def messages(texts: list[str]) -> list[str]:
    """What the entries say."""
    return [text.partition("ERROR: ")[2].rstrip("\n") for text in texts]


def numbers_in(paths: list[Path]) -> Counter[str]:
    """The messages in files."""
    return Counter(messages([text for path in paths for text in path.read_text().splitlines()]))
