"""The SQLite file in which samples are: found, made, brought up to date, and set aside where it is damaged."""

from __future__ import annotations

import fcntl
import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import TypeVar

from rolloutctl.errors import Refused
from rolloutctl.outside.places import private

# Each makes the file of one version from that of the version before; `user_version` says how many have been run.
# `host` is empty for the operator's side; `at` is in microseconds since 1970.
_VERSIONS = (
    """
    CREATE TABLE series (
        id INTEGER PRIMARY KEY, environment TEXT NOT NULL, metric TEXT NOT NULL, host TEXT NOT NULL,
        UNIQUE (environment, metric, host)
    );
    CREATE TABLE samples (series INTEGER NOT NULL, at INTEGER NOT NULL, value REAL, note TEXT NOT NULL);
    CREATE INDEX samples_in_order ON samples (series, at);
    CREATE TABLE memories (series INTEGER PRIMARY KEY, text TEXT NOT NULL);
    """,
)
# No SQL of ours is wrong in a file of ours: what SQLITE_ERROR says is that this is another one's.
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}
_KIND_OF_ERROR = 0xFF  # the rest of SQLite's code tells more of the same
_ATTEMPTS = 3  # with the open file, opened anew, with a new one
_T = TypeVar("_T")


class SampleFile:
    """The file in use in a folder; several commands, and several threads of one, may use it at once.

    It is in WAL mode: a reader waits for no writer; writers wait for each other, up to `patience` seconds.
    A damaged file stays where it is, and one with a higher number takes its place. It isn't renamed: a command that
    has it open would remove files of the new one, which it finds by its name.
    """

    def __init__(self, folder: Path, patience: float) -> None:
        self.told: list[str] = []
        self._folder = folder
        self._patience = patience
        self._turn = Lock()
        self._opened: tuple[Path, int, sqlite3.Connection] | None = None

    def do(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """What `work` does with the open file.

        Raises:
            Refused: it can't be opened, read or written, or only by waiting longer.
        """
        with self._turn:
            try:
                return self._trying(work)
            except (sqlite3.Error, OSError) as error:
                self._let_go()
                raise Refused(
                    f"The file of samples can't be used: {_words(error)}.",
                    subject=str(self._folder),
                    hint=f"See: ls -l {self._folder}; df -h {self._folder}",
                ) from error

    def close(self) -> None:
        """Let go of the file; the next call opens it again."""
        with self._turn:
            self._let_go()

    def _trying(self, work: Callable[[sqlite3.Connection], _T], attempt: int = 1) -> _T:
        """Damage that is still there when the file was opened anew sets it aside: a newer rolloutctl may have come."""
        path = _newest(self._folder)
        try:
            return work(self._file(path))
        except sqlite3.DatabaseError as error:
            if attempt == _ATTEMPTS or not _is_damage(error):
                raise
            self._let_go()
            if attempt == _ATTEMPTS - 1:
                self._set_aside(path, error)
        return self._trying(work, attempt + 1)

    def _file(self, path: Path) -> sqlite3.Connection:
        """The open file; opened anew where another command has set one aside, or somebody has removed it."""
        if self._opened is not None and self._opened[:2] == (path, _inode(path)):
            return self._opened[2]
        self._let_go()
        with _alone(self._folder):
            file = _open(path, self._patience)
            self._opened = (path, _inode(path), file)
        return file

    def _set_aside(self, path: Path, error: sqlite3.Error) -> None:
        with _alone(self._folder):
            following = _newest(self._folder)
            if following == path:  # else another command was first
                following = _numbered(self._folder, _number(path) + 1)
                _create(following)
        self.told.append(f"{path} is damaged ({_words(error)}): it stays as it is, and samples go to {following.name}.")

    def _let_go(self) -> None:
        if self._opened is not None:
            with suppress(sqlite3.Error):
                self._opened[2].close()
            self._opened = None


def _open(path: Path, patience: float) -> sqlite3.Connection:
    _create(path)
    file = sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False)
    try:
        file.text_factory = lambda data: data.decode(errors="replace")
        file.execute("PRAGMA journal_mode = WAL")
        file.execute("PRAGMA synchronous = NORMAL")  # a power cut may cost the newest samples, a kill none
        _bring_up_to_date(file, path)
    except BaseException:
        file.close()
        raise
    return file


def _create(path: Path) -> None:
    """An empty file that is its owner's alone; SQLite gives those beside it the same rights.

    One that is there isn't opened: closing it would take SQLite's locks on it from this whole process.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _bring_up_to_date(file: sqlite3.Connection, path: Path) -> None:
    (version,) = file.execute("PRAGMA user_version").fetchone()
    if version > len(_VERSIONS):
        raise Refused(
            "The samples were written by a newer rolloutctl.",
            subject=str(path),
            state="They were left as they are.",
            hint="Use that one here too, or move the file away.",
        )
    for number, script in enumerate(_VERSIONS[version:], version + 1):
        file.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {number}; COMMIT;")


@contextmanager
def transaction(file: sqlite3.Connection) -> Iterator[None]:
    """All that is written within, or nothing of it."""
    file.execute("BEGIN IMMEDIATE")
    try:
        yield
        file.execute("COMMIT")
    except BaseException:
        if file.in_transaction:
            file.execute("ROLLBACK")
        raise


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """While a file is made, opened or set aside, no other command does so."""
    private(folder)
    lock = os.open(folder / "samples.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _is_damage(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & _KIND_OF_ERROR in _DAMAGED


def _numbered(folder: Path, number: int) -> Path:
    return folder / ("samples.sqlite" if number == 1 else f"samples-{number}.sqlite")


def _number(path: Path) -> int:
    found = re.fullmatch(r"samples-([1-9][0-9]{0,8})\.sqlite", path.name)
    return int(found[1]) if found else 1


def _newest(folder: Path) -> Path:
    """The file that is in use: the one with the highest number."""
    return _numbered(folder, max((_number(path) for path in folder.glob("samples-*.sqlite")), default=1))


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0


def _words(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()
