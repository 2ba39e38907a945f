"""Plays one case from the state before it to the command that settles it, and says how it came out."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.faults.client import Client, client
from tests.faults.faults import FAULTS
from tests.faults.judging import Seen, ending_of, faults_in, look_at, next_command, state_of
from tests.faults.matrix import Case
from tests.faults.stage import Stage
from tests.lab.lab import Lab
from tests.lab.processes import wait_until
from tests.stories.traces import assert_nothing_is_left, secrets_in

_BLINDING = {"health 500", "health garbled", "health silent", "health refused", "ill before"}
"""Faults that hide who sees the feature: they are mended before anybody looks."""

_LEAVE_SOMETHING = {"session killed", "power cut", "folder not writable", "state's disk full"}
"""Faults after which nobody could clear up; the next command does."""


@dataclass(frozen=True, slots=True)
class Played:
    """How a case ended."""

    ending: str
    exit_status: int
    seconds: float


def play(case: Case, lab: Lab, folder: Path) -> Played:
    """Play a case.

    Raises:
        AssertionError: it ended as the matrix does not allow, or left something behind.
    """
    with ExitStack() as stack:
        stage = Stage(case, lab, folder / "environments.yaml", stack)
        stage.set()
        fault = FAULTS[case.kind]
        fault.arrange(stage)
        stack.enter_context(stage.undo)
        begun = time.monotonic()
        exit_status = _struck(stage)
        _quiet(stage)
        seconds = time.monotonic() - begun
        if case.kind in _BLINDING:
            fault.mend(stage)
        hosts = look_at(stage)
        ending = ending_of(stage, exit_status, hosts)
        _judge(stage, ending, hosts)
        fault.mend(stage)
        if ending == "person" or ending.startswith("left-") or case.kind in _LEAVE_SOMETHING:
            stage.texts.append(_settle(stage, stage.undoing if ending == "done" else next_command(stage)))
        assert_nothing_is_left(lab)
        assert secrets_in(lab, stage.texts) == []
        return Played(ending, exit_status, seconds)


def _struck(stage: Stage) -> int:
    fault, stopping = FAULTS[stage.case.kind], stage.stopping
    if stopping is None:
        fault.strike(stage)
        stage.client = stage.stack.enter_context(_command(stage, stage.words))
        return stage.client.wait()
    host, moment = stopping
    with host.pause(moment) as pause:
        stage.client = stage.stack.enter_context(_command(stage, stage.words))
        pause.reached()
        fault.strike(stage)
    return stage.client.wait()


def _command(stage: Stage, words: tuple[str, ...]) -> AbstractContextManager[Client]:
    return client(stage.lab, stage.configuration, *words, "--yes", "--json", "--wait", "5s")


def _quiet(stage: Stage) -> None:
    """Until no session is left on any host: what goes back by itself has done so."""
    for relay in stage.relays:  # a host goes back by its own clock, and not as its line is hung up at last
        wait_until(lambda: not list(stage.host.state_dir.glob("*/*/holder")), "the lock of the host", seconds=60)
        relay.hang_up()
    wait_until(lambda: not stage.lab.leftovers(), "every session's end", seconds=60)


def _judge(stage: Stage, ending: str, hosts: dict[str, Seen]) -> None:
    seen = stage.client.seen
    assert "Traceback" not in seen, seen
    assert ending in stage.case.endings, f"{ending}, and not {sorted(stage.case.endings)}\n{hosts}\n{seen}"
    wrong = faults_in(stage, ending, hosts)
    assert wrong == [], f"{wrong}\n{hosts}\n{seen}"
    stage.texts.append(seen)


def _settle(stage: Stage, words: tuple[str, ...]) -> str:
    """The next command brings every host to one and the same state, and all is well; gives what it showed."""
    with _command(stage, words) as run:
        status = run.wait()
        hosts = look_at(stage)
        assert status == 0, f"{words}: exit {status}\n{hosts}\n{stage.client.seen}\n{run.seen}"
        assert state_of(stage, hosts) in {"old", "new"}, f"{words}\n{hosts}\n{run.seen}"
        assert [host.get("/health")[0] for host in stage.lab.hosts] == [200] * len(hosts)
        return run.seen
