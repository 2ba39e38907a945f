"""Clients: somebody's ~/.ssh with real keys, certificates, config and known_hosts, and a real ssh-agent."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab.doors import keygen, make_key
from tests.lab.processes import wait_until
from tests.lab.servers import program

_ASKED = "#!/bin/sh\nprintf '%s\\n' \"$PASSPHRASE\"\n"  # stands where ssh-add would ask a person


class Client:
    """A home with a `.ssh`.

    OpenSSH looks for it in the account's home, whatever $HOME says; so `config` names its files by their whole path,
    and rolloutctl hands it to ssh.

    Args:
        home: an empty folder, or none yet.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.ssh = home / ".ssh"
        self.known_hosts = self.ssh / "known_hosts"
        self.config = self.ssh / "config"
        self.ssh.mkdir(mode=0o700, parents=True)
        self.known_hosts.touch(mode=0o600)
        self.configure()

    def key(self, name: str = "id_ed25519", kind: str = "ed25519", passphrase: str = "") -> Path:
        """A new key file in ~/.ssh."""
        return make_key(self.ssh / name, kind, passphrase)

    def configure(self, *lines: str) -> None:
        """Write ~/.ssh/config: these lines, and behind them where known_hosts is."""
        own = ("Host *", f"  UserKnownHostsFile {self.known_hosts}", "  GlobalKnownHostsFile none")
        self.config.write_text("".join(f"{line}\n" for line in (*lines, *own)), encoding="utf-8")
        self.config.chmod(0o600)

    def know(self, *lines: str, hashed: bool = False) -> None:
        """Write known_hosts anew, with these lines; the names in it hashed, where asked for."""
        self.known_hosts.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        if hashed:
            keygen("-q", "-H", "-f", self.known_hosts)
            self.known_hosts.with_name("known_hosts.old").unlink()

    def env(self, agent: Agent | None = None) -> dict[str, str]:
        """The whole environment of a process of theirs."""
        own = {"HOME": str(self.home), "LANG": "C.UTF-8", "PATH": os.environ["PATH"]}
        return own | ({"SSH_AUTH_SOCK": str(agent.socket)} if agent else {})


class Agent:
    """A running ssh-agent."""

    def __init__(self, socket: Path, pid: int) -> None:
        self.socket = socket
        self.pid = pid

    def add(self, key: Path, passphrase: str = "", *options: str) -> None:
        """`ssh-add` a key file, and its certificate where one lies beside it."""
        asks = self.socket.with_name("askpass")
        env = {"SSH_ASKPASS": str(asks), "SSH_ASKPASS_REQUIRE": "force", "PASSPHRASE": passphrase}
        asks.write_text(_ASKED, encoding="utf-8")
        asks.chmod(0o700)
        self._ssh_add([*options, str(key)], env)

    def forget(self) -> None:
        """Remove every key."""
        self._ssh_add(["-D"], {})

    def _ssh_add(self, arguments: list[str], env: dict[str, str]) -> None:
        done = subprocess.run(
            [program("ssh-add"), "-q", *arguments],
            env={"PATH": os.environ["PATH"], "SSH_AUTH_SOCK": str(self.socket), **env},
            capture_output=True,
            text=True,
            timeout=30,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert done.returncode == 0, f"ssh-add {arguments}: {done.stdout}{done.stderr}"


def _listens(path: Path) -> bool:
    """Whether somebody takes connections there: the socket's file is there a moment before."""
    with socket.socket(socket.AF_UNIX) as line:
        return line.connect_ex(str(path)) == 0


@contextmanager
def agent() -> Iterator[Agent]:
    """An ssh-agent without a key, ended with the block. Its folder is short: a socket's path has at most 107 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="agent-"))
    place = folder / "s"
    process = subprocess.Popen(
        [program("ssh-agent"), "-D", "-a", str(place)], stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: _listens(place) or process.poll() is not None, "ssh-agent listening")
        yield Agent(place, process.pid)
    finally:
        process.kill()
        process.wait(10)
        shutil.rmtree(folder)
