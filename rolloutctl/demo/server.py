"""The embedded host's SSH server: one key may enter and run commands, as sshd would let it.

The only module here with paramiko. Nothing of it speaks to the terminal.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import socketserver
import threading
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import paramiko
from msgspec import Struct

from rolloutctl.demo.commands import Commands, Place

_LOG = "rolloutctl.demo.ssh"


def make_key(path: Path) -> None:
    """Write a new private key, for its owner alone."""
    paramiko.ECDSAKey.generate().write_private_key_file(str(path))


def fingerprint(path: Path) -> str:
    """`SHA256:...` of a private key's public half."""
    return paramiko.ECDSAKey.from_private_key_file(str(path)).fingerprint


class Account(Struct, frozen=True, kw_only=True):
    """Whom the server lets in, and what their commands find: `client` and `host` are files with private keys."""

    user: str
    client: Path
    host: Path
    home: Path
    environment: Mapping[str, str]


class SshServer(socketserver.TCPServer):
    """Runs commands for one account, on a port of its own on the loopback address."""

    request_queue_size = 64

    def __init__(self, account: Account) -> None:
        super().__init__(("127.0.0.1", 0), socketserver.BaseRequestHandler)
        self.port: int = self.server_address[1]
        self._account = account
        self._host_key = paramiko.ECDSAKey.from_private_key_file(str(account.host))
        self._client_key = paramiko.ECDSAKey.from_private_key_file(str(account.client))
        self._commands = Commands()
        self._transports: list[paramiko.Transport] = []
        log = logging.getLogger(_LOG)
        log.propagate = False  # a client that hangs up would be reported on the person's screen
        log.addHandler(logging.NullHandler())

    def start(self) -> None:
        """Begin to let clients in."""
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True, name="demo ssh").start()

    def stop(self) -> None:
        """Let nobody in, end the input of the commands that still run, and end those that do not end by themselves."""
        self.shutdown()
        self.server_close()
        self._commands.end()
        for transport in self._transports:
            transport.close()

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        """Begin a connection; it goes on in threads of its own."""
        assert isinstance(request, socket.socket)  # noqa: S101 - for the types: a TCP server has no other
        request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        (client, client_port), (host, host_port) = request.getpeername()[:2], request.getsockname()[:2]
        connection = f"{client} {client_port} {host} {host_port}"
        environment = {"SSH_CONNECTION": connection, **self._account.environment}
        transport = paramiko.Transport(request)
        transport.set_log_channel(_LOG)
        transport.add_server_key(self._host_key)
        self._transports = [each for each in self._transports if each.is_active()] + [transport]
        gate = _Gate(self._account.user, self._client_key, Place(self._account.home, environment), self._commands)
        transport.start_server(event=threading.Event(), server=gate)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client who hung up is no news."""


class _Gate(paramiko.ServerInterface):
    """Who may enter, and what they may do: paramiko's questions about one connection."""

    def __init__(self, user: str, key: paramiko.PKey, place: Place, commands: Commands) -> None:
        self._user = user
        self._key = key
        self._place = place
        self._commands = commands
        self._asking = threading.Lock()  # paramiko waits for one answer at a time

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        known = username == self._user and key.asbytes() == self._key.asbytes()
        return paramiko.common.AUTH_SUCCESSFUL if known else paramiko.common.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        if kind == "session":
            return paramiko.common.OPEN_SUCCEEDED
        return paramiko.common.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        try:
            self._commands.start(command, self._place, channel, partial(self._after_reply, channel))
        except (OSError, ValueError):
            return False
        return True

    def _after_reply(self, channel: paramiko.Channel) -> None:
        """Wait until the client has been told that its command began: one that ends sooner would look refused.

        paramiko replies once the check has returned, in the thread that reads; so when that thread has read the answer
        to another question, the reply is on its way.
        """
        with self._asking, contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            channel.get_transport().global_request("keepalive@rolloutctl", wait=True)
