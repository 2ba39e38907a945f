"""Hooks: what they get, how their failures are told, and that none outlives its time."""

import json
import os
import time
from pathlib import Path

from rolloutctl.outside.hooks import run_hook
from rolloutctl.rules.hooks import Hook
from tests.outside.listeners import Hooked, webhooks

DOCUMENT = {"hook": "after-change", "change": {"flag": "portal", "reason": "Grüße \udcff"}}


def test_a_line_gets_the_change_on_its_stdin_in_the_folder_of_the_plan(tmp_path: Path) -> None:
    assert run_hook(Hook(run="cat >got; pwd >where", folder=str(tmp_path)), DOCUMENT) == ""
    assert json.loads((tmp_path / "got").read_text()) == DOCUMENT
    assert (tmp_path / "where").read_text().strip() == str(tmp_path.resolve())


def test_a_line_that_reads_nothing_may_still_succeed(tmp_path: Path) -> None:
    assert run_hook(Hook(run="exec <&-; exit 0", folder=str(tmp_path)), {"much": "x" * 300_000}) == ""


def test_a_failure_is_told_by_its_status_and_last_words(tmp_path: Path) -> None:
    hook = Hook(run="echo first >&2; printf 'no \\033[31mway\\n' >&2; exit 7", folder=str(tmp_path))
    assert run_hook(hook, {}) == "exit 7: no [31mway"
    assert run_hook(Hook(run="kill -9 $$", folder=str(tmp_path)), {}) == "ended by signal 9"
    assert (
        run_hook(Hook(run="true", folder=str(tmp_path / "none")), {})
        == "it can't be started: no such file or directory"
    )
    assert run_hook(Hook(webhook=None, lacks="the secret ${X} is missing"), {}) == "the secret ${X} is missing"


def test_what_takes_too_long_ends_with_all_that_it_started(tmp_path: Path) -> None:
    begun = time.monotonic()
    hook = Hook(run="sleep 600 & echo $! >child; wait", timeout=0.5, folder=str(tmp_path))
    assert run_hook(hook, {}) == "no end after 0.5 s"
    assert time.monotonic() - begun < 10
    child = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 10
    while alive(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(child)


def test_a_webhook_gets_the_same_document() -> None:
    with webhooks(Hooked()) as there:
        assert run_hook(Hook(webhook=there.url + "/x", headers={"X-Key": "k"}), {"hook": "before-change"}) == ""
    ((path, headers, document),) = there.taken
    assert (path, headers["X-Key"], document) == ("/x", "k", {"hook": "before-change"})


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
