"""What a hostile host can do to the client: neither hang it, nor fill it, nor drive its terminal, nor be believed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from rolloutctl.errors import Unreachable
from rolloutctl.outside import process_channel
from rolloutctl.outside.local import LocalConnection
from rolloutctl.outside.wire import Wire
from tests.cli.shell import Shell

HOST = Path(__file__).with_name("host.py")
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
CONFIGURATION = """\
version: 1
defaults:
  connection: local
  app: /app
  steps: [{{name: config cache, builtin: config-cache}}]
  health: {{path: /health}}
flags:
  customer_portal: {{probes: [{{path: /portal, off: [404], on: [200]}}]}}
environments:
  one:
    url: http://lab.test
    hosts:
      - {{name: web-1, shell: "{python} {host} {first}"}}
      - {{name: web-2, app: /other, shell: "{python} {host} {second}"}}
"""


@dataclass(frozen=True, slots=True)
class Run:
    status: int
    out: str
    err: str
    seconds: float
    megabytes: float

    @property
    def said(self) -> str:
        return self.out + self.err


# A process' peak counts what it was forked from, which here is a whole run of tests; so a small one stands in between.
MEASURE = """
import resource, subprocess, sys
ended = subprocess.run(sys.argv[2:])
open(sys.argv[1], "w").write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(ended.returncode)
"""


def run(folder: Path, kinds: tuple[str, str], *words: str) -> Run:
    """The real command against two hosts of these kinds: how it ended, and what it took."""
    configuration = CONFIGURATION.format(python=sys.executable, host=HOST, first=kinds[0], second=kinds[1])
    shell = Shell(folder, configuration)
    begun = time.monotonic()
    with (folder / "out").open("w+b") as out, (folder / "err").open("w+b") as err:
        measured = [sys.executable, "-c", MEASURE, str(folder / "peak"), *shell.command(*words)]
        ended = subprocess.run(
            measured, env=shell.environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=err, check=False
        )
    return Run(
        ended.returncode,
        (folder / "out").read_bytes().decode(),
        (folder / "err").read_bytes().decode(),
        time.monotonic() - begun,
        int((folder / "peak").read_text()) / 1024,
    )


@pytest.mark.parametrize(
    ("kinds", "why"),
    [
        (
            ("endless_bytes", "endless_noise"),
            ("the host sends a line without an end", "the host does not stop talking"),
        ),
        (
            ("endless_base64", "endless_logs"),
            ("the host sends a line without an end", "the host does not stop talking"),
        ),
        (("endless_answers", "endless_records"), ("the host does not stop ", "the host does not stop ")),
        (("wrong_words", "wrong_protocol"), ("the host answers nonsense", r"This is no shell\x1b[31m!")),
    ],
    ids=str,
)
def test_hosts_that_never_stop_or_speak_otherwise_are_given_up_soon_and_fill_nothing(
    tmp_path: Path, kinds: tuple[str, str], why: tuple[str, str]
) -> None:
    ran = run(tmp_path, kinds, "toggle", "one", "customer_portal", "true", "--yes")

    assert (ran.status, CONTROL.findall(ran.said)) == (3, []), ran.said
    assert all(reason.lower() in ran.said.lower() for reason in why), ran.said
    assert "web-1" in ran.said
    assert ran.megabytes < 150
    assert ran.seconds < 40  # and not 45, which a verb without an answer takes


COMMANDS = (
    ("status", "one", "--json"),
    ("status", "one"),
    ("audit", "one", "--json"),
    ("audit", "one"),
    ("audit", "--verify"),
    ("doctor", "one"),
    ("health", "one"),
    ("toggle", "one", "customer_portal", "true", "--yes"),
    ("toggle", "one", "customer_portal", "false", "--yes", "--json"),
    ("rollback", "one", "--yes"),
)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_whatever_hosts_answer_nothing_breaks_and_no_control_reaches_the_screen(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    ran = run(tmp_path, ("nasty", "broken_php"), *words)

    assert ran.status in {0, 3, 5, 6}, ran.said
    assert "Traceback" not in ran.said
    assert CONTROL.findall(ran.said) == []
    assert "s3cret-of-the-host" not in ran.said
    if "--json" in words:
        json.loads(ran.out)
    assert not list(tmp_path.rglob("pwned"))
    assert "s3cret-of-the-host" not in "".join(path.read_text() for path in tmp_path.rglob("*.jsonl"))


def test_a_record_that_edits_keys_of_others_is_not_undone_and_no_value_of_theirs_is_shown(tmp_path: Path) -> None:
    ran = run(tmp_path, ("nasty", "nasty"), "--debug", "rollback", "one", "--yes", "--force")

    assert ran.status == 3, ran.said
    assert "edits DB_PASSWORD, which customer_portal does not have" in ran.said
    assert "s3cret-of-the-host" not in ran.said
    assert CONTROL.findall(ran.said) == []


def test_a_host_that_says_a_byte_now_and_then_is_late_all_the_same() -> None:
    dripping = Wire(LocalConnection().start("while printf x; do sleep 0.05; done"))
    begun = time.monotonic()
    with pytest.raises(Unreachable, match="did not answer in time"):
        next(dripping.answers(0.5))
    assert time.monotonic() - begun < 20
    dripping.close()


def test_a_host_that_does_not_listen_is_no_reason_to_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_channel, "_SENDING", 0.2)
    deaf = Wire(LocalConnection().start("exec sleep 60 >/dev/null"))
    with pytest.raises(Unreachable, match="does not listen"):
        deaf.send("put", "env.new", "x" * 10**6)
    deaf._channel._process.kill()  # type: ignore[attr-defined]
    deaf.close()
