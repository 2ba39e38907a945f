"""One host of the lab: what a test asks of it, what it looks like, and the faults that it can have."""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import signal
import stat
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.lab.application import Application, Fault, Illness, Layout
from tests.lab.pausing import Moment, Pause, paused
from tests.lab.processes import Process, Table, end, processes, strangers_in, with_descendants
from tests.lab.servers import Fpm, Server, Spoilt, lean_php, nginx, sshd

NOBODY = 65534


@dataclass(frozen=True, slots=True)
class FileState:
    """A file, wholly."""

    content: bytes = field(repr=False)
    sha256: str
    mode: int
    uid: int
    gid: int
    inode: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What must be the same after a change that was refused or put back; compare two of them as wholes."""

    env: FileState | None
    env_link: str | None
    cache: FileState | None
    fpm_pid: int
    restarts: int


class LabHost:
    """A server of its own in a folder: sshd, nginx, php-fpm and the application.

    Args:
        name: as it stands in environments.yaml.
        folder: all that belongs to it; its path is short, for a socket's path has at most 107 bytes.
        layout: how the application lies on disk.
        authorized_keys: the file with the client's public key.
        unprivileged: whether application and state belong to nobody, who may restart nothing.
    """

    def __init__(self, name: str, folder: Path, *, layout: Layout, authorized_keys: Path, unprivileged: bool) -> None:
        self.name = name
        self.folder = folder
        self.home = folder / "home"
        self.state_dir = self.home / "state"
        self.tools = folder / "tools"
        self.bin = folder / "bin"
        self._owner = (NOBODY, NOBODY) if unprivileged else None
        self.application = Application(folder / "app", layout, self._owner, self.bin)
        self.fpm = Fpm(folder, folder.parent / "opcache", "nobody" if unprivileged else "root")
        self.sshd: Server = sshd(folder, authorized_keys=authorized_keys, home=self.home)
        self.nginx: Server = nginx(folder, public=self.app / "public")
        self.restart_command = f"{'sudo -n ' if unprivileged else ''}sh restart-fpm.sh"
        self.reload_command = f"{'sudo -n ' if unprivileged else ''}sh reload-fpm.sh"
        self.public_key = ""
        self._pristine_pid = 0

    # Where things are

    @property
    def ssh_port(self) -> int:
        return self.sshd.port

    @property
    def http_port(self) -> int:
        return self.nginx.port

    @property
    def app(self) -> Path:
        """The application's folder as a configuration names it."""
        return self.application.path

    @property
    def env_path(self) -> Path:
        """The file behind `.env`."""
        return self.application.env_path

    @property
    def cache_path(self) -> Path:
        """The live config cache."""
        return self.application.cache_path

    @property
    def cache_now(self) -> Path:
        """The config cache of the release that is live now."""
        return self.app / "bootstrap" / "cache" / "config.php"

    # What it says and looks like

    def get(self, path: str, company: int | None = None, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
        """Ask nginx for a page: status and body."""
        sent = {"Host": "lab.test", **(headers or {})}
        if company is not None:
            sent["X-Company"] = str(company)
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=10)
        try:
            connection.request("GET", path, headers=sent)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        finally:
            connection.close()

    def portal(self, company: int | None = None) -> int:
        """The status of /portal."""
        return self.get("/portal", company)[0]

    def fpm_pid(self) -> int:
        """The id of php-fpm's master; 0 while there is none."""
        return self.fpm.pid

    def restarts(self) -> int:
        """How many restarts of php-fpm were asked for since the last `restore`."""
        return self.fpm.restarts

    def snapshot(self) -> Snapshot:
        """All that a change touches."""
        env = self.app / ".env"
        link = str(env.readlink()) if env.is_symlink() else None
        return Snapshot(_state(self.env_path), link, _state(self.cache_path), self.fpm_pid(), self.restarts())

    def leftovers(self) -> list[Process]:
        """The living processes here that are none of the servers: sessions and steps, connected or left behind."""
        table = processes()
        return strangers_in(self.folder, table, self.servers(table))

    def servers(self, table: Table) -> set[int]:
        """The ids of its servers' processes: sshd with its connections but not their sessions, nginx, php-fpm."""
        connections = {process.pid for process in self._connections(table)}
        others = (process.pid for pid in (self.nginx.pid, self.fpm.pid) for process in with_descendants(pid, table))
        return {self.sshd.pid, *connections, *others} - {0}

    # What happens to it

    def rebuild_cache(self) -> None:
        """`php artisan config:cache`, the usual way, over the live one."""
        self.application.rebuild_cache()

    def age_cache(self) -> None:
        """Make the config cache an hour old, for opcache keeps files younger than 2 s out."""
        self.application.age_cache()

    def restart_fpm(self) -> None:
        self.fpm.act("restart")

    def start_fpm(self) -> None:
        self.fpm.act("start")

    def stop_fpm(self) -> None:
        self.fpm.act("stop")

    def start_sshd(self) -> None:
        self.sshd.start()

    def stop_sshd(self) -> None:
        """The host can't be reached any more; what it was running over SSH loses its connection, and lives on."""
        if self.sshd.pid:
            os.kill(self.sshd.pid, signal.SIGSTOP)  # else somebody may come in between the two lines below
        self.cut_connections()
        self.sshd.stop()

    def cut_connections(self) -> None:
        """Kill sshd's side of each connection; the sessions behind live on, and sshd takes new connections."""
        end(process.pid for process in self._connections(processes()))

    def edit_env(self, old: str, new: str) -> None:
        """Edit `.env` in place, as a person with an editor; `old` must be there."""
        self.application.edit_env(old, new)

    def break_config(self, fault: Fault) -> Path:
        """Leave a config file that shows its fault when the cache is next built; gives the file."""
        return self.application.break_config(fault)

    def make_ill(self, while_on: str = "", how: Illness = "") -> None:
        """Every page fails, or does so while the feature `while_on` is on; see Application.make_ill."""
        self.application.make_ill(while_on, how)

    def heal(self) -> None:
        """Undo `make_ill`."""
        self.application.heal()

    def break_fpm(self) -> None:
        """php-fpm goes on until it is stopped or restarted, and doesn't come back then."""
        self.fpm.configure(fault="no_such_setting = 1")

    def mend_fpm(self) -> None:
        """Undo `break_fpm`; starts nothing."""
        self.fpm.configure()

    def refuse_restarts(self, times: int = 1) -> None:
        """The next restarts fail without stopping php-fpm."""
        self.spoil_restarts("refuse", times)

    def spoil_restarts(self, how: Spoilt, times: int = 1) -> None:
        """The next restarts fail, hang, do nothing, or leave php-fpm stopped and say that all is well."""
        (self.folder / "spoilt-restarts").write_text(f"{how} {times}\n", encoding="utf-8")

    def pause(self, moment: Moment) -> AbstractContextManager[Pause]:
        """Stop the next session that comes to this moment, until it is told to go on; see tests/lab/pausing.py."""
        return paused(self.tools, moment, self.bin)

    # Its life

    def start(self) -> None:
        """Lay everything out and start the servers."""
        self.folder.mkdir(parents=True)
        self.tools.mkdir()
        self.bin.mkdir()
        lean_php(self.bin)
        self._make_home()
        self.public_key = write_key(self.folder / "host_key")
        self.fpm.install()
        self.sshd.start()
        self.nginx.start()
        self.application.install({f"{name}-fpm.sh": self.fpm.script for name in ("restart", "reload")})
        self._start_fresh_fpm()

    def restore(self) -> None:
        """As after `start`, quickly: php-fpm is only restarted when it was, or when a file that it may know changed."""
        changed = self.application.restore()
        shutil.rmtree(self.tools)
        self.tools.mkdir()
        self._make_home()
        self.fpm.install()
        self.sshd.start()
        self.nginx.start()
        if changed or self.fpm_pid() != self._pristine_pid:
            self._start_fresh_fpm()

    def stop(self) -> None:
        """End every process of this host."""
        for server in (self.sshd, self.nginx):
            server.stop()
        if self.fpm.script.exists():
            self.fpm.act("stop")

    def _start_fresh_fpm(self) -> None:
        for action in ("stop", "start"):
            self.fpm.act(action)
        self._pristine_pid = self.fpm_pid()
        assert self.get("/health")[0] == 200, f"{self.name} doesn't answer: {self.folder}"

    def _connections(self, table: Table) -> list[Process]:
        below = with_descendants(self.sshd.pid, table)[1:]
        return [process for process in below if process.command.startswith("sshd:")]

    def _make_home(self) -> None:
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(mode=0o700)
        if self._owner:
            os.chown(self.home, *self._owner)


def write_key(path: Path) -> str:
    """Write an ed25519 key without a passphrase; gives its public half as a line of OpenSSH."""
    key = Ed25519PrivateKey.generate()
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def _state(path: Path) -> FileState | None:
    try:
        content, seen = path.read_bytes(), path.stat()
    except FileNotFoundError:
        return None
    mode = stat.S_IMODE(seen.st_mode)
    return FileState(content, hashlib.sha256(content).hexdigest(), mode, seen.st_uid, seen.st_gid, seen.st_ino)
