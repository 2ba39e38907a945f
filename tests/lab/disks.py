"""Full disks, and files and folders that nobody can write: by real mounts, which only root may make."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_ROOM = 4 * 2**20  # bytes that are free before it is filled


@cache
def may_mount() -> bool:
    """Whether this machine lets us mount."""
    if os.geteuid() != 0:
        return False
    seen = subprocess.run(
        ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, timeout=10, check=False
    )
    return seen.returncode == 0


@dataclass(frozen=True, slots=True)
class Disk:
    """A folder that is a small disk of its own."""

    folder: Path

    def fill(self) -> None:
        """Use every byte of it."""
        with (self.folder / ".filler").open("ab", buffering=0) as filler, suppress(OSError):
            for size in (2**16, 2**9, 1):
                with suppress(OSError):
                    while filler.write(b"x" * size):
                        pass

    def free(self) -> None:
        """Make room again."""
        (self.folder / ".filler").unlink(missing_ok=True)


@contextmanager
def disk_of(folder: Path) -> Iterator[Disk]:
    """Put a folder with all that is in it onto a disk of its own; what was written there is gone with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    used = sum(path.lstat().st_size + 4096 for path in folder.rglob("*"))
    aside = folder.with_name(f"{folder.name}.aside")
    mode = f"{folder.stat().st_mode & 0o7777:o}"
    shutil.copytree(folder, aside, symlinks=True)
    _mount("-t", "tmpfs", "-o", f"size={used + _ROOM},mode={mode}", "tmpfs", str(folder))
    shutil.copytree(aside, folder, symlinks=True, dirs_exist_ok=True)
    shutil.rmtree(aside)
    try:
        yield Disk(folder)
    finally:
        _unmount(folder)


@contextmanager
def unwritable(path: Path) -> Iterator[None]:
    """Nobody can write this file, or anything in this folder, not even root."""
    _mount("--bind", str(path), str(path))
    try:
        _mount("-o", "remount,ro,bind", str(path))
        yield
    finally:
        _unmount(path)


def _mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, timeout=10, check=False)
    assert done.returncode == 0, f"mount {arguments}: {done.stderr}"


def _unmount(path: Path) -> None:
    subprocess.run(["umount", "--lazy", str(path)], capture_output=True, timeout=10, check=True)
