"""The php that stays for a session: what it answers, and that nothing is missing where it does not."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import signal
from pathlib import Path

import pytest

from tests.lab.processes import wait_until
from tests.outside.host_script import PHP, SHELLS, run_functions, staying

pytestmark = pytest.mark.skipif(PHP is None, reason="there is no php here")

APP = """<?php
return new class {
    public function version() { return 'x'; }
    public function getCachedConfigPath() { return $_SERVER['APP_CONFIG_CACHE'] ?? getcwd() . '/config.php'; }
    public function environmentFilePath() { return getcwd() . '/.env'; }
};
"""
REQUEST = {"env_file": ".env", "keys": [], "settings": []}
ASK = 'eyes state "$SCRATCH/in" "$SCRATCH/out"'


class Session:
    """An application, and the functions of a session that asks for it."""

    def __init__(self, folder: Path, shell: tuple[str, ...]) -> None:
        self.app = folder / "app"
        for name in ("vendor", "bootstrap"):
            (self.app / name).mkdir(parents=True)
        (self.app / "vendor/autoload.php").write_text("<?php\n")
        self.boots(APP)
        self.folder = folder / "scratch"
        self.begin = staying(self.folder)
        (self.folder / "in").write_text(json.dumps(REQUEST))
        self.shell = shell

    def boots(self, code: str) -> None:
        """What the application's bootstrap/app.php is."""
        (self.app / "bootstrap/app.php").write_text(code)

    def run(self, script: str) -> str:
        """Run some functions of a session whose php stays; gives what they print."""
        done = run_functions(self.shell, f"EYES_LIMIT=30 FIT=''\n{self.begin}{script}", self.app)
        assert done.stderr in {"", "Killed\n"}  # a shell's own word on a process that it has waited for
        return done.stdout

    def answer(self) -> dict[str, object]:
        """What was answered last."""
        found: dict[str, object] = json.loads((self.folder / "out").read_text())
        return found


@pytest.fixture(params=SHELLS, ids=lambda shell: shell[0])
def session(tmp_path: Path, request: pytest.FixtureRequest) -> Session:
    return Session(tmp_path, request.param)


def test_one_php_answers_all_questions_each_from_an_application_that_was_booted_for_it(session: Session) -> None:
    said = session.run(
        f'{ASK}; echo "$result $TOKEN"; {ASK} APP_CONFIG_CACHE=/aside.php; cat "$SCRATCH/out"; echo " $EYES"'
    )
    first, second = said.splitlines()
    status, token = first.split()
    config = str(session.app / "config.php")
    assert (status, json.loads(base64.b64decode(token))["cache"]) == ("0", config)
    assert json.loads(second.rpartition(" ")[0])["cache"] == "/aside.php"
    assert session.run(f'{ASK}; was=$EYES; {ASK}; [ "$EYES" = "$was" ] && cat "$SCRATCH/out"')
    assert session.answer()["cache"] == config  # what one question had in its environment is no other's


@pytest.mark.parametrize("name", ["a", "a b", "tab\there", "new\nline", "-n", "%41"])
def test_a_hash_is_that_of_sha256sum(session: Session, name: str) -> None:
    (session.app / name).write_bytes(b"\0\xff" * 70000)
    expected = hashlib.sha256(b"\0\xff" * 70000).hexdigest()
    assert session.run('for f in *; do [ ! -f "$f" ] || { sha "$PWD/$f"; echo $SHA; sha "$f"; echo $SHA; }; done') == (
        f"{expected}\n{expected}\n"
    )


def test_what_is_no_file_is_neither_read_nor_waited_for(session: Session) -> None:
    os.mkfifo(session.app / "fifo")
    (session.app / "folder").mkdir()
    said = session.run('for f in fifo folder none; do heard sha "$PWD/$f" && echo "$SAID"; done')
    assert said == "-\n-\n-\n"


def test_files_and_folders_are_flushed_and_what_is_not_there_is_told(session: Session) -> None:
    (session.app / "file").write_text("x")
    assert session.run('heard flush "$PWD/file" "$PWD" && echo $SAID; heard flush "$PWD/none" && echo $SAID') == (
        "flushed\n-\n"
    )


ENDS = {
    "the application ends it": "<?php exit(3);",
    "the application kills it": "<?php posix_kill(getmypid(), 9);",
    "the application kills all of it": "<?php posix_kill(-posix_getpgid(0), 9);",
}


@pytest.mark.parametrize("code", ENDS.values(), ids=list(ENDS))
def test_what_gives_no_answer_is_asked_once_more_alone_and_its_status_told(session: Session, code: str) -> None:
    session.boots(code)
    status = "3" if "exit" in code else "137"
    assert session.run(f'{ASK} || echo "$result"; heard digest x && echo stays') in (
        f"{status}\nstays\n",
        f"{status}\n",
    )
    session.boots(APP)
    assert session.run(f'{ASK} && echo "$result"') == "0\n"


def test_one_that_takes_too_long_is_ended_and_not_asked_again(session: Session) -> None:
    session.boots("<?php file_put_contents('asked', 'x', FILE_APPEND); sleep(50);")
    assert session.run(f'EYES_LIMIT=1; {ASK} || echo "$result"; heard digest x && echo stays') == "124\nstays\n"
    assert (session.app / "asked").read_text() == "x"


def test_what_an_application_has_started_keeps_nobody_waiting_for_a_php_that_is_gone(session: Session) -> None:
    """A helper that outlives it has inherited its descriptors."""
    helper = "exec('setsid sh -c \"echo \\$\\$ >pid; exec sleep 100\" >/dev/null 2>&1 & until [ -s pid ]; do :; done');"
    session.boots(f"<?php {helper} posix_kill(posix_getppid(), 9); sleep(100);")
    try:
        assert session.run('heard answer 30 "$PWD" state "$SCRATCH/in" "$SCRATCH/out" || echo gone') == "gone\n"
    finally:
        os.kill(int((session.app / "pid").read_text()), signal.SIGKILL)


def test_one_that_does_not_heed_its_time_is_ended_all_the_same(tmp_path: Path) -> None:
    session = Session(tmp_path, ("sh",))
    session.boots(
        "<?php file_put_contents('asked', getmypid()); pcntl_signal(SIGALRM, SIG_IGN); while (true) { sleep(9); }"
    )
    assert session.run(f'EYES_LIMIT=1; {ASK} || echo "$result"') == "124\n"
    asked = (session.app / "asked").read_text()
    wait_until(lambda: not Path(f"/proc/{asked}").exists(), "the end of what did not heed its time")


def test_a_long_question_is_answered_by_nobody_rather_than_waited_for(session: Session) -> None:
    said = session.run('kill -KILL "-$EYES"; heard digest "$(head -c 100000 /dev/zero | tr "\\0" x)" || echo no')
    assert said == "no\n"


def test_a_question_behind_a_signal_is_asked(session: Session) -> None:
    """What is asked behind a change that went back is still to be told; the php that stayed may have been ended."""
    assert session.run(f'TERMINATED=1; end_eyes; EYES=none; {ASK} && echo "$result"') == "0\n"


def test_without_pcntl_each_question_has_a_php_of_its_own(session: Session) -> None:
    wrapper = session.folder / "php"
    wrapper.write_text(f'#!/bin/sh\nexec {PHP} -d disable_functions=pcntl_fork "$@"\n')
    wrapper.chmod(0o755)
    session.begin = f"SCRATCH={session.folder} RC_PHP={wrapper} EYES=''\n"
    (session.app / "x").write_text("x")
    said = session.run(f'{ASK} && echo "$result $EYES"; sha "$PWD/x"; echo $SHA; flush "$PWD/x" && echo flushed')
    assert said == f"0 none\n{hashlib.sha256(b'x').hexdigest()}\nflushed\n"
    assert session.answer()["laravel"] == "x"


def test_a_signal_to_the_session_ends_a_question_and_it_is_not_asked_again(session: Session) -> None:
    session.boots(
        "<?php file_put_contents('asked', 'x', FILE_APPEND); posix_kill((int) getenv('ASKED_BY'), 15); sleep(50);"
    )
    assert session.run(f'{ASK} ASKED_BY=$$ || echo "$result"') == "143\n"
    assert (session.app / "asked").read_text() == "x"


def test_it_ends_with_its_session_also_where_that_is_killed(session: Session) -> None:
    said = session.run('echo "$EYES"; kill -KILL $$')
    wait_until(lambda: not Path(f"/proc/{said.strip()}").exists(), "the end of the php that stayed")


def test_a_record_that_is_written_while_it_stays_is_the_one_that_is_read_back(session: Session) -> None:
    log = session.app / "audit.jsonl"
    log.write_text('{"a":1}\n{"b":2}\n')
    said = session.run('end() { heard end "$PWD/audit.jsonl" && echo "$SAID"; }\nend; printf x >>audit.jsonl; end')
    first, second = said.splitlines()
    assert (first.split()[:2], second) == (["2", hashlib.sha256(b'{"b":2}').hexdigest()], "-")
