"""`connection: paramiko`: SSH without a program of its own; starts commands at the end of the way."""

from __future__ import annotations

import paramiko
from paramiko.common import cMSG_CHANNEL_REQUEST

from rolloutctl.errors import CutOff, Unfit, Unreachable
from rolloutctl.outside.ssh.dial import Begun
from rolloutctl.outside.ssh.journey import GREETING, Journey
from rolloutctl.outside.ssh.keyring import Keyring
from rolloutctl.outside.ssh.pulse import Pulse
from rolloutctl.outside.ssh.ssh_words import said
from rolloutctl.rules.config import Host

_NONE = -1  # paramiko's exit status of a command that has told none
_GONE = (OSError, EOFError, paramiko.SSHException)  # all that paramiko raises where a connection has ended


class ParamikoConnection:
    """A logged-in SSH connection, over whatever jump hosts."""

    def __init__(self, journey: Journey, name: str, way: str) -> None:
        self._journey = journey
        self._name = name
        self._pulse = Pulse(journey.transports[-1])
        self.way = way

    def start(self, command: str) -> ParamikoChannel:
        """Start a command under the host's login shell."""
        try:
            transport = self._journey.transports[-1]
            channel = transport.open_session(timeout=GREETING)
            _begin(transport, channel, command)
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise Unfit(
                f"The host lets us in, but does not run commands: {said(error)}.", subject=self._name
            ) from error
        return ParamikoChannel(channel, self._pulse)

    def close(self) -> None:
        """Hang up."""
        self._pulse.end()
        self._journey.close()


class ParamikoChannel:
    """The stdin and stdout of one remote command."""

    def __init__(self, channel: paramiko.Channel, pulse: Pulse) -> None:
        self._channel = channel
        self._pulse = pulse
        self._stderr = bytearray()
        self._spoken = False

    def send(self, data: bytes) -> None:
        """Write all of `data` to the command's stdin."""
        try:
            self._channel.settimeout(GREETING * 2)
            self._channel.sendall(data)
        except _GONE as error:
            raise self._gone() from error

    def receive(self, timeout: float) -> bytes:
        """What the command wrote next; empty when it has ended."""
        self._drain()
        self._channel.settimeout(timeout)
        try:
            piece = self._channel.recv(65536)
        except TimeoutError:
            raise
        except _GONE as error:
            raise self._gone() from error
        if not piece and self._pulse.silent:
            raise self._gone()
        if not piece and not self._spoken and self._channel.exit_status == _NONE and not self._stderr:
            raise Unfit(
                "The host lets us in, but does not run commands: it refused to, or ended the command at once.",
                hint="Try: ssh HOST sh -c true",
            )
        self._spoken = True
        return piece

    def noise(self) -> str:
        """The end of what the command wrote to stderr."""
        self._drain()
        return self._stderr.decode(errors="replace")

    def close(self) -> None:
        """End the command's stdin and forget the rest."""
        self._channel.close()

    def _gone(self) -> CutOff:
        return CutOff("the host fell silent" if self._pulse.silent else "the connection is gone")

    def _drain(self) -> None:
        while self._channel.recv_stderr_ready():
            self._stderr += self._channel.recv_stderr(65536)
        del self._stderr[:-8192]


def _begin(transport: paramiko.Transport, channel: paramiko.Channel, command: str) -> None:
    """Have a command run, without waiting for the word that it does: what it says tells that, a round trip earlier."""
    request = paramiko.Message()
    request.add_byte(cMSG_CHANNEL_REQUEST)
    request.add_int(channel.remote_chanid)
    request.add_string("exec")
    request.add_boolean(True)  # where it is refused, paramiko closes the channel
    request.add_string(command)
    transport._send_user_message(request)  # type: ignore[attr-defined]


def connect(host: Host, keyring: Keyring | None = None, begun: Begun | None = None) -> ParamikoConnection:
    """Go the way to a host: at each jump host and at its end check the key, and log in.

    Raises:
        Unreachable: with what was tried, what the other side answered, and the one thing to do.
    """
    try:
        journey = Journey(host, keyring or Keyring(), begun)
        try:
            keys = [journey.enter(leg) for leg in journey.legs]
        except BaseException:
            journey.close()
            raise
    except Unreachable as error:
        error.subject = host.name
        raise
    return ParamikoConnection(journey, host.name, _way(journey, keys[-1]))


def _way(journey: Journey, key: str) -> str:
    """How we came in: `deploy at web-1:22 over bastion by ~/.ssh/id_ed25519`."""
    *hops, last = journey.legs
    address = f"[{last.address}]" if ":" in last.address else last.address
    over = [hop.name for hop in hops] or (["a proxy command"] if last.command else [])
    way = f"{journey.transports[-1].get_username()} at {address}:{last.port}"
    return f"{way}{''.join(f' over {each}' for each in over)} by {key}"
