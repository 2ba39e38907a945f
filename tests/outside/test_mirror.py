"""What the operator's machine remembers, also with several commands at once, a full disk or a torn file."""

from __future__ import annotations

import multiprocessing
import os
import resource
from pathlib import Path

import pytest

from rolloutctl.errors import PersonNeeded
from rolloutctl.outside.mirror import FileMirror
from rolloutctl.rules.records import Record, read_log, read_record

RECORDS = read_log('{"prev":"","change":"a"}\n{"prev":"x","change":"b"}\n{"prev":"y","change":"c"}\n')


def seen(mirror: FileMirror, host: str) -> tuple[Record, ...]:
    """The records in it; a torn line is passed over by whoever compares."""
    records = (read_record(line) for line in mirror.seen("production", host))
    return tuple(record for record in records if not record.torn)


def lines(records: tuple[Record, ...]) -> list[str]:
    return [record.line for record in records]


def test_what_was_seen_is_remembered_once_and_in_order(tmp_path: Path) -> None:
    mirror = FileMirror(tmp_path / "mirror")
    mirror.saw("production", "web-1", RECORDS[:2])
    mirror.saw("production", "web-1", RECORDS)
    assert seen(FileMirror(tmp_path / "mirror"), "web-1") == RECORDS


def test_hosts_and_environments_are_kept_apart(tmp_path: Path) -> None:
    mirror = FileMirror(tmp_path)
    names = ["web-1", "web-1.owed", "web-1.jsonl", "::1", "10.0.0.1", "h" * 64]
    for number, name in enumerate(names):
        mirror.saw("production", name, [read_record(f'{{"prev":"","change":"{number}"}}')])
        mirror.owe("production", name, {"change": str(number)})
    mirror.saw("staging", "web-1", RECORDS)
    for number, name in enumerate(names):
        assert [record.change for record in seen(mirror, name)] == [str(number)]
        assert mirror.owed("production", name) == ({"change": str(number)},)


def test_nothing_was_seen_of_an_unknown_host(tmp_path: Path) -> None:
    mirror = FileMirror(tmp_path / "mirror")
    assert (seen(mirror, "web-1"), mirror.owed("production", "web-1")) == ((), ())
    mirror.saw("production", "web-1", ())
    mirror.paid("production", "web-1")
    assert not (tmp_path / "mirror").exists()


def test_a_torn_record_is_none_as_the_host_may_have_been_writing_it(tmp_path: Path) -> None:
    mirror = FileMirror(tmp_path)
    mirror.saw("production", "web-1", [*RECORDS[:1], *read_log('{"prev":"x","cha\n\n')])
    assert seen(mirror, "web-1") == RECORDS[:1]


def test_a_file_that_was_cut_off_goes_on_with_a_line_of_its_own(tmp_path: Path) -> None:
    mirror = FileMirror(tmp_path)
    mirror.saw("production", "web-1", RECORDS[:2])
    path = tmp_path / "production" / "web-1.jsonl"
    path.write_bytes(path.read_bytes()[:-8])
    mirror.saw("production", "web-1", RECORDS)
    assert lines(seen(mirror, "web-1")) == lines((RECORDS[0], RECORDS[1], RECORDS[2]))


def test_a_record_is_remembered_byte_by_byte(tmp_path: Path) -> None:
    mirror = FileMirror(tmp_path)
    odd = read_record('{"prev":"","reason":"\u2028 \u00fc \ufffd"}\r')
    for _ in range(2):
        mirror.saw("production", "web-1", [odd])
    assert seen(mirror, "web-1") == (odd,)


def test_only_the_operator_may_read_it_whatever_the_umask_is(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        FileMirror(tmp_path / "state" / "mirror").saw("production", "web-1", RECORDS)
    finally:
        os.umask(before)
    found = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert found == {"state": 0o700, "mirror": 0o700, "production": 0o700, "web-1.jsonl": 0o600}


def test_what_is_owed_is_paid_once(tmp_path: Path) -> None:
    mirror = FileMirror(tmp_path)
    mirror.owe("production", "web-1", {"change": "a", "reason": "\u00fc\n"})
    mirror.owe("production", "web-1", {"change": "b"})
    assert mirror.owed("production", "web-1") == ({"change": "a", "reason": "\u00fc\n"}, {"change": "b"})
    mirror.paid("production", "web-1")
    assert FileMirror(tmp_path).owed("production", "web-1") == ()


def test_what_another_command_came_to_owe_meanwhile_stays_owed(tmp_path: Path) -> None:
    mirror, other = FileMirror(tmp_path), FileMirror(tmp_path)
    mirror.owe("production", "web-1", {"change": "a"})
    mirror.owed("production", "web-1")
    other.owe("production", "web-1", {"change": "b"})
    mirror.paid("production", "web-1")
    assert mirror.owed("production", "web-1") == ({"change": "b"},)


def test_what_two_commands_paid_is_not_taken_from_a_third(tmp_path: Path) -> None:
    one, other, third = FileMirror(tmp_path), FileMirror(tmp_path), FileMirror(tmp_path)
    one.owe("production", "web-1", {"change": "a"})
    one.owed("production", "web-1")
    other.owed("production", "web-1")
    one.paid("production", "web-1")
    third.owe("production", "web-1", {"change": "c"})
    other.paid("production", "web-1")
    assert third.owed("production", "web-1") == ({"change": "c"},)


def test_a_torn_owed_record_does_not_hide_the_others(tmp_path: Path) -> None:
    mirror = FileMirror(tmp_path)
    mirror.owe("production", "web-1", {"change": "a"})
    path = tmp_path / "production" / "web-1.owed"
    path.write_bytes(path.read_bytes() + b'{"change":"b')
    mirror.owe("production", "web-1", {"change": "c"})
    assert mirror.owed("production", "web-1") == ({"change": "a"}, {"change": "c"})


def test_a_machine_that_can_not_remember_goes_on_but_never_loses_an_owed_record(tmp_path: Path) -> None:
    (tmp_path / "mirror").write_text("a file, where a folder should be")
    mirror = FileMirror(tmp_path / "mirror")
    mirror.saw("production", "web-1", RECORDS)
    assert seen(mirror, "web-1") == ()
    with pytest.raises(PersonNeeded) as told:
        mirror.owe("production", "web-1", {"change": "a"})
    assert told.value.details == ('{"change":"a"}',)


def test_a_record_that_only_half_fits_on_the_disk_is_told(tmp_path: Path) -> None:
    mirror = FileMirror(tmp_path)
    mirror.owe("production", "web-1", {"change": "a"})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (25, hard))
    try:
        with pytest.raises(PersonNeeded, match="No space left") as told:
            mirror.owe("production", "web-1", {"change": "b"})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert told.value.details == ('{"change":"b"}',)
    mirror.owe("production", "web-1", {"change": "c"})
    assert mirror.owed("production", "web-1") == ({"change": "a"}, {"change": "c"})


def _write_many(folder: Path, writer: int) -> None:
    mirror = FileMirror(folder)
    for number in range(40):
        mirror.saw("production", "web-1", [read_record(f'{{"prev":"{"x" * 5000}","change":"{number}"}}')])
        mirror.owe("production", "web-1", {"change": f"{writer} {number}", "reason": "y" * 5000})


def test_two_commands_at_once_mix_no_lines_and_remember_nothing_twice(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_many, args=(tmp_path, writer)) for writer in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0]
    mirror = FileMirror(tmp_path)
    assert sorted(int(record.change) for record in seen(mirror, "web-1")) == list(range(40))
    owed = [str(fields["change"]) for fields in mirror.owed("production", "web-1")]
    assert sorted(owed) == sorted(f"{writer} {number}" for writer in range(2) for number in range(40))
