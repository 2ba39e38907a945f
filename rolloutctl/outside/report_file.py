"""Writes a report to this machine's disk: whole or not at all, and in the place of nothing but another report."""

from __future__ import annotations

import stat
from pathlib import Path

from rolloutctl.errors import Refused
from rolloutctl.outside.whole_file import replace_whole

_LOOKED_AT = 2_000  # bytes of its beginning, in which a report of ours says that it is one
_SIGNS = (b'<meta name="generator" content="rolloutctl report">', b"<!-- rolloutctl report -->")
_MODE = 0o644  # it is to be shown around; who wants less says so to the folder, or to the file that is there


def check_place(path: Path, *, force: bool) -> None:
    """See that a report may be written there, before anything is looked up for it.

    Raises:
        Refused: something else is there, or there is no such folder.
    """
    if not path.parent.is_dir():
        raise Refused(
            "There is no such folder.", subject=str(path.parent), state="Nothing was written.", hint="Make it first."
        )
    if not path.exists():
        return
    if not path.is_file():
        raise Refused("This is no file.", subject=str(path), state="Nothing was written.", hint="Name another one.")
    if not force and not _is_ours(path):
        raise Refused(
            "Something else than a report is there.",
            subject=str(path),
            state="It was left as it is.",
            hint="Name another file, or replace it: --force",
        )


def write_report(path: Path, text: str, *, force: bool) -> int:
    """Write a report under another name, and give it its own at once; how many bytes it has. A link stays one.

    Raises:
        Refused: something else is there, or it can't be written.
    """
    place = path.resolve()
    check_place(place, force=force)
    data = text.encode("utf-8", errors="replace")
    try:
        replace_whole(place, data, stat.S_IMODE(place.stat().st_mode) if place.exists() else _MODE)
    except OSError as error:
        raise Refused(
            f"The report can't be written: {(error.strerror or str(error)).lower()}.",
            subject=str(path),
            state="What was there stays.",
            hint=f"See: ls -ld {place.parent}; or name another file.",
        ) from error
    return len(data)


def _is_ours(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            begin = file.read(_LOOKED_AT)
    except OSError:
        return False
    return not begin or any(sign in begin for sign in _SIGNS)
