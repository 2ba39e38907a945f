"""Hostile words from the operator's side: whatever is typed or set, nothing is executed, and one record is one line."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import pytest

from tests.cli.shell import Ran, Shell

CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
LONG = "[bold]x" * 17_000  # an argument has 128 KB at most
SHELL = "$(touch pwned)`touch pwned`;touch pwned|touch pwned&'\"\\' * ~ ${HOME} !! #"
LINES = 'a\nb\r\nc\r","event":"kept"}\n{"prev":"","event":"started"}'
TERMINAL = "\x1b]0;owned\x07\x1b[2J\x1b[31m\x9b31m\x7f\x08\u202eevil\u2028\u2066"
MARKUP = "[bold]x[/bold][link=https://x]y[/link][/] :smile: {0} %s %(x)s"
NOT_UTF8 = "caf\udce9\udcff\udc80"
NASTY = {"nasty": SHELL + LINES + TERMINAL + MARKUP + NOT_UTF8, "long": LONG}


def said(ran: Ran) -> str:
    """All that a command wrote; no control character is in it, and it is no defect."""
    words = ran.out + ran.err
    assert CONTROL.findall(words) == []
    assert ran.status != 1, words
    return words


@pytest.mark.parametrize("nasty", NASTY.values(), ids=list(NASTY))
def test_nasty_words_are_refused_or_recorded_as_one_line_and_drive_nothing(tmp_path: Path, nasty: str) -> None:
    shell = Shell(tmp_path)
    actor = {"ROLLOUTCTL_ACTOR": nasty if len(nasty) < 100_000 else "me", "ROLLOUTCTL_DEBUG": "", "GITHUB_ACTOR": nasty}

    for words in (
        ("toggle", "demo", nasty, "true", "--yes"),
        ("toggle", nasty, "customer_portal", "true", "--yes", "--json"),
        ("--debug", "toggle", "demo", "customer_portal", nasty, "--yes"),
        ("toggle", "demo", "customer_portal", "true", "--companies", nasty, "--yes"),
    ):
        assert said(shell.run(*words)) or nasty
    assert (
        nasty is not LONG
        or shell.run("toggle", "demo", "customer_portal", "true", "--yes", "--reason", "x").status == 0
    )
    changed = shell.run("toggle", "demo", "customer_portal", "false" if nasty is LONG else "true", "--yes",
                        "--reason", nasty, more=actor)  # fmt: skip
    records = json.loads(said(shell.run("audit", "demo", "--json")) or "{}")["records"]

    assert changed.status == 0, said(changed)  # a switch-off isn't held up by a long reason: it is cut
    for record in records:
        for word in (record["reason"], record["actor"]):
            assert CONTROL.findall(word) == []
            assert 0 < len(word) <= 1001
    logs = [path.read_bytes() for path in tmp_path.rglob("*.jsonl")]
    assert all(json.loads(line) for log in logs for line in log.splitlines())
    assert said(shell.run("audit", "demo"))
    assert list(tmp_path.rglob("pwned")) == []
    logs_and_mirror = [path for path in tmp_path.rglob("*") if path.suffix in {".jsonl", ".owed"}]
    assert logs_and_mirror
    assert [path for path in logs_and_mirror if stat.S_IMODE(path.stat().st_mode) != 0o600] == []
    assert [path for path in logs_and_mirror if stat.S_IMODE(path.parent.stat().st_mode) != 0o700] == []
