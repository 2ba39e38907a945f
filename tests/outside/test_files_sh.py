"""How one file takes the place of another on a host, under each shell, while somebody else does their worst."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from tests.outside.host_script import PHP, SHELLS, run_functions, staying

OURS = b"OTHER=1\nFEATURE=true\n"
THEIRS = b"OTHER=2\nFEATURE=false\n"


class Host:
    """A folder with a `.env` that others may write in, and a new `.env` that is to take its place."""

    def __init__(self, folder: Path, shell: tuple[str, ...], begin: str = "") -> None:
        self.folder = folder / "app"
        self.folder.mkdir(parents=True)
        self.env = self.folder / ".env"
        self.env.write_bytes(THEIRS)
        self.env.chmod(0o640)
        self.new = folder / "new"
        self.new.write_bytes(OURS)
        self.shell = shell
        self.begin = begin

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run the functions of a session with this script behind them; it may put itself in front of a command."""
        names = f"ME=$(id -u) MUST='' CACHE_MODE='' NEW={self.new} ENV={self.env} TARGET={self.env}\n"
        return run_functions(self.shell, f"{names}{self.begin}{script}", self.folder)

    def swap(self, before: str = "", was: bytes | None = THEIRS) -> int:
        """Swap the new file in, and give the status; `before` defines what happens in the middle."""
        digest = "''" if was is None else hashlib.sha256(was).hexdigest()
        return self.run(f'{before}\nswap_in "$NEW" "$ENV" {digest}').returncode

    @property
    def content(self) -> bytes:
        return self.env.read_bytes()

    @property
    def left(self) -> list[str]:
        """What lies in the folder."""
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture(params=SHELLS, ids=lambda shell: shell[0])
def shell(request: pytest.FixtureRequest) -> tuple[str, ...]:
    return cast("tuple[str, ...]", request.param)


@pytest.fixture(params=["alone", "php stays"])
def host(tmp_path: Path, shell: tuple[str, ...], request: pytest.FixtureRequest) -> Host:
    if request.param == "alone":
        return Host(tmp_path, shell)
    if PHP is None:
        pytest.skip("there is no php here")
    return Host(tmp_path, shell, staying(tmp_path / "scratch"))


@pytest.mark.parametrize("folder", [0o755, 0o2775])
def test_a_file_takes_the_place_of_another_with_its_mode(host: Host, folder: int) -> None:
    host.folder.chmod(folder)
    inode = host.env.stat().st_ino
    assert (host.swap(), host.content, host.left) == (0, OURS, [".env"])
    assert stat.S_IMODE(host.env.stat().st_mode) == 0o640
    assert host.env.stat().st_ino != inode


def test_a_second_name_counts_unless_a_swap_beside_us_has_it_for_a_moment(host: Host) -> None:
    trouble = 'rename_trouble "$ENV"; echo "$TROUBLE"'
    os.link(host.env, host.folder / "other")
    assert host.run(trouble).stdout == "links\n"
    released = "looks=0; sleep() { looks=$((looks + 1)); [ $looks = 1 ] || rm -f other; }\n"
    assert host.run(released + trouble).stdout == "\n"


AT_THE_LAST_MOMENT = {
    "in place, once it was compared": 'mv() { printf "EDITED=1\\n" >|"$ENV"; command mv "$@"; }',
    "by a rename": 'ln() { command ln "$@"; printf "EDITED=1\\n" >edit; command mv edit "$ENV"; }',
    "by a rename, once it was compared": (
        'was=$(sha256sum <"$ENV"); sha() { SHA=${was%% *}; echo EDITED=1 >|edit; command mv edit "$ENV"; }'
    ),
}


@pytest.mark.parametrize("edit", AT_THE_LAST_MOMENT.values(), ids=list(AT_THE_LAST_MOMENT))
def test_an_edit_at_the_last_moment_stays_and_is_told(host: Host, edit: str) -> None:
    assert (host.swap(edit), host.content, host.left) == (2, b"EDITED=1\n", [".env"])


def test_what_is_no_longer_as_it_was_is_left_alone(host: Host) -> None:
    assert (host.swap(was=b"something else"), host.content, host.left) == (2, THEIRS, [".env"])


def plant_link(host: Host, victim: Path) -> None:
    host.env.unlink()
    host.env.symlink_to(victim)


@pytest.mark.parametrize("must", ["", "MUST=1"])
def test_a_link_or_a_fifo_in_the_place_of_the_file_is_neither_followed_nor_waited_for(host: Host, must: str) -> None:
    victim = host.folder.parent / "victim"
    victim.write_bytes(THEIRS)
    plant_link(host, victim)
    assert host.swap(must) == 2
    assert host.env.is_symlink()
    assert host.swap(must, was=None) == 0  # a switch-off takes the place of whatever stands there
    assert (host.env.is_symlink(), host.content, victim.read_bytes()) == (False, OURS, THEIRS)

    host.env.unlink()
    os.mkfifo(host.env)
    assert host.swap(must) == 2
    assert host.run('sha "$ENV"; printf %s "$SHA"').stdout == "strange"
    impatient = 'timeout() { shift 3 && command timeout -k 1 0.2 "$@"; }'
    assert host.run(f'{impatient}\nkeep_copy "$ENV" kept').returncode != 0 or not (host.folder / "kept").exists()


def test_a_link_that_appears_while_a_file_is_written_in_place_is_not_written_through(host: Host) -> None:
    victim = host.folder.parent / "victim"
    victim.write_bytes(THEIRS)
    swapped = f'stat() {{ command stat "$@"; [ -L "$ENV" ] || {{ rm "$ENV"; ln -s {victim} "$ENV"; }}; }}'
    assert host.run(f'{swapped}\nwrite_in_place "$NEW" "$ENV"').returncode != 0
    assert victim.read_bytes() == THEIRS


def test_a_folder_that_is_put_in_the_place_of_ours_keeps_what_it_has(host: Host) -> None:
    private = host.folder.parent / "private"
    private.mkdir(mode=0o700)
    (private / "new").write_text("precious")
    (private / "old").write_text("precious")
    swapped = f'mktemp() {{ made=$(command mktemp "$@"); rmdir "$made"; ln -s {private} "$made"; echo "$made"; }}'
    assert host.swap(swapped) != 0
    assert [path.read_text() for path in sorted(private.iterdir())] == ["precious"] * 2
    assert (host.content, host.left) == (THEIRS, [".env"])


@pytest.mark.skipif(os.geteuid() != 0, reason="a link of another user takes root to make")
def test_a_link_is_followed_only_when_its_maker_could_have_written_there_himself(host: Host) -> None:
    def planted() -> bool:
        return host.run('planted "$ENV"').returncode == 0

    shared, link = host.folder / "shared", host.env
    shared.write_bytes(THEIRS)
    plant_link(host, shared)
    assert not planted()
    os.lchown(link, 33, 33)
    assert planted()
    os.chown(shared, 33, 33)
    assert not planted()
    (host.folder / "further").symlink_to(shared)
    os.chown(shared, 0, 0)
    os.lchown(host.folder / "further", 33, 33)
    os.lchown(link, 0, 0)
    link.unlink()
    link.symlink_to("further")
    assert planted()


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KB; what is put on it is filled up by the test."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", place], check=False, capture_output=True)
    if done.returncode != 0:
        pytest.skip("no file system can be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def test_on_a_full_disk_a_switch_off_and_a_way_back_write_into_the_room_of_the_file(full_disk: Path) -> None:
    host = Host(full_disk, ("dash",))
    new = "NEW=/dev/shm/rolloutctl-test.$$; trap 'rm -f $NEW' EXIT; printf 'A=1\\nFEATURE=false\\n' >$NEW\n"
    filler = full_disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (4096, 1):
            try:
                while file.write(b"x" * size) == size:
                    pass
            except OSError:
                continue

    assert host.swap(new) != 0
    assert host.content == THEIRS
    assert host.swap(new + "MUST=1") == 0
    assert (host.content, host.left) == (b"A=1\nFEATURE=false\n", [".env"])
    many = "NEW=/dev/shm/rolloutctl-test.$$; trap 'rm -f $NEW' EXIT; head -c 9000 /dev/zero >$NEW; MUST=1\n"
    assert host.swap(many, was=None) != 0
    assert host.content == b"A=1\nFEATURE=false\n"


@pytest.mark.parametrize(
    ("vars_", "whole"),
    [
        ("A='x'\nB_C='it'\\''s'\n", True),
        ("A='x'\nB='$(touch pwned)'\n", True),
        ("A='x';touch pwned\n", False),
        ("A='x'\n$(touch pwned)\n", False),
        ("A='x\ntouch pwned\n'\n", False),
        ("PATH=/tmp\n", False),
        ("A='x'\nB='cut o", False),
    ],
)
def test_what_is_read_in_as_script_holds_values_only(host: Host, vars_: str, whole: bool) -> None:
    (host.folder / "vars").write_text(vars_)
    assert (host.run("whole . && . ./vars").returncode == 0) == whole
    assert not (host.folder / "pwned").exists()


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        ("true", False),
        ("mkdir -m 700 change; printf x >change/vars", False),
        ("ln -s /etc/passwd holder", True),
        ("mkfifo preempt", True),
        ("mkdir -m 700 change; mkdir change/id; mkfifo change/id/decision", True),
        ("touch audit.jsonl; chmod 620 audit.jsonl", True),
        ("mkdir change; chmod 777 change", True),
        ("mkdir -m 700 rolloutctl.abcdef; mkfifo rolloutctl.abcdef/lines", False),
        ("chmod 770 .", True),
    ],
)
def test_a_state_folder_with_something_of_others_in_it_is_not_trusted(host: Host, spoil: str, found: bool) -> None:
    (host.folder / ".env").unlink()
    host.folder.chmod(0o700)
    said = host.run(f"umask 022; {spoil}; STATE=$PWD LOG=$PWD/audit.jsonl APP=$PWD; state_trouble")
    assert (said.returncode != 0, bool(said.stdout)) == (found, found), said.stdout + said.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="a file of another user takes root to make")
def test_a_file_of_another_user_in_the_state_folder_is_not_trusted(host: Host) -> None:
    host.folder.chmod(0o700)
    os.chown(host.env, 33, 33)
    said = host.run("STATE=$PWD LOG=$PWD/audit.jsonl APP=$PWD; state_trouble")
    assert (said.returncode != 0, "belongs to another user" in said.stdout) == (True, True)
