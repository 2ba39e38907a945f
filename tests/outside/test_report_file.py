"""A report takes the place of a report, and of nothing else; whole, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rolloutctl.errors import Refused
from rolloutctl.outside.report_file import write_report

HTML = '<!DOCTYPE html>\n<meta name="generator" content="rolloutctl report">\n'
MARKDOWN = "<!-- rolloutctl report -->\n# a report\n"


def write(path: Path, text: str = HTML, *, force: bool = False) -> int:
    return write_report(path, text, force=force)


@pytest.mark.parametrize("old", [HTML, MARKDOWN, ""])
def test_an_older_report_is_replaced_and_keeps_its_mode(tmp_path: Path, old: str) -> None:
    path = tmp_path / "report.html"
    path.write_text(old)
    path.chmod(0o640)
    assert write(path, HTML + "ü") == len((HTML + "ü").encode())
    assert (path.read_text(), path.stat().st_mode & 0o777) == (HTML + "ü", 0o640)
    assert os.listdir(tmp_path) == ["report.html"]


def test_a_new_one_may_be_read_by_all(tmp_path: Path) -> None:
    write(tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_mode & 0o777 == 0o644


def test_something_else_stays_unless_it_is_forced(tmp_path: Path) -> None:
    path = tmp_path / "thesis.html"
    path.write_text("<p>years of work</p>")
    with pytest.raises(Refused, match="Something else than a report is there") as refused:
        write(path)
    assert "--force" in refused.value.hint
    assert path.read_text() == "<p>years of work</p>"
    write(path, force=True)
    assert path.read_text() == HTML


def test_a_folder_and_a_fifo_are_never_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(Refused, match="This is no file"):
            write(place, force=True)


def test_a_link_leads_to_what_is_written(tmp_path: Path) -> None:
    real, link = tmp_path / "real.html", tmp_path / "link.html"
    real.write_text(HTML)
    link.symlink_to(real)
    write(link, HTML + "new")
    assert (link.is_symlink(), real.read_text()) == (True, HTML + "new")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no such folder") as refused:
        write(tmp_path / "nowhere" / "report.html")
    assert refused.value.subject == str(tmp_path / "nowhere")


def test_a_full_disk_leaves_the_old_report_and_no_rubbish(tmp_path: Path) -> None:
    import resource  # noqa: PLC0415 - only here
    import signal  # noqa: PLC0415

    path = tmp_path / "report.html"
    path.write_text(HTML)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, hard))
    try:
        with pytest.raises(Refused, match="can't be written"):
            write(path, HTML + "x" * 10_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert (path.read_text(), os.listdir(tmp_path)) == (HTML, ["report.html"])
