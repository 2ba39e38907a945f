"""Adds an entry to an environments.yaml that people have written: nothing else in it changes, and never half of it."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from rolloutctl.errors import Refused
from rolloutctl.outside.yaml_file import parse, text_of
from rolloutctl.outside.yaml_tree import Unreadable, read_tree
from rolloutctl.rules.config import Configuration
from rolloutctl.rules.insertion import Insertion, insert
from rolloutctl.rules.proposal_text import scalar

_MARK = b"\xef\xbb\xbf"  # of UTF-8, at the beginning of what some editors write


class EditedYamlFile:
    """`contracts.EditedFile` on this machine's disk.

    Raises:
        ConfigurationError: it can't be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._text = text_of(path)

    @property
    def path(self) -> str:
        """Where it is."""
        return str(self._path)

    def read(self) -> Configuration:
        """What it says."""
        return parse(self._text, self._path)

    def check(self, text: str) -> Configuration:
        """What it would say with another text."""
        return parse(text, self._path)

    def insert(self, section: str, name: str, lines: Sequence[str]) -> Insertion:
        """The file with one more entry in a section, and nothing else that is new."""
        entry = [f"{scalar(name)}:", *(f"  {line}" for line in lines)]
        root, _ = read_tree(self._text)
        insertion = insert(self._text, root, section, entry)
        if insertion is None or not _adds_only(root.plain(), insertion.text, section):
            raise Refused(
                f"{section} can't be added to without touching the rest of this file.",
                subject=self.path,
                state=f"Nothing was written. Add this below `{section}:`, by hand:",
                details=tuple(f"  {line}" for line in entry),
            )
        return insertion

    def write(self, insertion: Insertion) -> None:
        """Put the new text in the place of the old one, at once; mode, owner and a link to the file stay."""
        target = self._path.resolve()
        try:
            raw = target.read_bytes()
            mark = _MARK if raw.startswith(_MARK) else b""
            if raw.removeprefix(_MARK) != self._text.encode():
                raise Refused(
                    "Somebody has changed this file meanwhile.",
                    subject=self.path,
                    state="It was left as it is.",
                    hint="The same command again reads it anew.",
                )
            _replace(target, mark + insertion.text.encode())
        except OSError as error:
            raise Refused(
                f"The file can't be written: {(error.strerror or str(error)).lower()}.",
                subject=self.path,
                state="It is as it was.",
                hint=f"See: ls -ld {target.parent} {target}",
            ) from error


def _adds_only(before: object, text: str, section: str) -> bool:
    """Whether the text says what was said before, and has one more entry in the section."""
    try:
        after = read_tree(text)[0].plain()
    except Unreadable:
        return False
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return False
    had, has = before.get(section) or {}, after.get(section)
    if {**before, section: has} != after or not isinstance(has, dict) or not isinstance(had, dict):
        return False
    return len(has) == len(had) + 1 and all(has.get(name) == value for name, value in had.items())


def _replace(target: Path, raw: bytes) -> None:
    before = target.stat()
    descriptor, aside = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(raw)
            file.flush()
            with suppress(PermissionError):  # only root gives files away; a group that is one's own can be kept
                os.fchown(file.fileno(), before.st_uid, before.st_gid)
            os.fchmod(file.fileno(), stat.S_IMODE(before.st_mode))
            os.fsync(file.fileno())
        Path(aside).replace(target)
    finally:
        with suppress(FileNotFoundError):
            Path(aside).unlink()
