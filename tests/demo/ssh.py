"""Commands over SSH for the tests of the embedded host: by a plain paramiko client, and by the system's ssh."""

from __future__ import annotations

import contextlib
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import paramiko

from rolloutctl.demo.host import EmbeddedHost


class Ended(NamedTuple):
    """How a command ended."""

    status: int
    stdout: bytes
    stderr: bytes


def connect(host: EmbeddedHost) -> paramiko.SSHClient:
    """A client that has been let in, and that knows the host's key."""
    client = paramiko.SSHClient()
    known = paramiko.ECDSAKey.from_private_key_file(str(host.folder / "keys/host"))
    client.get_host_keys().add(f"[127.0.0.1]:{host.ssh_port}", known.get_name(), known)
    client.connect(
        "127.0.0.1", host.ssh_port, host.user, key_filename=str(host.client_key), look_for_keys=False, allow_agent=False
    )
    return client


def run(client: paramiko.SSHClient, command: str, stdin: bytes = b"") -> Ended:
    """Run a command to its end; its three streams are served at once."""
    _, stdout, stderr = client.exec_command(command)
    channel = stdout.channel

    def write() -> None:
        with contextlib.suppress(OSError):  # a command may end without having read it all
            channel.sendall(stdin)
        channel.shutdown_write()

    with ThreadPoolExecutor(3) as pool:
        pool.submit(write)
        out, err = pool.submit(stdout.read), pool.submit(stderr.read)
    return Ended(channel.recv_exit_status(), out.result(), err.result())


def system_ssh(host: EmbeddedHost, folder: Path, command: str, stdin: bytes = b"") -> Ended:
    """The same by the system's ssh, with a configuration of its own in `folder`."""
    key = paramiko.ECDSAKey.from_private_key_file(str(host.folder / "keys/host"))
    known_hosts = folder / "known_hosts"
    known_hosts.write_text(f"[127.0.0.1]:{host.ssh_port} {key.get_name()} {key.get_base64()}\n")
    options = ["-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=yes"]
    options += ["-o", f"UserKnownHostsFile={known_hosts}", "-i", str(host.client_key), "-p", str(host.ssh_port)]
    done = subprocess.run(
        ["ssh", *options, f"{host.user}@127.0.0.1", command], input=stdin, capture_output=True, timeout=30, check=False
    )
    return Ended(done.returncode, done.stdout, done.stderr)
