"""Opens sessions: picks the connection that environments.yaml names, and starts the host's side over it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future
from itertools import islice
from typing import TYPE_CHECKING

from rolloutctl.contracts import Channel, Connection
from rolloutctl.outside.command import session_command
from rolloutctl.outside.session import Opening, RemoteSession
from rolloutctl.outside.ssh import load_paramiko
from rolloutctl.outside.ssh.keyring import Keyring
from rolloutctl.rules.config import Environment, Flag, Host
from rolloutctl.rules.host import Event

if TYPE_CHECKING:
    from rolloutctl.outside.ssh.dial import Begun

_AT_ONCE = 10  # as in fleet.py: sshd's MaxStartups is 10:30:100
_Way = tuple[Host, Connection, Channel]


class SessionOpener:
    """`contracts.Sessions`: opens sessions, whatever the host's connection; a key that was unlocked for one serves all.

    Args:
        keyring: the keys that are unlocked already, and whoever can unlock more; None: nobody is asked.
    """

    def __init__(self, keyring: Keyring | None = None) -> None:
        self._keyring = keyring or Keyring()
        self._begun: dict[Host, tuple[Opening, Future[_Way]]] = {}
        self._loaded = threading.Event()  # what it takes to go on from a first server

    def set_out(self, environments: Iterable[Environment], flags: Collection[Flag], *, content: bool) -> None:
        """Set out for hosts that will be opened in a moment: the way takes as long as all that is still to import.

        They are told to look as soon as we are there, with or without `content`. What goes wrong on the way is told
        when the host is opened. Without a session, the way ends with the process. Who is on the way already goes on.
        """
        all_ = (
            (host, Opening.of(environment, flags, content=content))
            for environment in environments
            for host in environment.hosts
            if host.connection in {"paramiko", "openssh"} and host not in self._begun
        )
        wanted = dict(islice(all_, max(0, _AT_ONCE - len(self._begun))))  # environments may share one
        if by_paramiko := any(host.connection == "paramiko" for host in wanted):
            from rolloutctl.outside.ssh import dial  # noqa: F401, PLC0415
        for host, first in wanted.items():
            begun: Future[_Way] = Future()
            self._begun[host] = first, begun
            threading.Thread(target=self._go, args=(host, first, begun), name="on the way", daemon=True).start()
        if by_paramiko:
            load_paramiko()  # first of all that is still to load: hosts have much to do before they answer
            from rolloutctl.outside.ssh import paramiko_connection  # noqa: F401, PLC0415
        self._loaded.set()
        for host in islice(wanted, 1):
            session_command(host)  # what all have in common is made once: arriving, each would make it

    def __call__(self, host: Host, progress: Callable[[Event], None]) -> RemoteSession:
        """Connect and start a session.

        Raises:
            Unreachable: the host can't be reached, lets nobody in, or is not fit.
        """
        first, begun = self._begun.pop(host, (None, None))
        host, connection, channel = begun.result() if begun else self._started(host)
        try:
            return RemoteSession(host, connection, channel, progress, first)
        except BaseException:
            connection.close()
            raise

    def _go(self, host: Host, first: Opening, begun: Future[_Way]) -> None:
        try:
            if host.connection != "paramiko":
                begun.set_result(self._started(host, first.lines))
                return
            from rolloutctl.outside.ssh.dial import begin  # noqa: PLC0415 - it is loaded

            way = begin(host)
            self._loaded.wait()
            begun.set_result(self._started(host, first.lines, way))
        except BaseException as error:  # noqa: BLE001 - it is raised where the host is opened
            begun.set_exception(error)

    def _started(self, host: Host, first: bytes = b"", begun: Begun | None = None) -> _Way:
        host, connection = connect(host, self._keyring, begun)
        try:
            return host, connection, connection.start(session_command(host, first))
        except BaseException:
            connection.close()
            raise


def open_session(host: Host, progress: Callable[[Event], None]) -> RemoteSession:
    """Connect and start one session, with nobody to ask."""
    return SessionOpener()(host, progress)


def connect(host: Host, keyring: Keyring | None = None, begun: Begun | None = None) -> tuple[Host, Connection]:
    """Connect over what the host's `connection` names; gives the host as it was settled, too.

    A way over paramiko may have begun.

    Raises:
        Unreachable: the host can't be reached, or lets nobody in.
    """
    # Each kind is imported where it is used: paramiko costs every command that needs no network a fifth of a second.
    if host.connection == "local":
        from rolloutctl.outside import local  # noqa: PLC0415

        return host, local.connect(host)
    if host.connection == "openssh":
        from rolloutctl.outside.ssh import openssh_connection  # noqa: PLC0415

        return host, openssh_connection.connect(host)
    if host.connection == "embedded":
        from rolloutctl.outside import embedded  # noqa: PLC0415

        return embedded.connect(host)
    load_paramiko()
    from rolloutctl.outside.ssh import paramiko_connection  # noqa: PLC0415

    return host, paramiko_connection.connect(host, keyring, begun)
