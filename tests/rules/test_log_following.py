"""Following a log on real files, under each shell: appended to, rotated, truncated, and whatever else lies there."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from rolloutctl.rules.log_entries import MOST_OF_AN_ENTRY
from rolloutctl.rules.log_following import Place, command, read
from rolloutctl.rules.log_places import LogFile
from tests.rules.log_hosts import SHELLS, Follower, line

NOBODY = 65534  # root may read all


@pytest.fixture(params=SHELLS, ids=lambda shell: shell[0])
def follower(tmp_path: Path, request: pytest.FixtureRequest) -> Follower:
    if not shutil.which(request.param[0]):
        pytest.skip(f"{request.param[0]} is not installed")
    folder = tmp_path / "it's a folder"
    folder.mkdir()
    return Follower(folder, request.param)


@pytest.fixture
def log(follower: Follower) -> Path:
    """A log that is followed, with entries of earlier on."""
    log = follower.folder / "laravel.log"
    log.write_text("".join(line(f"old {number}") for number in range(200)))
    assert follower.look() == []
    return log


def append(log: Path, *said: str) -> None:
    with log.open("a") as file:
        file.writelines(line(each) for each in said)


def names(count: int, word: str = "new") -> list[str]:
    return [f"{word} {number}" for number in range(count)]


def test_what_was_there_before_is_passed_over_and_the_last_entry_waits_for_one_look(
    follower: Follower, log: Path
) -> None:
    append(log, "a", "b")
    assert follower.look() == ["a"]
    assert follower.look() == ["b"]
    assert follower.look() == []
    assert follower.notes == []


@pytest.mark.parametrize("looks", [1, 2])
def test_an_entry_that_is_written_in_pieces_counts_once(follower: Follower, log: Path, looks: int) -> None:
    whole = line("pieces é") + "#0 {main}\n" + line("next")
    data, found = whole.encode(), []
    for start in range(0, len(data), 7):
        with log.open("ab") as file:
            file.write(data[start : start + 7])
        for _ in range(looks):
            found += follower.look()
    found += follower.look()

    assert [message.partition("\n")[0] for message in found] == ["pieces é", "next"]


def test_a_file_that_is_not_there_yet_is_read_from_its_beginning(follower: Follower) -> None:
    assert follower.look() == []
    assert (follower.notes, follower.blind) == (["laravel.log is not there yet"], False)
    append(follower.folder / "laravel.log", "first")
    assert follower.end() == ["first"]


def test_a_renamed_file_is_read_to_its_end_before_the_new_one(follower: Follower, log: Path) -> None:
    append(log, "a", "b")
    log.rename(f"{log}.1")
    append(log, "c", "d")
    assert follower.look() == ["a", "c"]
    assert follower.look() == ["b", "d"]
    assert follower.notes == []


def test_each_of_several_rotations_is_read(follower: Follower, log: Path) -> None:
    append(log, "a")
    for number in range(3):
        for old in (2, 1):
            if Path(f"{log}.{old}").exists():
                Path(f"{log}.{old}").rename(f"{log}.{old + 1}")
        log.rename(f"{log}.1")
        append(log, f"b{number}")
        later = time.time() + 10 * number
        os.utime(log, (later, later))
    follower.look()
    assert follower.look() == ["a", "b0", "b1", "b2"]


def test_an_old_file_that_is_unpacked_is_not_counted(follower: Follower, log: Path) -> None:
    old = Path(f"{log}.2")
    append(old, "long ago")
    os.utime(old, (1e9, 1e9))
    append(log, "a")
    assert follower.end() == ["a"]


def test_a_process_that_still_writes_to_a_renamed_file_is_heard(follower: Follower, log: Path) -> None:
    with log.open("a") as worker:
        log.rename(f"{log}.1")
        append(log, "b")
        assert follower.end() == ["b"]
        worker.write(line("late"))
    append(log, "c")
    assert sorted(follower.end()) == ["c", "late"]


def test_a_truncated_file_is_read_from_its_beginning(follower: Follower, log: Path) -> None:
    append(log, "a")
    assert follower.end() == ["a"]
    log.write_text("")
    append(log, "b")
    assert follower.end() == ["b"]
    assert follower.notes == ["laravel.log was truncated, and is read from its beginning"]


def test_a_truncated_file_that_grew_beyond_its_old_size_is_noticed(follower: Follower, log: Path) -> None:
    said = names(1000)
    log.write_text("")
    append(log, *said)
    assert follower.end() == said
    assert follower.notes == ["laravel.log was truncated, and is read from its beginning"]


@pytest.mark.parametrize("seen", ["never", "before", "meanwhile"])
def test_a_copy_is_read_where_the_truncated_file_was_left(follower: Follower, log: Path, seen: str) -> None:
    append(log, "a")
    if seen != "never":
        assert follower.end() == ["a"]
    append(log, "b")
    shutil.copyfile(log, f"{log}.1")
    found = follower.end() if seen == "meanwhile" else []
    log.write_text("")
    append(log, "c")
    found += follower.end()
    assert sorted(found) == (["a", "b", "c"] if seen == "never" else ["b", "c"])


def test_a_copy_that_comes_to_light_late_is_not_counted_again(follower: Follower, log: Path) -> None:
    append(log, "a", "b")
    shutil.copyfile(log, follower.folder / "copy")
    log.write_text("")
    found = follower.end()
    (follower.folder / "copy").rename(f"{log}.1")
    append(log, "c")
    found += follower.end()
    assert sorted(found) == ["a", "b", "c"]


def test_a_backup_is_not_counted(follower: Follower, log: Path) -> None:
    append(log, "a")
    shutil.copyfile(log, f"{log}.bak")
    assert follower.end() == ["a"]
    log.rename(f"{log}.1")
    append(log, "b")
    assert follower.end() == ["b"]


def test_a_file_that_an_editor_has_written_anew_is_read_on(follower: Follower, log: Path) -> None:
    append(log, "a")
    assert follower.end() == ["a"]
    new = follower.folder / "edited"
    shutil.copyfile(log, new)
    append(new, "b")
    new.replace(log)
    assert follower.end() == ["b"]


def test_a_new_file_with_the_inode_of_an_old_one_is_new(follower: Follower, log: Path) -> None:
    old = follower.place.files[-1]
    said = names(1000)
    log.rename(follower.folder / "away")
    append(log, *said)
    number = log.stat()
    follower.place = Place.from_json(
        follower.place.to_json().replace(f'"{old.id}"', f'"{number.st_dev}:{number.st_ino}"')
    )
    assert follower.end() == said


def test_a_new_days_file_follows(follower: Follower) -> None:
    follower.path = "logs/laravel-*.log"
    logs = follower.folder / "logs"
    logs.mkdir()
    append(logs / "laravel-2025-11-25.log", "old")
    append(logs / "other.log", "other")
    assert follower.look() == []
    append(logs / "laravel-2025-11-25.log", "a")
    append(logs / "laravel-2025-11-26.log", "b")
    (logs / "laravel-today.log").symlink_to("laravel-2025-11-26.log")
    assert follower.look() == []
    assert sorted(follower.look()) == ["a", "b"]
    assert follower.notes == []


def test_a_compressed_file_is_passed_over_and_its_loss_is_told(follower: Follower, log: Path) -> None:
    append(log, "a")
    assert follower.end() == ["a"]
    log.rename(f"{log}.1.gz")
    append(log, "b")
    assert follower.end() == ["b"]
    assert follower.notes == ["laravel.log is gone; what was written to it at last may be lost"]


def test_what_is_no_file_is_named_and_does_not_hang(follower: Follower) -> None:
    log = follower.folder / "laravel.log"
    log.mkdir()
    follower.look()
    log.rmdir()
    os.mkfifo(log)
    os.mkfifo(f"{log}.1")
    follower.look()
    assert follower.blind
    log.unlink()
    log.symlink_to("/dev/zero")
    follower.look()
    assert follower.blind
    assert follower.notes == ["laravel.log is a folder", *["laravel.log is no regular file"] * 2]
    assert not follower.place.begun
    log.unlink()
    (follower.folder / "real").write_text(line("old"))
    log.symlink_to("real")
    assert follower.look() == []
    append(log, "a")
    assert follower.end() == ["a"]
    assert not follower.blind


@pytest.mark.parametrize("shell", SHELLS[:2], ids=lambda shell: shell[0])
def test_a_file_that_cannot_be_read_for_a_time_is_read_on(tmp_path: Path, shell: tuple[str, ...]) -> None:
    follower = Follower(tmp_path, shell, user=NOBODY if os.getuid() == 0 else None)
    tmp_path.chmod(0o755)
    log = tmp_path / "laravel.log"
    append(log, "old")
    assert follower.look() == []
    log.chmod(0)
    assert follower.look() == []
    assert follower.blind
    assert follower.notes == ["laravel.log can't be read"]
    log.chmod(0o644)
    append(log, "a")
    assert follower.end() == ["a"]


def test_a_log_that_is_away_for_a_time_is_read_on(follower: Follower, log: Path) -> None:
    away = follower.folder.parent / "away"
    log.rename(away)
    assert follower.look() == []
    away.rename(log)
    append(log, "a")
    assert follower.end() == ["a"]


def test_garbage_and_endless_lines_take_no_more_memory_than_is_kept_of_them(follower: Follower, log: Path) -> None:
    with log.open("ab") as file:
        file.write(line("long").encode().rstrip(b"\n") + b"x" * 10_000_000)
        file.write(b"\n" + bytes(range(256)) * 4000 + b"\n" + line("a").encode() + line("b").encode())
    largest = 0
    follower.found.clear()
    while True:
        news = follower.once()
        largest = max(largest, len(news.text), *(len(file.carry) for file in follower.place.files))
        if not news.more:
            break
    follower.once()

    assert [text[:50].partition("ERROR: ")[2][:5].strip("\nx") for text in follower.found] == ["long", "a", "b"]
    assert largest < 2 * follower.limit + MOST_OF_AN_ENTRY


def test_a_name_with_a_line_break_is_passed_over(follower: Follower, log: Path) -> None:
    append(Path(f"{log}.\nf 1 2:3 4 0 1 0 x"), "forged")
    append(log, "a")
    assert follower.end() == ["a"]
    assert not follower.blind


def test_a_path_is_no_shell_code(tmp_path: Path) -> None:
    follower = Follower(tmp_path, SHELLS[0], path="$(touch broken)'`touch broken`;-x &.log")
    append(tmp_path / follower.path, "old")
    follower.look()
    append(tmp_path / follower.path, "a")
    assert follower.end() == ["a"]
    assert not (tmp_path / "broken").exists()


def test_a_path_below_the_home_is_found(tmp_path: Path) -> None:
    follower = Follower(tmp_path, SHELLS[0], path="~/my *.log")
    log = tmp_path / "my app.log"
    append(log, "old")
    follower.look()
    append(log, "a")
    log.rename(f"{log}.1")
    append(log, "b")
    assert sorted(follower.end()) == ["a", "b"]
    log.unlink()
    follower.look()
    lost = f"{log} is gone; what was written to it at last may be lost"
    assert follower.notes[-1] == f"{tmp_path}/my *.log is not there yet; {lost}"


GOOD = "n 1\nf 1 1:2 5 0 1 0 ./x.log\nW3gKYWE=\n.\n=\ns 1:2 5 ./x.log\nend\n"


@pytest.mark.parametrize(
    "output",
    [
        "",
        "end",
        GOOD.removesuffix("end\n"),
        GOOD.replace("1:2 5", "1:2) reboot 5"),
        GOOD.replace("1:2 5", f"1:2 {10**18 * 9}"),
        GOOD.replace("W3gKYWE=", "???"),
        GOOD.replace("\n.\n", "\n"),
        GOOD.replace("n 1", "n x"),
        GOOD.replace("n 1", "! strange x.log\nn 1"),
    ],
)
def test_what_a_host_should_not_say_changes_no_place(output: str) -> None:
    place = Place("x.log", begun=True)
    news = read(place, "x.log", output)
    assert (news.place, news.text, news.more, news.blind) == (place, "", False, True)
    assert not read(place, "x.log", GOOD).blind


@pytest.mark.parametrize(
    "kept",
    ["", "{}", "[]", '{"path":"x","files":[{"id":"$(reboot)"}],"begun":true,"again":false,"since":0}', "[" * 100_000],
)
def test_a_damaged_place_is_none(kept: str) -> None:
    assert Place.from_json(kept) == Place()


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed")
@pytest.mark.parametrize("path", ["laravel.log", "logs/laravel-*.log", "~/it's.log"])
def test_the_shell_line_is_clean(path: str) -> None:
    place = Place(path, (LogFile("1:2", "x.log", 5), LogFile("1:3", "y.log", 5, mark="m")), begun=True)
    done = subprocess.run(
        ["shellcheck", "-s", "sh", "-e", "SC2016", "-"],
        input=command(path, place, 4096),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == ""


def test_the_place_in_another_log_is_none() -> None:
    place = Place("x.log", begun=True)
    assert command("y.log", place, 4096) == command("y.log", Place(), 4096)
