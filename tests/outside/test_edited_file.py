"""A further entry in an environments.yaml that people have written: whole or not at all, and nothing else changes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rolloutctl.errors import ConfigurationError, Refused
from rolloutctl.outside.edited_file import EditedYamlFile
from rolloutctl.rules.insertion import Insertion

TEXT = """\
# Ours.
version: 1
flags: {portal: , "null": }
environments:
  web:   {connection: local, app: /srv/ä}   # spaced by hand
"""
PLAN = ["environment: web", "phases:", "  - {name: full, audience: everyone}"]
ADDED = "rollouts:\n  portal:\n    environment: web\n    phases:\n      - {name: full, audience: everyone}\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "environments.yaml"
    found.write_text(TEXT, encoding="utf-8")
    return found


def add(path: Path, name: str = "portal") -> Insertion:
    file = EditedYamlFile(path)
    insertion = file.insert("rollouts", name, PLAN)
    file.write(insertion)
    return insertion


@pytest.mark.parametrize("mode", [0o600, 0o664, 0o444])
def test_the_entry_is_there_and_every_other_byte_the_mode_and_the_owner_as_before(path: Path, mode: int) -> None:
    path.chmod(mode)
    before = path.stat()
    add(path)
    after = path.stat()
    assert path.read_text(encoding="utf-8") == f"{TEXT}\n{ADDED}"
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert list(path.parent.iterdir()) == [path]
    assert list(EditedYamlFile(path).read().rollouts) == ["portal"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_somebody_else_stays_theirs(path: Path) -> None:
    os.chown(path, 65534, 65534)
    add(path)
    assert (path.stat().st_uid, path.stat().st_gid) == (65534, 65534)


def test_a_mark_at_the_beginning_and_line_endings_stay(path: Path) -> None:
    raw = b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode()
    path.write_bytes(raw)
    add(path)
    assert path.read_bytes() == raw + f"\n{ADDED}".replace("\n", "\r\n").encode()


def test_a_link_to_the_file_stays_one(path: Path, tmp_path: Path) -> None:
    real = tmp_path / "real" / "team.yaml"
    real.parent.mkdir()
    path.rename(real)
    path.symlink_to(real)
    add(path)
    assert path.is_symlink()
    assert real.read_text(encoding="utf-8").endswith(ADDED)
    assert list(real.parent.iterdir()) == [real]


def test_a_second_entry_follows_the_first(path: Path) -> None:
    add(path)
    insertion = add(path, "null")
    assert insertion.inserted.startswith('  "null":\n    environment: web\n')
    assert list(EditedYamlFile(path).read().rollouts) == ["portal", "null"]


def test_what_somebody_wrote_meanwhile_is_not_lost(path: Path) -> None:
    file = EditedYamlFile(path)
    insertion = file.insert("rollouts", "portal", PLAN)
    path.write_text(TEXT + "# mine\n", encoding="utf-8")
    with pytest.raises(Refused, match="changed this file meanwhile"):
        file.write(insertion)
    assert path.read_text(encoding="utf-8") == TEXT + "# mine\n"
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_is_gone_meanwhile_is_not_made_anew(path: Path) -> None:
    file = EditedYamlFile(path)
    insertion = file.insert("rollouts", "portal", PLAN)
    path.unlink()
    with pytest.raises(Refused, match="no such file or directory"):
        file.write(insertion)
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [
        TEXT + "rollouts: {}\n",
        TEXT + "rollouts:\n  {}\n",
        TEXT + "...\n",
        "{version: 1, flags: {portal: }, environments: {web: {connection: embedded}}}\n",
        TEXT.replace("flags: ", "flags: &x ") + "rollouts: *x\n",
    ],
    ids=["braces", "braces-below", "an-end-mark", "all-in-braces", "an-alias"],
)
def test_where_the_rest_would_change_it_says_what_to_add_by_hand(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Refused, match="without touching the rest") as told:
        EditedYamlFile(path).insert("rollouts", "portal", PLAN)
    assert told.value.details == tuple(ADDED.splitlines()[1:])
    assert path.read_text(encoding="utf-8") == text


def test_a_file_that_can_not_be_read_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"can't be read"):
        EditedYamlFile(tmp_path / "environments.yaml")
