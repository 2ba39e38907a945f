"""What is read or run on a host without changing it: real sessions on this machine, under each shell."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from rolloutctl.errors import Unreachable
from rolloutctl.rules.host import Event
from rolloutctl.rules.work import Ran
from tests.lab.disks import disk_of, may_mount
from tests.lab.processes import alive, wait_until
from tests.outside.machines import SECRET, SHELLS, Machine, installed, log_line, machine_in, numbers

WAITS = "echo $$ >pid; mv pid waiting; exec sleep 300"


@pytest.fixture(params=[shell for shell in SHELLS if installed(shell)])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machine]:
    machine = machine_in(tmp_path, request.param)
    yield machine
    machine.leave()


@pytest.fixture
def usual(tmp_path: Path) -> Iterator[Machine]:
    machine = machine_in(tmp_path, "dash" if installed("dash") else "bash")
    yield machine
    machine.leave()


@pytest.fixture
def log(machine: Machine) -> Path:
    """The log of a host that has one record, which its session wrote."""
    session = machine.session()
    assert [event.kind for event in session.append({"event": "check", "flag": "portal"})] == ["record"]
    return machine.log


def test_a_flags_records_are_found_and_no_others(machine: Machine, log: Path) -> None:
    with log.open("a") as file:
        for number, flag in enumerate(("portal", "portal2", "my-portal", "por.al", "portal")):
            file.write(log_line(flag, number, reason='"flag":"portal"'))
    session = machine.session()

    found = session.records_of("portal")

    assert [record.event for record in found] == ["check"] * 3
    assert numbers(found) == [None, 0, 4]
    assert found[0].line == log.read_text().partition("\n")[0]
    assert numbers(session.records_of("por.al")) == [3]
    assert session.records_of("other") == ()
    assert session.said == []


def test_torn_lines_and_zeros_hide_no_record(machine: Machine, log: Path) -> None:
    with log.open("a") as file:
        file.write(f'{{"prev":"\0\0\0\n{{"flag":"portal","torn\n{log_line("portal", 1)}{{"flag":"portal","half')
    assert numbers(machine.session().records_of("portal")) == [None, 1]


def test_a_host_without_a_log_has_no_records(machine: Machine) -> None:
    assert machine.session().records_of("portal") == ()


def test_records_in_many_pieces_are_those_of_one_moment(machine: Machine, log: Path) -> None:
    pairs = 2500
    with log.open("a") as file:
        file.writelines(
            log_line("portal", n, pad="x" * 900) + log_line("other", n, pad="x" * 900) for n in range(pairs)
        )
    session = machine.session()
    pieces = []

    def meanwhile(event: Event) -> None:
        pieces.append(event.kind)
        with log.open("a") as file:
            file.write(log_line("portal", -1))

    machine.hear = meanwhile

    assert numbers(session.records_of("portal"))[1:] == list(range(pairs))
    assert pieces == ["found", *["records"] * 4]
    assert numbers(session.records_of("portal"))[pairs + 1 :] == [-1] * 5


def test_a_log_that_others_could_have_written_is_not_searched(machine: Machine, log: Path) -> None:
    log.chmod(0o666)
    with pytest.raises(
        Unreachable, match=r"can't be searched: .*audit.jsonl is a link or a fifo, belongs to"
    ) as raised:
        machine.session().records_of("portal")
    assert raised.value.subject == "web-1"
    log.chmod(0o600)


def test_a_log_that_cannot_be_read_is_no_empty_one(machine: Machine, log: Path) -> None:
    log.unlink()
    log.mkdir()
    with pytest.raises(Unreachable, match="can't be searched: it can't be read"):
        machine.session().records_of("portal")


@pytest.mark.parametrize("flag", ["", 'x"', "a b", "*", "ä", "x\n", "$(id)"])
def test_what_is_no_flag_is_not_looked_for(usual: Machine, flag: str) -> None:
    with pytest.raises(ValueError, match=r"^"):
        usual.session().records_of(flag)


def test_a_command_runs_as_a_step_does_and_tells_both_outputs_apart(machine: Machine) -> None:
    command = "pwd; umask; echo $LANG$LC_ALL$SCRATCH$RC_APP; cat; echo 1 >&2; exit 3"
    umask = os.umask(0o022)
    os.umask(umask)

    ran = machine.session(content=True).run(command, 10)

    assert (ran.status, ran.ok, ran.problem, ran.trouble) == (3, False, "fails with exit 3", "1")
    assert ran.output == f"{machine.app}\n{umask:04o}\nC.UTF-8\n"


def test_a_command_that_says_nothing_is_well(machine: Machine) -> None:
    session = machine.session(content=True)
    ran = session.run("true", 10)
    assert ran == Ran(0, ran.ms)
    assert (ran.ok, ran.problem) == (True, "")
    assert session.run("no-such-command", 10).problem == "fails with exit 127"


def test_what_a_command_says_is_shown_without_secrets_and_told_nowhere_else(machine: Machine) -> None:
    command = f"echo key {SECRET}; echo err {SECRET} >&2"
    session = machine.session(content=True)

    ran = session.run(command, 10)

    assert (ran.output, ran.shown, ran.trouble) == (f"key {SECRET}\n", "key •••", "err •••")
    assert SECRET not in repr((ran, session.said, machine.told))
    blind = machine.session().run(command, 10)
    assert (blind.output, blind.shown, blind.trouble) == (f"key {SECRET}\n", "", "")


def test_much_output_arrives_whole_and_its_end_is_shown(machine: Machine) -> None:
    command = f"i=0; while [ $i -lt 3000 ]; do i=$((i + 1)); echo $i {SECRET}; echo $i {SECRET} >&2; done"
    ran = machine.session(content=True).run(command, 30)
    assert ran.output == "".join(f"{number} {SECRET}\n" for number in range(1, 3001))
    for shown in (ran.shown, ran.trouble):
        assert shown.endswith("\n2999 •••\n3000 •••")
        assert SECRET[2:] not in shown


def test_the_largest_output_fits_and_one_byte_more_is_too_much(usual: Machine) -> None:
    session = usual.session(content=True)
    most = 8 * 2**20
    fits = session.run(f"head -c {most} /dev/zero | tr '\\0' x", 30)
    assert (len(fits.output), fits.shown, fits.ok) == (most, "", True)
    over = session.run(f"head -c {most + 1} /dev/zero; echo why >&2", 30)
    assert (over.ok, over.problem, over.output, over.trouble) == (False, "prints too much", "", "why")


@pytest.mark.skipif(not may_mount(), reason="a disk of its own needs a mount")
def test_output_and_records_that_find_no_room_are_told_and_never_cut(usual: Machine) -> None:
    small = usual.folder / "small"
    with disk_of(small):
        usual.host = replace(usual.host, shell=f"{usual.host.shell} TMPDIR={small}")  # noqa: S604 - a setting
        session = usual.session(content=True)
        ran = session.run("head -c 6000000 /dev/zero | tr '\\0' x; echo why >&2", 30)
        assert (ran.ok, ran.problem, ran.output) == (False, "prints more than the host's disk has room for", "")
        assert session.run("echo well", 10).output == "well\n"
        session.append({"event": "check", "flag": "portal"})
        with usual.log.open("a") as file:
            file.write(log_line("portal", 1, pad="x" * 1000) * 5000)
        searching = usual.session()
        with pytest.raises(Unreachable, match="or what was found has no room"):
            searching.records_of("portal")
        usual.leave()


def test_output_without_an_end_is_cut_off(machine: Machine) -> None:
    session = machine.session(content=True)
    assert session.run("yes", 60).problem == "prints too much"
    assert session.run("yes >&2 & sleep 0.2; kill $!; echo ok", 60).output == "ok\n"
    assert session.run("echo well", 10).output == "well\n"


def test_a_command_whose_time_is_over_is_ended_with_all_that_it_started(machine: Machine) -> None:
    ran = machine.session(content=True).run("sleep 300 & sleep 300 & wait", 1)
    assert (ran.status, ran.problem) == (124, "takes too long")
    wait_until(lambda: not [p for p in machine.processes if p.command == "sleep 300"], "the end of the command")


def test_what_a_command_said_before_its_time_was_over_is_shown(usual: Machine) -> None:
    ran = usual.session(content=True).run("echo so far; echo trouble >&2; sleep 300", 1)
    assert (ran.problem, ran.shown, ran.trouble) == ("takes too long", "so far", "trouble")


def gone(machine: Machine) -> None:
    """The client's connection ends."""
    machine.opened[-1].close()


def terminated(machine: Machine) -> None:
    """Somebody ends the host's side of the session, whose shell is the first of several."""
    shells = [process.pid for process in machine.processes if process.command.startswith("sh -c eval")]
    os.kill(min(shells), signal.SIGTERM)


@pytest.mark.parametrize(("ended", "command"), [(gone, f"trap '' TERM; {WAITS}"), (terminated, WAITS)])
def test_a_command_does_not_outlive_its_session(
    machine: Machine, ended: Callable[[Machine], None], command: str
) -> None:
    session = machine.session(content=True)
    results: list[object] = []

    def wait() -> None:
        try:
            results.append(session.run(command, 100))
        except Unreachable as error:
            results.append(error)

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    wait_until((machine.app / "waiting").exists, "the command's beginning")
    assert alive(int((machine.app / "waiting").read_text()))

    ended(machine)

    wait_until(lambda: not machine.processes, "the end of all processes")
    waiting.join(10)
    assert not waiting.is_alive()


def test_a_session_goes_on_behind_a_command(machine: Machine) -> None:
    session = machine.session(content=True)
    for number in range(5):
        assert session.run(f"echo {number}", 10).output == f"{number}\n"
        session.hold()
    assert [event.kind for event in session.append({"event": "check", "flag": "portal"})] == ["record"]
    assert len(session.records_of("portal")) == 1
    assert session.look(content=True).content is not None


def test_a_large_log_is_searched_at_once(usual: Machine) -> None:
    session = usual.session()
    session.append({"event": "check", "flag": "portal"})
    with usual.log.open("a") as file:
        file.write(log_line("other", 1, pad="x" * 600) * 100_000)
    begun = time.monotonic()
    assert len(session.records_of("portal")) == 1
    assert time.monotonic() - begun < 3  # a tenth of a second where nothing else runs
