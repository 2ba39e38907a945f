"""Keys that were opened with a passphrase: asked for once for the whole fleet, and kept in this process alone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import paramiko

    from rolloutctl.contracts import Passphrases

    Load = Callable[[Path, str | None], paramiko.PKey]

_TRIES = 3  # how often a person is asked, as by ssh


class Unusable(Exception):
    """A key file cannot be used; the message says why, `path` which."""

    def __init__(self, reason: str, path: Path) -> None:
        super().__init__(reason)
        self.path = path


class Encrypted(Unusable):
    """A key file needs a passphrase, and there is nobody to ask."""

    def __init__(self, path: Path) -> None:
        super().__init__("encrypted", path)


class WrongPassphrase(Unusable):
    """A passphrase does not fit."""

    def __init__(self, path: Path) -> None:
        super().__init__("wrong passphrase", path)


class TooLate(Unusable):
    """The server did not wait for the passphrase."""

    def __init__(self) -> None:
        super().__init__("the server hung up before it was opened", Path())


class Keyring:
    """The keys that this process has opened. Many hosts may want one at the same time; only the first asks."""

    def __init__(self, passphrases: Passphrases | None = None) -> None:
        self._ask = passphrases
        self._known: dict[Path, paramiko.PKey | Unusable] = {}
        self._locks: dict[Path, threading.Lock] = {}
        self._lock = threading.Lock()

    def holds(self, path: Path) -> bool:
        """Whether a file was opened already."""
        return path in self._known and not isinstance(self._known[path], Unusable)

    def opens(self, path: Path, load: Load) -> bool:
        """Whether a file opens without asking anybody."""
        if path not in self._known:
            try:
                self._known[path] = load(path, None)
            except Unusable:
                return False
        return self.holds(path)

    def key(self, path: Path, load: Load) -> paramiko.PKey:
        """The private key in a file, with `load` to open it.

        Raises:
            Unusable: it can't be opened, or nobody knows its passphrase; the same answer for every host.
        """
        with self._lock:
            lock = self._locks.setdefault(path, threading.Lock())
        with lock:
            if path not in self._known:
                try:
                    self._known[path] = self._opened(path, load)
                except Unusable as error:
                    self._known[path] = error
            found = self._known[path]
        if isinstance(found, Unusable):
            raise found
        return found

    def _opened(self, path: Path, load: Load) -> paramiko.PKey:
        problem: Unusable
        try:
            return load(path, None)
        except Encrypted as error:
            problem = error
        for attempt in range(_TRIES):
            passphrase = self._ask(str(path), again=attempt > 0) if self._ask else None
            if passphrase is None:
                break
            try:
                return load(path, passphrase)
            except WrongPassphrase as error:
                problem = error
        raise problem
