"""The embedded host: a folder with a tiny application, the servers that stand before it, and their start and stop.

It stands in for a real server, so a change goes through the same code: SSH, the session's script, the application's
php. The folder stays between commands; what it needs but lacks is made anew.

    app/        the application: .env, artisan, bootstrap/cache/config.php
    bin/        stand-ins for php, sudo and systemctl; everything else is the machine's own
    break/      what is out of order, for trying failures by hand; each file below is a switch
    home/       the home folder of the user who logs in
    keys/       the host's key and the key that may log in, made for this folder alone
    running/    the configuration that the last restart took, as php-fpm with opcache keeps it
    state/      locks, records and kept files of rolloutctl

    break/artisan       artisan config:cache fails, with the text of this file
    break/restart       systemctl fails, with the text of this file
    break/restart-once  the same for the next restart; the file is gone then
    break/health        /health answers 500
    break/health-on     /health answers 500 while a feature is on
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import rolloutctl
from rolloutctl.demo import configuration, standins
from rolloutctl.demo.application import Application, WebServer
from rolloutctl.demo.server import Account, SshServer, fingerprint, make_key

USER = "demo"
_Server = TypeVar("_Server", SshServer, WebServer)
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def default_folder() -> Path:
    """Where the embedded host is kept: ROLLOUTCTL_DEMO, else `rolloutctl/demo` in the user's state folder."""
    chosen = os.environ.get("ROLLOUTCTL_DEMO")
    if chosen:
        return Path(chosen).absolute()
    state = os.environ.get("XDG_STATE_HOME", "")
    base = Path(state) if os.path.isabs(state) else Path.home() / ".local/state"
    return base / "rolloutctl/demo"


class EmbeddedHost:
    """One embedded host; a context manager, or `start` and `stop`. Several processes may run it on one folder.

    Args:
        folder: where it is kept; default: `default_folder()`.
    """

    user = USER

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or default_folder()
        self.app = self.folder / "app"
        self.state_dir = self.folder / "state"
        self.client_key = self.folder / "keys/client"
        self._host_key = self.folder / "keys/host"
        self._ssh: SshServer | None = None
        self._web: WebServer | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def ssh_port(self) -> int:
        """The port of the SSH server on 127.0.0.1, while it runs."""
        return _running(self._ssh).port

    @property
    def web_port(self) -> int:
        """The port of the application on 127.0.0.1, while it runs."""
        return _running(self._web).port

    @property
    def fingerprint(self) -> str:
        """The host key, as known_hosts pins it: `SHA256:...`."""
        return fingerprint(self._host_key)

    def start(self) -> None:
        """Make what is missing in the folder, and start both servers, in threads that end with the process.

        Raises:
            OSError: the folder can't be made or written, or no port can be had.
        """
        self._furnish()
        self._web = WebServer(Application(self.folder))
        self._web.start()
        self._ssh = SshServer(self._account())
        self._ssh.start()

    def stop(self) -> None:
        """End both servers and the commands that still run: their input ends, and they have 10 s to go back."""
        for server in (self._ssh, self._web):  # a command that goes back asks the application once more
            if server is not None:
                server.stop()
        self._ssh = self._web = None

    def _account(self) -> Account:
        home = self.folder / "home"
        own = [part for part in os.environ.get("PATH", "").split(os.pathsep) if os.path.isabs(part)]
        environment = {
            "PATH": os.pathsep.join(dict.fromkeys([str(self.folder / "bin"), *_PATH.split(":"), *own])),
            "HOME": str(home),
            "USER": USER,
            "LOGNAME": USER,
            "SHELL": "/bin/sh",
            "LANG": "C.UTF-8",
        }
        return Account(user=USER, client=self.client_key, host=self._host_key, home=home, environment=environment)

    def _furnish(self) -> None:
        _make_private(self.folder)
        for name in ("bin", "break", "home", "running", "state"):
            _make_private(self.folder / name)
        _make_whole(self.folder / "keys", _write_keys)
        _make_whole(self.app, _write_application)
        package = Path(rolloutctl.__file__).parent.parent
        for name, text in standins.scripts(package).items():
            _write_program(self.folder / "bin" / name, text)


def _running(server: _Server | None) -> _Server:
    if server is None:
        raise RuntimeError("the embedded host has not been started")
    return server


def _make_private(folder: Path) -> None:
    """Make a folder and those above it, for the owner alone; one that is there stays as it is."""
    if not folder.is_dir():
        _make_private(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def _make_whole(folder: Path, write: Callable[[Path], None]) -> None:
    """Make a folder with all that is in it at once, so that two processes never see or make half of it."""
    if folder.exists():
        return
    prepared = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        write(prepared)
        prepared.rename(folder)
    except OSError:
        if not folder.exists():
            raise
    finally:
        shutil.rmtree(prepared, ignore_errors=True)


def _write_keys(folder: Path) -> None:
    make_key(folder / "host")
    make_key(folder / "client")


def _write_application(folder: Path) -> None:
    (folder / "bootstrap/cache").mkdir(parents=True)
    (folder / "artisan").write_text("<?php // The demo has no Laravel: its stand-in php answers for this file.\n")
    (folder / ".env").write_text(standins.env(lambda: secrets.token_urlsafe(24)), encoding="utf-8")
    (folder / ".env").chmod(0o640)
    configuration.write(folder / configuration.CACHE, configuration.build(folder, {}))


def _write_program(path: Path, text: str) -> None:
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    descriptor, temporary = tempfile.mkstemp(prefix=".", dir=path.parent)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        os.fchmod(descriptor, 0o700)
    os.replace(temporary, path)
