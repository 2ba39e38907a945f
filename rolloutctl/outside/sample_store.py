"""The samples that this machine has taken, in an SQLite file: several commands may write and read it at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rolloutctl.outside.sample_file import SampleFile, transaction
from rolloutctl.rules.metrics import Sample

_FIND = "SELECT id FROM series WHERE environment = ? AND metric = ? AND host = ?"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Memories = Mapping[tuple[str, str | None], str]  # by metric and host


class SampleStore:
    """`contracts.Samples` in one folder: what was added is there after a SIGKILL too."""

    def __init__(self, folder: Path, *, patience: float = 10.0) -> None:
        self._file = SampleFile(folder, patience)

    @property
    def told(self) -> tuple[str, ...]:
        """What a person should know: that a damaged file was set aside."""
        return tuple(self._file.told)

    def add(self, environment: str, samples: Iterable[Sample], memories: Memories | None = None) -> None:
        """Keep samples, and what the next ones have to know of them: all of it or nothing, from when this returns.

        Raises:
            Refused: they can't be written, or only by waiting longer.
        """
        rows = [
            ((environment, each.metric, each.host or ""), _micros(each.at), each.value, each.note) for each in samples
        ]
        kept = [((environment, metric, host or ""), text) for (metric, host), text in (memories or {}).items()]

        def write(file: sqlite3.Connection) -> None:
            with transaction(file):
                file.executemany(
                    "INSERT OR IGNORE INTO series (environment, metric, host) VALUES (?, ?, ?)",
                    [*(series for series, *_ in rows), *(series for series, _ in kept)],
                )
                file.executemany(
                    f"INSERT INTO samples VALUES (({_FIND}), ?, ?, ?)",  # noqa: S608 - no value stands in it
                    [(*series, *values) for series, *values in rows],
                )
                file.executemany(
                    f"INSERT OR REPLACE INTO memories VALUES (({_FIND}), ?)",  # noqa: S608 - no value stands in it
                    [(*series, text) for series, text in kept],
                )

        self._file.do(write)

    def of(
        self, metric: str, environment: str, host: str | None, since: datetime, until: datetime
    ) -> tuple[Sample, ...]:
        """The samples from `since` on and before `until`, in the order of their times."""
        query = f"SELECT at, value, note FROM samples WHERE series = ({_FIND}) AND at >= ? AND at < ? ORDER BY at"  # noqa: S608
        asked = (environment, metric, host or "", _micros(since), _micros(until))
        rows = self._file.do(lambda file: file.execute(query, asked).fetchall())
        return tuple(found for row in rows if (found := _sample(metric, host, row)) is not None)

    def recall(self, metric: str, environment: str, host: str | None) -> str:
        """What was kept with the newest sample; empty for nothing."""
        query = f"SELECT text FROM memories WHERE series = ({_FIND})"  # noqa: S608 - no value stands in it
        row = self._file.do(lambda file: file.execute(query, (environment, metric, host or "")).fetchone())
        return row[0] if row and isinstance(row[0], str) else ""

    def prune(self, before: datetime) -> None:
        """Forget what is older."""

        def write(file: sqlite3.Connection) -> None:
            with transaction(file):
                file.execute(
                    "DELETE FROM samples WHERE series IN (SELECT id FROM series) AND at < ?", (_micros(before),)
                )

        self._file.do(write)

    def close(self) -> None:
        """Let go of the file; the next call opens it again."""
        self._file.close()


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _sample(metric: str, host: str | None, row: Iterable[object]) -> Sample | None:
    """A row as a sample; None where somebody else has written something there that is none."""
    at, value, note = row
    if not isinstance(at, int) or not isinstance(value, float | None) or not isinstance(note, str):
        return None
    try:
        return Sample(metric, host, _EPOCH + at * _MICROSECOND, value, note)
    except OverflowError:
        return None
