"""The three servers of one host, no root needed: sshd, nginx and php-fpm; their files and their lives."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tests.lab.processes import alive, end, processes, wait_until, with_descendants

_TRIES = 5
_HERE = Path(__file__).parent
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SBIN = os.pathsep.join((os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"))


def program(name: str) -> str:
    """Where a program is, also where PATH has no sbin; empty when it is not installed."""
    return shutil.which(name, path=_SBIN) or ""


Spoilt = Literal["refuse", "hang", "pretend", "lose"]


# The extensions that the application needs. With all that Debian loads, php takes twice as long to start.
_LEAN = ("-n", *(f"-d extension={name}" for name in ("ctype", "intl", "mbstring", "posix")))


def lean_php(folder: Path) -> None:
    """A `php` in a folder, for a host's PATH."""
    path = folder / "php"
    path.write_text(f'#!/bin/sh\nexec {program("php")} {" ".join(_LEAN)} "$@"\n', encoding="utf-8")
    path.chmod(0o755)


def keep_compiled(folder: Path, base: Path) -> None:
    """Of what php-fpm has put into its file cache keep Laravel, most of a restart, and nothing of a lab's own.

    A lab's own files, the config cache first of all, are to be read anew at each restart, as on a server. So a file
    stands where the folder for those below `base` would be.
    """
    for system in folder.iterdir():
        place = system / base.relative_to("/")
        shutil.rmtree(place, ignore_errors=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()


class PortTaken(Exception):
    """A server ended before it listened: mostly because somebody took its port first."""


@dataclass(slots=True)
class Server:
    """A server in the foreground that writes its pid file once it listens; its port outlives a stop and a start."""

    name: str
    folder: Path
    command: tuple[str, ...]
    configure: Callable[[int], str]
    port: int = 0
    _process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The id of its first process; 0 while it is stopped."""
        return self._process.pid if self._process and self._process.poll() is None else 0

    def start(self) -> None:
        """Start it and wait until it listens; the first time, on a port that is free.

        Raises:
            PortTaken: when it cannot listen, with what it logged.
        """
        if self.pid:
            return
        if self.port:
            self._start()
            return
        for attempt in range(1, _TRIES + 1):
            self.port = _free_port()
            try:
                self._start()
            except PortTaken:
                if attempt == _TRIES:
                    raise
            else:
                return

    def stop(self) -> None:
        """Kill it with all that descends from it, and wait until none of that lives."""
        if self._process and self.pid:
            end(process.pid for process in with_descendants(self.pid, processes()))
            self._process.wait(10)
        self._process = None

    def _start(self) -> None:
        (self.folder / f"{self.name}.conf").write_text(self.configure(self.port), encoding="utf-8")
        pid_file = self.folder / f"{self.name}.pid"
        pid_file.unlink(missing_ok=True)
        log = self.folder / f"{self.name}.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        process = self._process
        wait_until(lambda: pid_file.exists() or process.poll() is not None, f"{self.name} listening")
        if process.poll() is not None:
            raise PortTaken(f"{self.name} on port {self.port}: {log.read_text(errors='replace')[-2000:]}")


@dataclass(slots=True)
class Fpm:
    """php-fpm behind its own small init, `fpm.sh`, which also is the restart that a change runs."""

    folder: Path
    compiled: Path
    user: str = ""
    script: Path = field(init=False)

    def __post_init__(self) -> None:
        self.script = self.folder / "fpm.sh"

    @property
    def pid(self) -> int:
        """The id of the master; 0 while there is none."""
        try:
            found = int((self.folder / "fpm.pid").read_text())
        except (OSError, ValueError):
            return 0
        return found if alive(found) else 0

    @property
    def restarts(self) -> int:
        """How many restarts were asked for, refused ones too."""
        log = self.folder / "restarts.log"
        return log.read_text().split().count("restart") if log.exists() else 0

    def install(self) -> None:
        """Write its script and its configuration anew, and forget restarts and faults."""
        text = (_HERE / "fpm.sh").read_text(encoding="utf-8")
        opcache = ("-d zend_extension=opcache", f"-d opcache.file_cache={self.compiled}")
        command = " ".join((program("php-fpm8.2"), *_LEAN, *opcache))
        self.script.write_text(text.replace("@PHP_FPM@", command), encoding="utf-8")
        self.configure()
        for name in ("spoilt-restarts", "restarts.log"):
            (self.folder / name).unlink(missing_ok=True)

    def configure(self, fault: str = "") -> None:
        """Write its configuration; with a fault, a line that keeps it from starting."""
        as_user = f"user = {self.user}\n" if os.geteuid() == 0 else ""
        (self.folder / "fpm.conf").write_text(
            f"[global]\npid = {self.folder}/fpm.pid\nerror_log = {self.folder}/fpm.log\n{fault}\n"
            f"[lab]\n{as_user}listen = {self.folder}/fpm.sock\nlisten.mode = 0600\n"
            "pm = static\npm.max_children = 2\ncatch_workers_output = yes\n"
            "php_admin_flag[opcache.enable] = on\nphp_admin_flag[opcache.validate_timestamps] = off\n",
            encoding="utf-8",
        )

    def act(self, action: str) -> None:
        """Start, stop or restart it, and wait until that is done."""
        done = subprocess.run(["sh", self.script, action], capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, f"php-fpm {action}: {done.stdout}{done.stderr}"


def sshd(folder: Path, *, authorized_keys: Path, home: Path) -> Server:
    """An OpenSSH server on loopback, with the key `host_key` in the folder.

    Its sessions have a home of their own, and look for programs in the folder's `tools` first, and in its `bin`.
    """
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where it keeps its unprivileged part, made by its service

    def configure(port: int) -> str:
        return (
            f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host_key\nPidFile {folder}/sshd.pid\n"
            f"AuthorizedKeysFile {authorized_keys}\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
            f"KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\nPrintMotd no\n"
            f"SetEnv HOME={home} PATH={folder}/tools:{folder}/bin:{_PATH}\n"
        )

    command = (program("sshd"), "-D", "-f", f"{folder}/sshd.conf", "-E", f"{folder}/sshd.log")
    return Server("sshd", folder, command, configure)


def nginx(folder: Path, *, public: Path) -> Server:
    """An nginx on loopback that hands every request to php-fpm, with the release behind `public` resolved."""
    parameters = "".join(f"      fastcgi_param {name} {value};\n" for name, value in _FASTCGI.items())
    temporary = "".join(
        f"  {kind}_temp_path {folder}/nginx.{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root root;\n" if os.geteuid() == 0 else ""

    def configure(port: int) -> str:
        return (
            f"{user}daemon off;\nworker_processes 1;\npid {folder}/nginx.pid;\nerror_log {folder}/nginx.log;\n"
            f"events {{ worker_connections 64; }}\nhttp {{\n  access_log {folder}/nginx.access.log;\n{temporary}"
            f"  server {{\n    listen 127.0.0.1:{port};\n    server_name lab.test;\n    root {public};\n"
            f"    location / {{\n{parameters}      fastcgi_pass unix:{folder}/fpm.sock;\n    }}\n  }}\n}}\n"
        )

    command = (program("nginx"), "-p", str(folder), "-c", f"{folder}/nginx.conf", "-e", f"{folder}/nginx.log")
    return Server("nginx", folder, command, configure)


_FASTCGI = {
    "SCRIPT_FILENAME": "$realpath_root/index.php",
    "DOCUMENT_ROOT": "$realpath_root",
    "SCRIPT_NAME": "/index.php",
    "REQUEST_URI": "$request_uri",
    "QUERY_STRING": "$query_string",
    "REQUEST_METHOD": "$request_method",
    "CONTENT_TYPE": "$content_type",
    "CONTENT_LENGTH": "$content_length",
    "SERVER_PROTOCOL": "$server_protocol",
    "SERVER_NAME": "$host",
    "SERVER_PORT": "$server_port",
    "SERVER_ADDR": "$server_addr",
    "REMOTE_ADDR": "$remote_addr",
    "REMOTE_PORT": "$remote_port",
    "REDIRECT_STATUS": "200",
}


def _free_port() -> int:
    """A free port below those of outgoing connections, so that none of these takes it while its server is stopped."""
    while True:
        port = random.SystemRandom().randint(20_000, 32_000)
        with socket.socket() as attempt:
            try:
                attempt.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
