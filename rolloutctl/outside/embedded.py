"""Connections to embedded hosts: the only place that starts them, one for each name, once per process."""

from __future__ import annotations

import atexit
import threading
from typing import TYPE_CHECKING

from msgspec.structs import replace

from rolloutctl.contracts import Connection
from rolloutctl.errors import Unreachable
from rolloutctl.outside.ssh import load_paramiko
from rolloutctl.rules.config import Host

if TYPE_CHECKING:
    from rolloutctl.demo.host import EmbeddedHost

_DEFAULT_NAME = "demo"  # of the host in an environment that lists none
_started: dict[str, EmbeddedHost] = {}
_lock = threading.Lock()


def connect(host: Host) -> tuple[Host, Connection]:
    """Start the host where it does not run yet, and connect to it as to any other; the host is the settled one.

    Raises:
        Unreachable: it can't be started here, or it lets nobody in.
    """
    # SSH is slow to import, and few commands meet an embedded host.
    load_paramiko()
    from rolloutctl.outside.ssh import paramiko_connection  # noqa: PLC0415

    host = settled(host)
    return host, paramiko_connection.connect(host)


def settled(host: Host) -> Host:
    """The host with what only the running one knows: where it listens, whom it lets in, where its files are.

    Starts it where it does not run yet; it ends with the process.

    Raises:
        Unreachable: it can't be started here.
    """
    running = _running(host.name)
    return replace(
        host,
        address="127.0.0.1",
        port=running.ssh_port,
        user=running.user,
        key=str(running.client_key),
        known_hosts=(running.fingerprint,),
        app=str(running.app),
        state_dir=str(running.state_dir),
        local_address=f"127.0.0.1:{running.web_port}",
    )


def stop() -> None:
    """End every embedded host that this process has started."""
    with _lock:
        while _started:
            _started.popitem()[1].stop()


def _running(name: str) -> EmbeddedHost:
    from rolloutctl.demo.host import EmbeddedHost, default_folder  # noqa: PLC0415 - as above

    with _lock:
        if name not in _started:
            base = default_folder()
            folder = base if name == _DEFAULT_NAME else base / "hosts" / name
            host = EmbeddedHost(folder)
            try:
                host.start()
            except OSError as error:
                raise Unreachable(
                    f"The embedded host can't be started: {error.strerror or error}.",
                    subject=name,
                    hint=f"It is kept in {folder}; set ROLLOUTCTL_DEMO to a folder that you can write.",
                ) from error
            if not _started:
                atexit.register(stop)
            _started[name] = host
        return _started[name]
