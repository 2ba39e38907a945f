"""The embedded host's SSH server: one key may enter and run commands, as sshd would let it.

The only module here with paramiko. Nothing of it speaks to the terminal.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import paramiko

_LOG = "rolloutctl.demo.ssh"
_PIECE = 65_536  # bytes
_PATIENCE = 10.0  # seconds that a command has to end by itself once its stdin has ended


def make_key(path: Path) -> None:
    """Write a new private key, for its owner alone."""
    paramiko.ECDSAKey.generate().write_private_key_file(str(path))


def fingerprint(path: Path) -> str:
    """`SHA256:...` of a private key's public half."""
    return paramiko.ECDSAKey.from_private_key_file(str(path)).fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
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
        self._commands = _Commands()
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
        gate = _Gate(self._account, self._client_key, environment, self._commands)
        transport.start_server(event=threading.Event(), server=gate)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client who hung up is no news."""


class _Gate(paramiko.ServerInterface):
    def __init__(
        self, account: Account, key: paramiko.PKey, environment: Mapping[str, str], commands: _Commands
    ) -> None:
        self._account = account
        self._key = key
        self._environment = environment
        self._commands = commands

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        known = username == self._account.user and key.asbytes() == self._key.asbytes()
        return paramiko.common.AUTH_SUCCESSFUL if known else paramiko.common.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return (
            paramiko.common.OPEN_SUCCEEDED
            if kind == "session"
            else paramiko.common.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
        )

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        try:
            process = subprocess.Popen(
                ["/bin/sh", "-c", command],
                bufsize=0,
                cwd=self._account.home,
                env=self._environment,
                start_new_session=True,  # Ctrl-C in the person's terminal is not for the host
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except (OSError, ValueError):
            return False
        self._commands.add(_Command(channel, process))
        return True


@dataclass(slots=True)
class _Commands:
    running: set[_Command] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, command: _Command) -> None:
        with self.lock:
            self.running.add(command)
        command.start(self)

    def remove(self, command: _Command) -> None:
        with self.lock:
            self.running.discard(command)

    def end(self) -> None:
        with self.lock:
            running = tuple(self.running)
        for command in running:
            command.channel.close()
        deadline = time.monotonic() + _PATIENCE
        for command in running:
            command.end(deadline)


@dataclass(eq=False, slots=True)
class _Command:
    channel: paramiko.Channel
    process: subprocess.Popen[bytes]

    def start(self, commands: _Commands) -> None:
        stdin, stdout, stderr = self.process.stdin, self.process.stdout, self.process.stderr
        assert stdin is not None and stdout is not None and stderr is not None  # noqa: S101, PT018 - for the types
        outputs = (
            threading.Thread(target=_pour, args=(stdout, self.channel.sendall), daemon=True),
            threading.Thread(target=_pour, args=(stderr, self.channel.sendall_stderr), daemon=True),
        )
        for thread in (
            *outputs,
            threading.Thread(target=_feed, args=(self.channel, stdin), daemon=True),
            threading.Thread(target=self._finish, args=(outputs, commands), daemon=True),
        ):
            thread.start()

    def end(self, deadline: float) -> None:
        try:
            self.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def _finish(self, outputs: tuple[threading.Thread, ...], commands: _Commands) -> None:
        """Report the exit status after the last byte, as sshd does."""
        for thread in outputs:
            thread.join()
        status = self.process.wait()
        commands.remove(self)
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            self.channel.send_exit_status(status if status >= 0 else 128 - status)
        self.channel.close()


def _pour(source: IO[bytes], send: Callable[[bytes], None]) -> None:
    """Output to the client until it ends, or until the client is gone: then the command's next write fails."""
    with source, contextlib.suppress(OSError, EOFError):
        while piece := os.read(source.fileno(), _PIECE):
            send(piece)


def _feed(channel: paramiko.Channel, target: IO[bytes]) -> None:
    """Input from the client until it ends. A command that no longer reads must not stop the client: it is drained."""
    open_still = True
    while piece := channel.recv(_PIECE):
        if open_still:
            try:
                _write(target.fileno(), piece)
            except OSError:
                open_still = False
    with contextlib.suppress(OSError):
        target.close()


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
