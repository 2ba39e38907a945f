"""What was measured stays measured: with two writers, a writer that is killed, a damaged file, a full disk."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from rolloutctl.errors import Refused
from rolloutctl.outside.places import mirror_folder, samples_folder
from rolloutctl.outside.sample_store import SampleStore
from rolloutctl.rules.metrics import Sample

NOW = datetime(2025, 11, 26, 12, 0, 0, 123456, tzinfo=UTC)
SECOND = timedelta(seconds=1)
FIRST = Sample("errors", "web-1", NOW, 0.1, "a note, \u00fc")
# A writer of its own process: it says each number once it is kept.
WRITER = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from rolloutctl.outside.sample_store import SampleStore
from rolloutctl.rules.metrics import Sample
store, host, start = SampleStore(Path(sys.argv[1])), sys.argv[2], datetime.fromisoformat(sys.argv[3])
for number in range(int(sys.argv[4])):
    at = start + timedelta(seconds=number)
    store.add("production", [Sample(metric, host, at, float(number), "x" * 200) for metric in ("errors", "p95")])
    print(number, flush=True)
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SampleStore]:
    store = SampleStore(tmp_path)
    yield store
    store.close()


def of(store: SampleStore, metric: str = "errors", host: str | None = "web-1") -> tuple[Sample, ...]:
    """All samples of a metric in production."""
    return store.of(metric, "production", host, NOW - timedelta(days=999), NOW + timedelta(days=999))


def writer(folder: Path, host: str, number: int) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", WRITER, str(folder), host, NOW.isoformat(), str(number)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)


def test_a_sample_comes_back_as_it_was(store: SampleStore) -> None:
    lost = Sample("errors", "web-1", NOW + SECOND, None, "the host was lost")
    outside = Sample("errors", None, NOW, 3e14)
    store.add("production", [FIRST, lost])
    store.add("production", [outside])
    assert of(store) == (FIRST, lost)
    assert of(store, host=None) == (outside,)


def test_environments_metrics_and_hosts_are_kept_apart(store: SampleStore) -> None:
    store.add("production", [FIRST, replace(FIRST, metric="p95", value=2.0), replace(FIRST, host="web-2", value=3.0)])
    store.add("staging", [replace(FIRST, value=4.0)])
    assert [sample.value for sample in of(store)] == [0.1]
    assert [sample.value for sample in of(store, "p95")] == [2.0]
    assert [sample.value for sample in of(store, host="web-2")] == [3.0]
    assert of(store, "calls") == ()


def test_samples_of_a_time_come_in_order_from_its_beginning_to_before_its_end(store: SampleStore) -> None:
    samples = [replace(FIRST, at=NOW + number * SECOND, value=float(number)) for number in range(10)]
    store.add("production", reversed(samples))
    found = store.of("errors", "production", "web-1", NOW + 3 * SECOND, NOW + 6 * SECOND)
    assert [sample.value for sample in found] == [3.0, 4.0, 5.0]


def test_two_samples_of_one_moment_are_both_kept(store: SampleStore) -> None:
    store.add("production", [FIRST, FIRST])
    assert of(store) == (FIRST, FIRST)


def test_what_is_older_is_forgotten_when_asked(store: SampleStore) -> None:
    store.add("production", [replace(FIRST, at=NOW - SECOND), FIRST])
    store.add("staging", [replace(FIRST, at=NOW - SECOND)])
    store.prune(NOW)
    assert of(store) == (FIRST,)
    assert store.of("errors", "staging", "web-1", NOW - 9 * SECOND, NOW + 9 * SECOND) == ()


def test_a_note_that_is_no_text_is_kept_as_far_as_it_is(store: SampleStore) -> None:
    store.add("production", [replace(FIRST, note="caf\udce9 \x00au lait")])
    assert of(store)[0].note == "caf au lait"


def test_only_the_operator_may_read_it_whatever_the_umask_is(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = SampleStore(tmp_path / "state" / "samples")
        store.add("production", [FIRST])
        found = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
        store.close()
    finally:
        os.umask(before)
    files = ("samples.sqlite", "samples.sqlite-wal", "samples.sqlite-shm", "samples.lock")
    assert found == {"state": 0o700, "samples": 0o700, **dict.fromkeys(files, 0o600)}


def test_each_environments_yaml_has_samples_of_its_own_beside_its_mirror(tmp_path: Path) -> None:
    environ = {"XDG_STATE_HOME": str(tmp_path)}
    one, other = (samples_folder(environ, tmp_path / name / "environments.yaml") for name in ("a", "b"))
    mirror = mirror_folder(environ, tmp_path / "a" / "environments.yaml")
    assert one != other
    assert (one.name, one.parent.name) == (mirror.name, "samples")
    assert one.parent.parent == mirror.parent.parent == tmp_path / "rolloutctl"


# At once.


def test_two_writers_and_a_reader_at_once_lose_nothing(tmp_path: Path) -> None:
    store = SampleStore(tmp_path)
    writers = [writer(tmp_path, host, 150) for host in ("web-1", "web-2")]
    counts = [0]
    while any(process.poll() is None for process in writers):
        counts.append(len(of(store)))
    assert [process.communicate()[0].split()[-1] for process in writers] == ["149", "149"]
    assert [process.returncode for process in writers] == [0, 0]
    assert counts == sorted(counts)
    for host in ("web-1", "web-2"):
        for metric in ("errors", "p95"):
            assert [sample.value for sample in of(store, metric, host)] == [float(number) for number in range(150)]
    assert store.told == ()
    store.close()


def test_threads_of_one_command_share_a_store(store: SampleStore) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: store.add("production", [replace(FIRST, value=float(number))]), range(40)))
    assert sorted(sample.value or 0.0 for sample in of(store)) == [float(number) for number in range(40)]


@pytest.mark.parametrize("heard", [1, 7, 60])
def test_a_writer_that_is_killed_loses_no_sample_that_it_has_kept(tmp_path: Path, heard: int) -> None:
    process = writer(tmp_path, "web-1", 100_000)
    assert process.stdout is not None
    for _ in range(heard):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    said = heard + len(process.communicate()[0].split())
    store = SampleStore(tmp_path)
    kept = [sample.value for sample in of(store)]
    assert kept == [float(number) for number in range(len(kept))]
    assert said <= len(kept) <= said + 1
    assert len(of(store, "p95")) == len(kept)  # all that were added together, or none
    store.add("production", [replace(FIRST, at=NOW - SECOND)])
    assert (len(of(store)), store.told) == (len(kept) + 1, ())
    store.close()


def test_a_writer_that_waits_too_long_says_so_and_goes_on_later(tmp_path: Path) -> None:
    store = SampleStore(tmp_path, patience=0.05)
    store.add("production", [FIRST])
    other = sqlite3.connect(tmp_path / "samples.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Refused, match=r"can't be used: database is locked\.$"):
        store.add("production", [FIRST])
    assert of(store) == (FIRST,)
    other.execute("ROLLBACK")
    other.close()
    store.add("production", [FIRST])
    assert len(of(store)) == 2
    store.close()


# Damage.


def spoil(path: Path, kind: str) -> bytes:
    """Damage a file of samples: what is in it then."""
    content = bytearray(path.read_bytes())
    if kind == "other":
        content = bytearray(b"these are no samples\n" * 300)
    elif kind == "pages":
        content[1024:] = b"\xff" * (len(content) - 1024)
    elif kind == "cut":
        del content[len(content) // 2 :]
    path.write_bytes(content)
    return bytes(content)


@pytest.mark.parametrize("kind", ["other", "pages", "cut"])
def test_a_damaged_file_is_set_aside_with_a_word_and_a_new_one_begins(tmp_path: Path, kind: str) -> None:
    before = SampleStore(tmp_path)
    before.add("production", [replace(FIRST, at=NOW + number * SECOND, note="x" * 300) for number in range(200)])
    before.close()
    path = tmp_path / "samples.sqlite"
    content = spoil(path, kind)
    store = SampleStore(tmp_path)
    assert of(store) == ()
    store.add("production", [FIRST])
    assert of(store) == (FIRST,)
    (told,) = store.told
    assert told.startswith(f"{path} is damaged (")
    assert told.endswith("): it stays as it is, and samples go to samples-2.sqlite.")
    assert path.read_bytes() == content
    again = SampleStore(tmp_path)
    assert (of(again), again.told) == ((FIRST,), ())
    again.close()
    store.close()


def test_a_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "samples.sqlite")
    other.execute("CREATE TABLE samples (recipe TEXT)")
    other.close()
    store = SampleStore(tmp_path)
    store.add("production", [FIRST])
    assert of(store) == (FIRST,)
    assert len(store.told) == 1
    store.close()


def test_a_command_that_has_a_damaged_file_open_goes_on_in_the_new_one(tmp_path: Path) -> None:
    running, other = SampleStore(tmp_path), SampleStore(tmp_path)
    running.add("production", [FIRST])
    (tmp_path / "samples-2.sqlite").touch(0o600)  # as another command does that finds it damaged
    other.add("production", [replace(FIRST, value=1.0)])
    running.add("production", [replace(FIRST, value=2.0)])
    other.close()
    assert [sample.value for sample in of(running)] == [1.0, 2.0]
    running.close()


def test_a_file_that_somebody_removed_begins_anew(store: SampleStore, tmp_path: Path) -> None:
    store.add("production", [FIRST])
    for path in tmp_path.glob("samples.sqlite*"):
        path.unlink()
    store.add("production", [replace(FIRST, value=2.0)])
    assert [sample.value for sample in of(store)] == [2.0]


def test_a_file_of_a_newer_rolloutctl_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    running = SampleStore(tmp_path)
    running.add("production", [FIRST])
    newer = sqlite3.connect(tmp_path / "samples.sqlite")
    newer.executescript("ALTER TABLE samples RENAME TO measurements; PRAGMA user_version = 2;")
    newer.close()
    for store in (running, SampleStore(tmp_path)):
        with pytest.raises(Refused, match=r"^The samples were written by a newer rolloutctl\.$"):
            store.add("production", [FIRST])
        assert store.told == ()
    assert not (tmp_path / "samples-2.sqlite").exists()


def test_a_row_that_is_no_sample_is_passed_over(store: SampleStore, tmp_path: Path) -> None:
    store.add("production", [FIRST])
    other = sqlite3.connect(tmp_path / "samples.sqlite")
    other.executescript(
        "INSERT INTO samples VALUES (1, 9e18, 1.0, ''); INSERT INTO samples VALUES (1, 'soon', 1.0, '');"
        "INSERT INTO samples VALUES (1, 5, 'many', ''); INSERT INTO samples VALUES (1, 6, 9e999, X'ff');"
    )
    other.close()
    assert of(store) == (FIRST,)


def test_a_place_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "samples").write_text("a file, where a folder should be")
    with pytest.raises(Refused, match=r"^The file of samples can't be used: ") as told:
        SampleStore(tmp_path / "samples").add("production", [FIRST])
    assert told.value.exit_status == 3


def test_a_full_disk_is_told_and_no_damage(tmp_path: Path) -> None:
    store = SampleStore(tmp_path)
    store.add("production", [FIRST])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, hard))
    try:
        with pytest.raises(Refused, match=r"^The file of samples can't be used: "):
            store.add("production", [replace(FIRST, note="x" * 400) for _ in range(1000)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert of(store) == (FIRST,)
    store.add("production", [FIRST])
    assert (len(of(store)), store.told) == (2, ())
    store.close()
