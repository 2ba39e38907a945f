"""The embedded host's SSH server, met by paramiko and by the system's ssh."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import paramiko
import pytest

from rolloutctl.demo.host import EmbeddedHost
from tests.demo import ssh

_FIVE_MB = bytes(range(256)) * 20_000


def test_five_megabytes_come_back_whole_over_paramiko(client: paramiko.SSHClient) -> None:
    assert ssh.run(client, "cat", _FIVE_MB) == (0, _FIVE_MB, b"")


def test_five_megabytes_come_back_whole_over_the_systems_ssh(shared: EmbeddedHost, tmp_path: Path) -> None:
    assert ssh.system_ssh(shared, tmp_path, "cat", _FIVE_MB) == (0, _FIVE_MB, b"")


def test_stderr_is_kept_apart_from_stdout(client: paramiko.SSHClient) -> None:
    ended = ssh.run(client, "head -c 3000000 /dev/zero >&2; head -c 3000000 /dev/zero")
    assert (ended.status, len(ended.stdout), len(ended.stderr)) == (0, 3_000_000, 3_000_000)


@pytest.mark.parametrize(
    ("command", "status"), [("true", 0), ("exit 7", 7), ("no-such-command", 127), ("kill -9 $$", 137)]
)
def test_the_exit_status_arrives(shared: EmbeddedHost, tmp_path: Path, command: str, status: int) -> None:
    with ssh.connect(shared) as client:
        assert ssh.run(client, command).status == status
    assert ssh.system_ssh(shared, tmp_path, command).status == status


def test_the_shortest_commands_never_look_refused(client: paramiko.SSHClient) -> None:
    with ThreadPoolExecutor(8) as pool:
        ended = list(pool.map(lambda _: ssh.run(client, "echo so"), range(200)))
    assert ended == [(0, b"so\n", b"")] * 200


def test_a_command_that_does_not_read_its_input_still_ends(client: paramiko.SSHClient) -> None:
    assert ssh.run(client, "exec <&-; echo so", _FIVE_MB) == (0, b"so\n", b"")


def test_a_command_sees_the_end_of_its_input_when_the_client_is_gone(shared: EmbeddedHost, tmp_path: Path) -> None:
    with ssh.connect(shared) as client:
        client.exec_command(f"cat; echo ended >{tmp_path}/ended")
    assert _soon((tmp_path / "ended").exists)


def test_a_command_that_writes_when_the_client_is_gone_does_not_hang(shared: EmbeddedHost, tmp_path: Path) -> None:
    with ssh.connect(shared) as client:
        client.exec_command(f"trap '' PIPE; head -c 9000000 /dev/zero; echo ended >{tmp_path}/ended")
    assert _soon((tmp_path / "ended").exists)


def test_a_command_finds_the_hosts_own_programs_and_a_session_of_its_own(
    shared: EmbeddedHost, client: paramiko.SSHClient
) -> None:
    script = """
for each in php sudo systemctl; do command -v $each; done
echo "$HOME"; pwd
set -- $SSH_CONNECTION; echo "$1 $3 $4"
ps -o sid= $$"""
    *lines, session = ssh.run(client, script).stdout.decode().splitlines()
    home, programs = str(shared.folder / "home"), shared.folder / "bin"
    assert lines == [
        *(str(programs / name) for name in ("php", "sudo", "systemctl")),
        home,
        home,
        f"127.0.0.1 127.0.0.1 {shared.ssh_port}",
    ]
    assert int(session) != os.getsid(0)


def test_another_key_another_user_and_a_password_are_refused(shared: EmbeddedHost) -> None:
    strange = paramiko.ECDSAKey.generate()
    own = paramiko.ECDSAKey.from_private_key_file(str(shared.client_key))
    for user, key in ((shared.user, strange), ("root", own)):
        with _greeted(shared) as transport, pytest.raises(paramiko.AuthenticationException):
            transport.auth_publickey(user, key)
    with _greeted(shared) as transport, pytest.raises(paramiko.BadAuthenticationType):
        transport.auth_password(shared.user, "demo")


def test_stopping_ends_the_commands_that_still_run(tmp_path: Path) -> None:
    host = EmbeddedHost(tmp_path / "demo")
    host.start()
    with ssh.connect(host) as client:
        _, stdout, _ = client.exec_command(f"echo begun; cat; echo ended >{tmp_path}/ended")
        assert stdout.readline() == "begun\n"
        host.stop()
    assert (tmp_path / "ended").read_text() == "ended\n"


def test_a_client_that_speaks_no_ssh_leaves_the_server_well(
    shared: EmbeddedHost, capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.create_connection(("127.0.0.1", shared.ssh_port)) as strange:
        strange.sendall(b"GET / HTTP/1.1\r\n\r\n" * 200)
        with contextlib.suppress(ConnectionResetError):
            while strange.recv(1000):
                pass
    with ssh.connect(shared) as client:
        assert ssh.run(client, "true").status == 0
    assert capfd.readouterr() == ("", "")


def _greeted(host: EmbeddedHost) -> paramiko.Transport:
    transport = paramiko.Transport(("127.0.0.1", host.ssh_port))
    transport.start_client(timeout=10)
    return transport


def _soon(true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not true() and time.monotonic() < deadline:
        time.sleep(0.01)
    return true()
