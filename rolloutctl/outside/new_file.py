"""Makes a new environments.yaml: whole or not at all, and never in the place of something."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from rolloutctl.errors import ConfigurationError, Refused
from rolloutctl.outside.places import NAME
from rolloutctl.outside.yaml_file import load, parse
from rolloutctl.rules.config import Configuration

_MODE = 0o644


class NewYamlFile:
    """`contracts.NewFile` on this machine's disk; a folder stands for the environments.yaml in it."""

    def __init__(self, place: Path) -> None:
        self._path = place / NAME if place.is_dir() else place

    @property
    def path(self) -> str:
        """Where it will be."""
        return str(self._path)

    @property
    def taken(self) -> bool:
        """Whether something is there already, be it a link that leads nowhere."""
        return os.path.lexists(self._path)

    @property
    def environments(self) -> tuple[str, ...]:
        """The environments in the file that is there; none where it can't be read."""
        try:
            return tuple(load(self._path, {}).environments)
        except ConfigurationError:
            return ()

    def check(self, text: str) -> Configuration:
        """Read the text as the file would be read."""
        return parse(text, self._path)

    def write(self, text: str) -> None:
        """Make the file, whole or not at all; never in the place of another."""
        try:
            write_new(self._path, text)
        except FileExistsError:
            raise Refused(
                "Somebody has made this file meanwhile.", subject=self.path, state="It was left as it is."
            ) from None
        except OSError as error:
            raise Refused(
                f"The file can't be written: {(error.strerror or str(error)).lower()}.",
                subject=self.path,
                state="Nothing was written.",
                hint=f"See: ls -ld {self._path.parent}; or name another file: --output PATH",
            ) from error


def write_new(path: Path, text: str) -> None:
    """Make a file under another name, and give it its own by a link, which never replaces anything.

    Raises:
        FileExistsError: something is there already.
        OSError: it can't be written.
    """
    descriptor, aside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), _MODE)
        os.link(aside, path)
    finally:
        with suppress(FileNotFoundError):
            Path(aside).unlink()
