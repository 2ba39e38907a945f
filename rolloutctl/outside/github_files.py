"""The files of `init --github`: environments.yaml read without its secrets, and the repository that it stands in."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from rolloutctl.errors import Refused
from rolloutctl.outside.new_file import write_new
from rolloutctl.outside.yaml_file import text_of
from rolloutctl.outside.yaml_tree import Unreadable, read_tree
from rolloutctl.rules.config import Configuration
from rolloutctl.rules.config_reading import faulty, read_configuration


def load_without_secrets(path: Path) -> tuple[Configuration, tuple[str, ...]]:
    """The configuration as it is where no secret is known, and the names of those that it asks for.

    Raises:
        ConfigurationError: it can't be read, or something in it is wrong.
    """
    try:
        root, faults = read_tree(text_of(path))
    except Unreadable as error:
        raise faulty(path, [error.fault]) from None
    asked = _Asked()
    return read_configuration(root, path=path, secrets=asked, faults=faults), tuple(asked.names)


class Repository:
    """`workflows.init_github.Repository` on this machine's disk: the clone that a file stands in, else its folder."""

    def __init__(self, file: Path) -> None:
        above = file.absolute().parents
        self.root = next((folder for folder in above if os.path.lexists(folder / ".git")), above[0])

    def taken(self, path: str) -> bool:
        """Whether something is there already, be it a link that leads nowhere."""
        return os.path.lexists(self.root / path)

    def write(self, texts: Mapping[str, str]) -> None:
        """Make the files, each whole or not at all.

        Raises:
            Refused: one can't be made; those before it were.
        """
        made: list[str] = []
        for path, text in texts.items():
            try:
                (self.root / path).parent.mkdir(parents=True, exist_ok=True)
                write_new(self.root / path, text)
            except OSError as error:
                there = os.path.lexists(self.root / path)
                why = f"The file can't be written: {(error.strerror or str(error)).lower()}."
                raise self._stopped(path, "Somebody has made this file meanwhile." if there else why, made) from error
            made.append(path)

    def _stopped(self, path: str, why: str, made: list[str]) -> Refused:
        return Refused(
            why,
            subject=str(self.root / path),
            state="These were written before:" if made else "Nothing was written.",
            details=tuple(made),
            hint=f"See: ls -ld {(self.root / path).parent}",
        )


class _Asked(Mapping[str, str]):
    """Secrets of which none is known; keeps the names that are asked for."""

    def __init__(self) -> None:
        self.names: dict[str, None] = {}

    def __contains__(self, name: object) -> bool:
        self.names[str(name)] = None
        return False

    def __getitem__(self, name: str) -> str:
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0
