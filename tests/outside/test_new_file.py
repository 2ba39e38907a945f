"""A new environments.yaml: whole or not at all, and never in the place of something."""

from __future__ import annotations

from pathlib import Path

import pytest

from rolloutctl.errors import ConfigurationError, Refused
from rolloutctl.outside.new_file import NewYamlFile

TEXT = "version: 1\nenvironments:\n  x: {connection: local, app: /srv/ä}\n"


def test_it_is_written_readable_for_everybody_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    file = NewYamlFile(tmp_path)
    assert not file.taken
    file.write(TEXT)
    path = tmp_path / "environments.yaml"
    assert (file.path, path.read_text(encoding="utf-8"), path.stat().st_mode & 0o777) == (str(path), TEXT, 0o644)
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_nlink == 1


@pytest.mark.parametrize("content", [b"", b"version: 1\n", None], ids=["empty", "a-file", "a-link-that-leads-nowhere"])
def test_whatever_is_there_stays(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "environments.yaml"
    if content is None:
        path.symlink_to("nowhere")
    else:
        path.write_bytes(content)
    file = NewYamlFile(path)
    assert file.taken
    with pytest.raises(Refused, match="made this file meanwhile"):
        file.write(TEXT)
    assert list(tmp_path.iterdir()) == [path]
    assert path.is_symlink() if content is None else path.read_bytes() == content


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no such file or directory"):
        NewYamlFile(tmp_path / "nowhere" / "environments.yaml").write(TEXT)


def test_a_text_is_checked_as_the_file_would_be(tmp_path: Path) -> None:
    file = NewYamlFile(tmp_path)
    assert list(file.check(TEXT).environments) == ["x"]
    with pytest.raises(ConfigurationError) as told:
        file.check(TEXT.replace("app", "ap"))
    assert told.value.details[0].startswith("environments.yaml:3: ")
    assert list(tmp_path.iterdir()) == []
