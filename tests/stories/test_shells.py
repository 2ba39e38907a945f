"""The host's side of a session by itself, under each shell that a server may have as its sh.

But for this machine's own: all other stories run under that.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from rolloutctl.outside.command import session_command
from rolloutctl.outside.process_channel import ProcessChannel, started
from rolloutctl.outside.session import RemoteSession
from rolloutctl.rules.config import Host
from rolloutctl.rules.host import Event
from tests.lab.lab import Lab
from tests.stories.conftest import Hire
from tests.stories.operator import Operator
from tests.stories.traces import BRIEF, EVERYBODYS, contents, events_of, log_of, portals, until

pytestmark = pytest.mark.lab

# busybox with its own applets is what an Alpine container has; flock, php and what it lacks come from the machine.
_KNOWN = ("dash", "bash", "busybox", "busybox-applets")
SHELLS = tuple(name for name in _KNOWN if Path("/bin/sh").resolve().name != name)
_NOT_APPLETS = {"busybox", "init", "linuxrc", "sudo"}


class ShellConnection:
    """Starts commands as sshd does, where `sh` is the shell in question."""

    way = "on this machine"

    def __init__(self, bin_folder: Path, programs: Path) -> None:
        self._path = f"{bin_folder}:{programs}:{os.environ['PATH']}"
        self._sh = bin_folder / "sh"
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, command: str) -> ProcessChannel:
        environment = {"PATH": self._path, "HOME": os.environ["HOME"]}
        self.processes.append(started([str(self._sh), "-c", command], environment))
        return ProcessChannel(self.processes[-1])

    def hang_up(self) -> None:
        """The end of every session's stdin, as when the network goes."""
        for process in self.processes:
            assert process.stdin is not None
            process.stdin.close()

    def close(self) -> None:
        """Nothing to hang up."""


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest, tmp_path: Path, lab: Lab) -> ShellConnection:
    name = str(request.param)
    program = shutil.which(name.removesuffix("-applets"))
    if program is None:
        if os.environ.get("CI"):
            pytest.fail(f"{name} is not installed")
        pytest.skip(f"{name} is not installed")
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    names = {"sh"}
    if name == "busybox-applets":
        listed = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout.split()
        names |= set(listed) - _NOT_APPLETS
    for each in names:
        (bin_folder / each).symlink_to(program)
    return ShellConnection(bin_folder, lab.hosts[0].bin)


def under(shell: ShellConnection, operator: Operator) -> Operator:
    """The operator, whose sessions run under that shell."""

    def open_session(host: Host, progress: Callable[[Event], None]) -> RemoteSession:
        return RemoteSession(host, shell, shell.start(session_command(host)), progress)

    operator.tools = replace(operator.tools, sessions=open_session)
    return operator


def test_a_whole_change_is_kept_and_put_back_again(fresh: Lab, hire: Hire, shell: ShellConnection) -> None:
    operator, host = under(shell, hire(fresh, hosts=fresh.hosts[:1])), fresh.hosts[0]
    before = contents(fresh)

    on = operator.toggle("customer_portal", True)

    assert (on.exit_status, host.portal(), operator.status().well) == (0, 200, True), on.said
    assert on.done is not None
    assert [(step.name, step.status, step.ms > 0) for step in on.done.hosts[0].steps] == [("restart php-fpm", 0, True)]
    back = operator.rollback()
    assert (back.exit_status, contents(fresh)) == (0, before), back.said
    assert events_of(host) == ["started", "kept"] * 2


@pytest.mark.xdist_group("doctor")
def test_doctor_sees_the_same_under_each(fresh: Lab, hire: Hire, shell: ShellConnection) -> None:
    operator, host = under(shell, hire(fresh, hosts=fresh.hosts[:1])), fresh.hosts[0]
    host.edit_env('APP_NAME="Lab Gateway"', "APP_NAME=Zebra-Crossing\nFEATURE_NEW=1")
    before = host.snapshot()

    found = operator.doctor()

    verdicts = [v for v in found.hosts[0].verdicts if v.check not in EVERYBODYS]
    told = {(v.check, v.status) for v in verdicts if v.status not in {"ok", "skipped"}}
    assert told == {("flags", "info"), ("waiting edits", "fail"), ("requests in flight", "info")}
    assert (host.snapshot(), list(host.state_dir.glob("*"))) == (before, [])


def test_a_change_that_another_host_failed_is_reverted(fresh: Lab, hire: Hire, shell: ShellConnection) -> None:
    operator = under(shell, hire(fresh, hosts=fresh.hosts[:2]))
    before = contents(fresh)
    fresh.hosts[1].refuse_restarts(1)

    failed = operator.toggle("customer_portal", True)

    assert (failed.exit_status, contents(fresh), portals(fresh)) == (4, before, [404] * 3), failed.said
    assert [record.data.get("cause") for record in log_of(fresh.hosts[0])] == [None, "another-host-failed"]


def test_a_session_whose_client_goes_while_it_holds_goes_back(fresh: Lab, hire: Hire, shell: ShellConnection) -> None:
    operator, host = under(shell, hire(fresh, hosts=fresh.hosts[:1])), fresh.hosts[0]
    before = contents(fresh)
    operator.when("web-1", "committed", shell.hang_up)

    ended = operator.toggle("customer_portal", True)

    until(lambda: events_of(host) == ["started", "reverted"], "the host going back")
    assert (ended.exit_status, contents(fresh)) == (4, before), ended.said
    assert log_of(host)[-1].data["cause"] == "client-gone"


def test_a_session_that_hears_nothing_goes_back_after_its_hold_time(
    fresh: Lab, hire: Hire, shell: ShellConnection
) -> None:
    operator, host = under(shell, hire(fresh, hosts=fresh.hosts[:1], hold="1s")), fresh.hosts[0]
    before = contents(fresh)
    operator.when(
        "web-1", "committed", lambda: until(lambda: events_of(host) == ["started", "reverted"], "the hold time's end")
    )

    ended = operator.toggle("customer_portal", True)

    assert (ended.exit_status, contents(fresh)) == (4, before), ended.said
    assert log_of(host)[-1].data["cause"] == "hold-time-over"


def test_a_switch_off_ends_a_session_that_holds(fresh: Lab, hire: Hire, shell: ShellConnection) -> None:
    holder, other = (under(shell, hire(fresh, hosts=fresh.hosts[:1], health=BRIEF)) for _ in range(2))
    host = fresh.hosts[0]
    holder.toggle("customer_portal", True)
    statuses: list[int] = []
    holder.when("web-1", "committed", lambda: statuses.append(other.toggle("customer_portal", False).exit_status))

    widening = holder.toggle("bulk_export", True)

    assert (statuses, widening.exit_status) == ([0], 4), widening.said
    assert (host.portal(), host.get("/bulk")[0]) == (404, 404)
