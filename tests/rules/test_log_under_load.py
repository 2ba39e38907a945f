"""A log that grows by 5,000 lines a second while it is rotated: compared with a count over all its files."""

from __future__ import annotations

import re
import resource
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.rules import log_writer
from tests.rules.log_hosts import SHELLS, Follower, line

RATE = 5000  # lines a second
SECONDS = 3


@pytest.fixture(params=SHELLS, ids=lambda shell: shell[0])
def follower(tmp_path: Path, request: pytest.FixtureRequest) -> Follower:
    if not shutil.which(request.param[0]):
        pytest.skip(f"{request.param[0]} is not installed")
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "laravel.log").write_text(line("old"))
    follower = Follower(folder, request.param)
    assert follower.look() == []
    return follower


def writer(follower: Follower, every: int) -> subprocess.Popen[bytes]:
    arguments = (follower.folder / "laravel.log", RATE * SECONDS, RATE, every)
    return subprocess.Popen([sys.executable, log_writer.__file__, *map(str, arguments)])


def counted(texts: Iterable[str]) -> Counter[str]:
    """How often each number was written, of lines that are whole."""
    return Counter(number for text in texts for number in re.findall(r"ERROR: (n\d{7})\.$", text, re.MULTILINE))


def in_files(follower: Follower) -> Counter[str]:
    return counted(path.read_text() for path in follower.folder.iterdir())


def test_no_line_is_lost_or_counted_twice_while_files_are_renamed(follower: Follower) -> None:
    found: list[str] = []
    with writer(follower, every=2000) as process:
        while process.poll() is None:
            follower.look()
            found += follower.found
    for _ in range(2):
        follower.look()
        found += follower.found

    assert process.returncode == 0
    assert len(list(follower.folder.iterdir())) == 8
    assert counted(found) == in_files(follower)
    assert len(counted(found)) == len(found) == RATE * SECONDS
    # What is renamed just then has no name for a moment, the one that is written to or an older one.
    assert all(re.fullmatch(r"laravel\.log(\.\d+)? is not there yet", note) for note in follower.notes)


def test_what_a_copy_and_truncation_leaves_in_the_files_is_counted_once(follower: Follower) -> None:
    log, found, rotations = follower.folder / "laravel.log", [], 0
    with writer(follower, every=0) as process:
        while process.poll() is None:
            follower.look()
            found += follower.found
            if log.stat().st_size > 100_000:
                rotations += 1
                shutil.copyfile(log, f"{log}-{rotations:03}")
                if rotations % 2:  # now and then between the copy and the truncation
                    follower.look()
                    found += follower.found
                with log.open("r+b") as file:
                    file.truncate()
    for _ in range(2):
        follower.look()
        found += follower.found

    files, seen = in_files(follower), counted(found)
    assert rotations > 3
    assert max(seen.values()) == 1
    assert files - seen == Counter()  # nothing that is in a file was missed
    assert len(files) > RATE * SECONDS / 2


def test_all_of_a_hundred_megabytes_are_counted_once(tmp_path: Path) -> None:
    follower = Follower(tmp_path, SHELLS[0], limit=4 * 2**20)
    follower.look()
    log = tmp_path / "laravel.log"
    long = "x" * 450
    log.write_text("".join(line(f"n{number:07}. {long}") for number in range(200_000)))
    assert log.stat().st_size > 100_000_000

    count, more = 0, True
    while more:
        follower.found.clear()
        more = follower.once().more
        count += len(follower.found)
    count += len(follower.look())

    assert count == 200_000


def test_a_large_log_costs_no_more_than_its_new_bytes(follower: Follower) -> None:
    log = follower.folder / "laravel.log"
    with log.open("r+b") as file:
        file.truncate(20 * 2**30)  # without a block on the disk; to read it would take seconds all the same
    follower.place = type(follower.place)()
    assert follower.look() == []
    with log.open("a") as file:
        file.write(line("a") + line("b"))

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    output = follower.ask()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)

    assert len(output) < 12_000
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.5
    assert follower.end() == ["a", "b"]
