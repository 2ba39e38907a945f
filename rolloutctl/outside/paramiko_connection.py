"""SSH by paramiko: connect, see that the host is the right one, log in, start commands."""

from __future__ import annotations

import getpass
import logging
import socket
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm

from rolloutctl.errors import NoAnswer, NotLetIn, Unfit, Unreachable, WrongHostKey
from rolloutctl.outside.dropped import SAYS, TRIES, pause, worth_another_try
from rolloutctl.outside.known_hosts import SYSTEM_FILE, KnownHosts, Verdict, fingerprint, name_of
from rolloutctl.outside.ssh_config import Route, resolve
from rolloutctl.rules.config import Host

# paramiko logs what it raises as well, with a traceback, and to stderr where nobody listens.
logging.getLogger("paramiko").addHandler(logging.NullHandler())

CONNECT = 10.0  # seconds for the TCP connection
GREETING = 10.0  # seconds for the banner, the key exchange, each answer to a login
KEEPALIVE = 15  # seconds
DEFAULT_PORT = 22
# A FIDO key file is UnsupportedAlgorithm to cryptography, a DSA one UnknownKeyType to paramiko.
_UNUSABLE = (paramiko.SSHException, paramiko.pkey.UnknownKeyType, UnsupportedAlgorithm, ValueError, OSError, TypeError)


class _Transport(paramiko.Transport):
    """A transport that knows when sshd had too many connections at once: paramiko has only its log for that."""

    dropped = False

    def _log(self, level: int, message: str, *arguments: object) -> None:
        self.dropped = self.dropped or SAYS in str(message)
        super()._log(level, message, *arguments)  # type: ignore[misc]  # its stubs leave it out


class ParamikoConnection:
    """A logged-in SSH connection."""

    def __init__(self, transport: paramiko.Transport, name: str, way: str) -> None:
        self._transport = transport
        self._name = name
        self.way = way

    def start(self, command: str) -> ParamikoChannel:
        """Start a command under the host's login shell."""
        try:
            channel = self._transport.open_session(timeout=GREETING)
            channel.exec_command(command)
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise Unfit(
                f"The host lets us in, but does not run commands: {_said(error)}.", subject=self._name
            ) from error
        return ParamikoChannel(channel)

    def close(self) -> None:
        """Hang up."""
        self._transport.close()


class ParamikoChannel:
    """The stdin and stdout of one remote command."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel
        self._stderr = bytearray()

    def send(self, data: bytes) -> None:
        """Write all of `data` to the command's stdin."""
        try:
            self._channel.settimeout(GREETING * 2)
            self._channel.sendall(data)
        except OSError as error:
            raise Unreachable("the connection is gone") from error

    def receive(self, timeout: float) -> bytes:
        """What the command wrote next; empty when it has ended."""
        self._drain()
        self._channel.settimeout(timeout)
        try:
            return self._channel.recv(65536)
        except TimeoutError:
            raise
        except OSError as error:
            raise Unreachable("the connection is gone") from error

    def noise(self) -> str:
        """The end of what the command wrote to stderr."""
        self._drain()
        return self._stderr.decode(errors="replace")

    def close(self) -> None:
        """End the command's stdin and forget the rest."""
        self._channel.close()

    def _drain(self) -> None:
        while self._channel.recv_stderr_ready():
            self._stderr += self._channel.recv_stderr(65536)
        del self._stderr[:-8192]


def connect(host: Host) -> ParamikoConnection:
    """Connect, check the host's key, log in.

    Raises:
        Unreachable: with what was tried, what the other side answered, and the one thing to do.
    """
    route = resolve(host)
    known = KnownHosts((*route.known_hosts, SYSTEM_FILE))
    transport = _greeted(host, route, known)
    try:
        _check_key(host, route, known, transport.get_remote_server_key())
        key = _log_in(host, route, transport)
    except (paramiko.SSHException, OSError, EOFError) as error:
        transport.close()
        raise _no_ssh(host, route, error) from error
    except BaseException:
        transport.close()
        raise
    transport.set_keepalive(KEEPALIVE)
    where = name_of(route.address, route.port)
    return ParamikoConnection(transport, host.name, f"{transport.get_username()} at {where} by {key}")


def _greeted(host: Host, route: Route, known: KnownHosts) -> paramiko.Transport:
    """A transport after the key exchange; a connect that sshd dropped is tried again: nothing has happened by then."""
    for number in range(1, TRIES + 1):
        transport = _Transport(_dial(host, route))
        transport.banner_timeout = transport.auth_timeout = GREETING
        _prefer(transport, known.types(name_of(route.address, route.port)))
        begun = time.monotonic()
        try:
            transport.start_client(timeout=GREETING)
            if not transport.initial_kex_done:  # start_client returns without a word when its time is over
                raise TimeoutError(f"no greeting within {GREETING:.0f} s")
        except (paramiko.SSHException, OSError, EOFError) as error:
            transport.close()
            seconds, perhaps = time.monotonic() - begun, "banner" in str(error).lower()
            if not worth_another_try(number, seconds, told=transport.dropped, perhaps=perhaps):
                raise _no_ssh(host, route, error) from error
            time.sleep(pause(number))
        else:
            return transport
    raise AssertionError("the last attempt returns or raises")  # pragma: no cover


def _prefer(transport: paramiko.Transport, kinds: tuple[str, ...]) -> None:
    """Ask for the kinds of host key that are known first: another kind would look like a change."""
    if kinds:
        options = transport.get_security_options()
        options.key_types = sorted(options.key_types, key=lambda kind: not _is_of(kind, kinds))


def _dial(host: Host, route: Route) -> socket.socket:
    where = f"{route.address} port {route.port}"
    try:
        sock = socket.create_connection((route.address, route.port), CONNECT)
    except socket.gaierror as error:
        raise NoAnswer(
            f"The name {route.address} is not known.",
            subject=host.name,
            hint=f"Check hosts: in environments.yaml; try: ssh {route.address}",
        ) from error
    except TimeoutError as error:
        raise NoAnswer(
            f"{where} did not answer within {CONNECT:.0f} s.",
            subject=host.name,
            hint="Is the host up, and no firewall between?",
        ) from error
    except OSError as error:
        raise NoAnswer(
            f"{where}: {(error.strerror or str(error)).lower()}.",
            subject=host.name,
            hint="Is the host up, and sshd on that port?",
        ) from error
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _no_ssh(host: Host, route: Route, error: Exception) -> NoAnswer:
    return NoAnswer(
        f"{route.address} port {route.port} answers, but not as an SSH server should: {_said(error)}.",
        subject=host.name,
        hint=f"Try: ssh -p {route.port} {route.address}",
    )


def _is_of(kind: str, wanted: Iterable[str]) -> bool:
    # An RSA key is known as ssh-rsa and signs as rsa-sha2-*.
    return kind in wanted or (kind.startswith("rsa-sha2") and "ssh-rsa" in wanted)


def _check_key(host: Host, route: Route, known: KnownHosts, key: paramiko.PKey) -> None:
    shown = fingerprint(key)
    name = name_of(route.address, route.port)
    verdict = known.judge(name, key)
    if host.known_hosts and verdict != "revoked":
        verdict = "known" if shown in host.known_hosts else "changed"
    if verdict == "known":
        return
    raise _wrong_key(host, route, key, verdict)


def _wrong_key(host: Host, route: Route, key: paramiko.PKey, verdict: Verdict) -> WrongHostKey:
    name, shown = name_of(route.address, route.port), f"{key.get_name()} {fingerprint(key)}"
    scan = f"ssh-keyscan{_port_option(route.port)} {route.address} >> ~/.ssh/known_hosts"
    anew = (
        "The fingerprint in known_hosts: of environments.yaml has to be the new one, if that is right."
        if host.known_hosts
        else f"If the server was set up anew: ssh-keygen -R '{name}', then add the new key."
    )
    message, hint = {
        "unknown": (f"The host key of {name} is not known: {shown}.", f"Compare it with the server's, then: {scan}"),
        "revoked": (f"The host key of {name} is revoked: {shown}.", "Ask who revoked it."),
    }.get(
        verdict,
        (f"THE HOST KEY OF {name} HAS CHANGED: it now shows {shown}. Somebody may stand in between.", anew),
    )
    error = WrongHostKey(message, subject=host.name, hint=hint)
    error.verdict = verdict
    return error


def _log_in(host: Host, route: Route, transport: paramiko.Transport) -> str:
    user = route.user or getpass.getuser()
    tried: list[str] = []
    accepts: list[str] = []
    for label, key in _keys(route, tried):
        try:
            transport.auth_publickey(user, key)
        except paramiko.BadAuthenticationType as error:
            accepts = error.allowed_types
            tried.append(label)
            break
        except paramiko.AuthenticationException:
            tried.append(label)
            continue
        except (paramiko.SSHException, OSError, EOFError) as error:
            tried.append(f"{label} ({_said(error)})")
            break
        if transport.is_authenticated():
            return label
        tried.append(f"{label} (accepted, but the server wants more than a key)")
    offered = "; ".join(tried) if tried else "no key was found: no agent, no key file"
    also = f" It accepts {', '.join(accepts)}." if accepts else ""
    raise NotLetIn(
        f"{route.address} does not let {user} in. Tried: {offered}.{also}",
        subject=host.name,
        hint=f"Try: ssh {user}@{route.address}"
        + _port_option(route.port)
        + "; then set user: or key: in environments.yaml, or ssh-add the key.",
    )


def _keys(route: Route, tried: list[str]) -> Iterator[tuple[str, paramiko.PKey]]:
    """Key files that can be read, then the agent's; what can't be used is noted in `tried`."""
    for path in route.keys:
        if not path.exists():
            if len(route.keys) == 1:
                tried.append(f"{path} (there is no such file)")
            continue
        try:
            yield str(path), paramiko.PKey.from_path(path)
        except paramiko.PasswordRequiredException:
            tried.append(f"{path} (encrypted: ssh-add {path})")
        except _UNUSABLE as error:
            tried.append(f"{path} ({_why_unreadable(path, error)})")
    for key in _agent_keys():
        yield f"{key.get_name()} {fingerprint(key)[:15]} from the agent", key


def _why_unreadable(path: Path, error: Exception) -> str:
    if isinstance(error, OSError):
        return (error.strerror or "cannot be read").lower()
    text = str(error).lower()
    if "password" in text or "encrypted" in text:
        return f"encrypted: ssh-add {path}"
    return f"cannot be used from the file; try: ssh-add {path}"


def _agent_keys() -> tuple[paramiko.PKey, ...]:
    try:
        return tuple(paramiko.Agent().get_keys())
    except (paramiko.SSHException, OSError):
        return ()


def _port_option(port: int) -> str:
    return "" if port == DEFAULT_PORT else f" -p {port}"


def _said(error: Exception) -> str:
    return (str(error) or type(error).__name__).rstrip(".")
