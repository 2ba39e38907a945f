"""A file that is written again: whole under another name first, then at once in the place of the old one."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path


def replace_whole(place: Path, data: bytes, mode: int) -> None:
    """Give a file other content and these rights, or leave it as it was. `place` is no link.

    Raises:
        OSError: it can't be written; nothing is left beside it.
    """
    descriptor, aside = tempfile.mkstemp(prefix=f".{place.name}.", dir=place.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), mode)
        Path(aside).replace(place)
    finally:
        with suppress(FileNotFoundError):
            Path(aside).unlink()
