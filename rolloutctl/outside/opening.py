"""Opens sessions: picks the connection that environments.yaml names, and starts the host's side over it."""

from __future__ import annotations

from collections.abc import Callable

from rolloutctl.contracts import Connection
from rolloutctl.outside.session import RemoteSession
from rolloutctl.outside.ssh import load_paramiko
from rolloutctl.outside.ssh.keyring import Keyring
from rolloutctl.rules.config import Host
from rolloutctl.rules.host import Event


class SessionOpener:
    """`contracts.Sessions`: opens sessions, whatever the host's connection; a key that was unlocked for one serves all.

    Args:
        keyring: the keys that are unlocked already, and whoever can unlock more; None: nobody is asked.
    """

    def __init__(self, keyring: Keyring | None = None) -> None:
        self._keyring = keyring or Keyring()

    def __call__(self, host: Host, progress: Callable[[Event], None]) -> RemoteSession:
        """Connect and start a session.

        Raises:
            Unreachable: the host can't be reached, lets nobody in, or is not fit.
        """
        host, connection = connect(host, self._keyring)
        try:
            return RemoteSession(host, connection, progress)
        except BaseException:
            connection.close()
            raise


def open_session(host: Host, progress: Callable[[Event], None]) -> RemoteSession:
    """Connect and start one session, with nobody to ask."""
    return SessionOpener()(host, progress)


def connect(host: Host, keyring: Keyring | None = None) -> tuple[Host, Connection]:
    """Connect over what the host's `connection` names; gives the host as it was settled, too.

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

    return host, paramiko_connection.connect(host, keyring)
