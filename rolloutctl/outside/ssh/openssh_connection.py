"""`connection: openssh`: the machine's own ssh, one process for each command, with all that it knows of the way."""

from __future__ import annotations

import signal
import time
from contextlib import suppress
from shutil import which

from rolloutctl.errors import CutOff, NoAnswer, Unreachable
from rolloutctl.outside.process_channel import ProcessChannel, started
from rolloutctl.outside.ssh.dropped import TRIES, pause, worth_another_try
from rolloutctl.outside.ssh.openssh_arguments import CONNECT, arguments, environment, typed
from rolloutctl.outside.ssh.openssh_endings import SSH_FAILED, Attempt, error_from
from rolloutctl.outside.ssh.openssh_said import OPEN, Said, others_words
from rolloutctl.outside.ssh.openssh_table import STATUSES
from rolloutctl.rules.config import Host

LOGIN = 60.0  # seconds until the host has let us in; a hardware key may wait for a touch
_LAST_WORDS = 2.0  # seconds for ssh to end behind its stdout
_LEAVING = 0.5  # seconds for ssh to take leave, once and once again


class OpensshConnection:
    """A way to a host that ssh takes anew for each command, unless a ControlMaster keeps it open."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._arguments = arguments(host)
        self._channels: list[OpensshChannel] = []
        self.way = typed(host)

    def start(self, command: str) -> OpensshChannel:
        """Connect, log in, and start a command under the host's login shell.

        A connect that sshd dropped is tried again: nothing has happened by then.
        """
        for number in range(1, TRIES + 1):
            begun = time.monotonic()
            channel = OpensshChannel(self._host, (*self._arguments, command), self.way)
            ended = channel.opened()
            if ended is None:
                self._channels.append(channel)
                return channel
            seconds = time.monotonic() - begun
            if not worth_another_try(number, seconds, told=ended.dropped, perhaps=ended.perhaps_dropped):
                raise error_from(Attempt(self._host, self.way, ended, let_in=False, seconds=CONNECT))
            time.sleep(pause(number))
        raise AssertionError("the last attempt returns or raises")  # pragma: no cover

    def close(self) -> None:
        """End each ssh that still runs."""
        for channel in self._channels:
            channel.close()


class OpensshChannel(ProcessChannel):
    """The pipes of one `ssh`."""

    def __init__(self, host: Host, command: tuple[str, ...], way: str) -> None:
        super().__init__(started(command, environment()))
        self._host = host
        self._way = way
        self._heard = False

    def opened(self) -> Said | None:
        """Wait until the host has let us in; how ssh ended, where it did not.

        Raises:
            NoAnswer: neither happened in time.
        """
        try:
            self._early = self._next(time.monotonic() + LOGIN, *OPEN) or b""
            if self._early or self._let_in():
                return None
            said = self._last_words()
            self.close()
        except BaseException:
            self.close()
            raise
        if said is None:
            last = Said.of(0, bytes(self._said)).last
            raise NoAnswer(
                f"ssh did not get to {self._host.address} within {LOGIN:.0f} s{f': {last}' if last else ''}.",
                subject=self._host.name,
                hint=f"Does it wait for a hardware key, an agent's question or a Match exec? Try: {self._way}",
            )
        return said

    def receive(self, timeout: float) -> bytes:
        """What the command wrote next; empty when it has ended."""
        piece = super().receive(timeout)
        if piece:
            self._heard = True
            return piece
        ended = self._last_words()
        lost = ended is not None and (ended.status < 0 or ended.status == SSH_FAILED)
        if lost and self._heard:
            raise CutOff("the connection is gone")
        if ended and not self._heard and (lost or ended.status in STATUSES):
            raise error_from(Attempt(self._host, self._way, ended, let_in=True, seconds=CONNECT))
        return b""

    def noise(self) -> str:
        """The end of what the command wrote to stderr, without ssh's own remarks."""
        return others_words(super().noise())

    def close(self) -> None:
        """End the command's stdin; ssh takes leave, or is ended."""
        self._hang_up()
        for end in (signal.SIGTERM, signal.SIGKILL):
            if self._ended(_LEAVING) is not None:
                return
            with suppress(ProcessLookupError):
                self._process.send_signal(end)
        self._ended(_LEAVING)

    def _last_words(self) -> Said | None:
        """How ssh ended; None while it lives."""
        status = self._ended(_LAST_WORDS)
        self._drain()
        return None if status is None else Said.of(status, bytes(self._said))

    def _let_in(self) -> bool:
        """Whether a sign of it was heard; what stood before it was ssh's, and what follows is the command's."""
        ends = [at + len(sign) for sign in OPEN if (at := self._said.rfind(sign)) >= 0]
        if ends:
            del self._said[: self._said.find(b"\n", max(ends)) + 1]
        return bool(ends)


def connect(host: Host) -> OpensshConnection:
    """The way to a host; the first command takes it.

    Raises:
        Unreachable: there is no ssh here.
    """
    if which("ssh") is None:
        raise Unreachable(
            "There is no ssh on this machine, and connection: openssh needs it.",
            subject=host.name,
            hint="Install OpenSSH's client, or use connection: paramiko.",
        )
    return OpensshConnection(host)
