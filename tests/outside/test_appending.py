"""Records that are of no change: written beside whatever goes on, by many at once, or refused with the reason."""

from __future__ import annotations

import fcntl
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rolloutctl.outside.session import RemoteSession
from rolloutctl.rules.host import Event
from rolloutctl.rules.records import Log, read_record, verify
from rolloutctl.rules.refusals import why_unrecorded
from tests.outside.machines import SHELLS, Machine, installed, log_line, machine_in

USUAL = next(shell for shell in SHELLS if installed(shell))
MARK = {"event": "sign-off", "flag": "portal", "actor": "anna"}


@pytest.fixture(params=[shell for shell in SHELLS if installed(shell)])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machine]:
    machine = machine_in(tmp_path, request.param)
    yield machine
    machine.leave()


@pytest.fixture
def usual(tmp_path: Path) -> Iterator[Machine]:
    machine = machine_in(tmp_path, USUAL)
    yield machine
    machine.leave()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Somebody has a lock, and does not let go."""
    with path.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def log_of(machine: Machine) -> Log:
    return Log(machine.log.read_text(), machine.log.with_suffix(".head").read_text())


def mark(session: RemoteSession, **more: object) -> str:
    """Append; why it was not written, or nothing."""
    return why_unrecorded(session.append({**MARK, **more}))


def test_the_answer_is_the_record_as_it_was_written(machine: Machine) -> None:
    session = machine.session()
    written = [session.append({**MARK, "number": number}) for number in range(3)]
    assert [event.kind for answers in written for event in answers] == ["record"] * 3
    lines = "".join(answers[0].text(0) + "\n" for answers in written)
    assert (machine.log.read_text(), verify(log_of(machine))) == (lines, None)
    assert [read_record(line).data["number"] for line in lines.splitlines()] == [0, 1, 2]


def test_a_change_that_holds_the_lock_keeps_no_record_waiting(machine: Machine) -> None:
    session = machine.session()
    assert mark(session) == ""
    with locked(machine.log.with_name("lock")):
        assert mark(session) == ""
        assert mark(machine.session()) == ""
    assert verify(log_of(machine)) is None


def test_many_who_write_at_the_same_moment_leave_one_chain(machine: Machine) -> None:
    sessions = [machine.session() for _ in range(4)]
    begin = threading.Barrier(len(sessions))
    told: dict[str, list[str]] = {}

    def write(number: int) -> None:
        begin.wait()
        for turn in range(4):
            answers = sessions[number].append({**MARK, "by": number, "turn": turn})
            told[f"{number}.{turn}"] = [event.text(0) for event in answers if event.kind == "record"]

    writers = [threading.Thread(target=write, args=(number,)) for number in range(len(sessions))]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)

    log = log_of(machine)
    assert verify(log) is None
    assert sorted(line for lines in told.values() for line in lines) == sorted(log.text.splitlines())
    by = {key: json.loads(line) for key, (line,) in told.items()}
    assert {key for key, record in by.items() if key != f"{record['by']}.{record['turn']}"} == set()
    assert log.head.startswith("16 ")


def test_a_log_that_somebody_keeps_is_busy_and_not_waited_for(usual: Machine) -> None:
    session = usual.session()
    mark(session)
    before = usual.log.read_text()
    with locked(usual.log):
        assert mark(session) == "another command has its audit log open, and does not end"
    assert usual.log.read_text() == before
    assert mark(session) == ""


def test_a_log_that_cannot_be_written_is_told(machine: Machine) -> None:
    session = machine.session()
    mark(session)
    head = machine.log.with_suffix(".head")
    head.rename(head.with_name("away"))
    head.mkdir()
    assert mark(session) == "its audit log can't be written: is the disk full?"
    head.rmdir()
    head.with_name("away").rename(head)
    assert (mark(session), verify(log_of(machine))) == ("", None)


def test_a_state_folder_that_is_not_trusted_is_told(usual: Machine) -> None:
    state = usual.folder / "state"
    state.mkdir()
    state.chmod(0o777)
    reason = f"the folder {state} can be written by others (mode 777): chmod go-w {state}"
    assert mark(usual.session()) == reason
    session = usual.session()
    session.append(MARK)
    assert [event for event in usual.told if event.kind == "record"] == []
    state.chmod(0o700)
    assert mark(session) == ""


def test_marks_hide_no_change_from_a_look(machine: Machine) -> None:
    session = machine.session()
    for number in range(3):
        session.append({"event": "kept", "change": f"abcd{number}", "flag": "portal"})
    with machine.log.open("a") as log:
        log.write(log_line("portal", 1) * 300 + '{"prev":"\0\0\n' + log_line("portal", 2))
    state = session.look(content=False, records=2)
    assert [record.change for record in state.records] == ["abcd1", "abcd2"]


def test_a_host_that_answers_nothing_has_written_nothing() -> None:
    assert why_unrecorded([]) == why_unrecorded([Event("refused", ("x", "0", ""))]) == "its audit log was not written"


def test_nothing_that_a_session_starts_has_the_log_open(usual: Machine) -> None:
    session = usual.session(content=True)
    mark(session)
    assert str(usual.log) not in session.run("ls -l /proc/self/fd /proc/$PPID/fd", 10).output
