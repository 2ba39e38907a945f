"""Goes the way to a host, one leg inside the other: greets each server, sees that it is the right one, logs in."""

from __future__ import annotations

import time
from contextlib import suppress

import paramiko

from rolloutctl.errors import Unreachable
from rolloutctl.outside.ssh.asking_transport import AskingTransport
from rolloutctl.outside.ssh.dial import Begun, ProxyLine, dial
from rolloutctl.outside.ssh.dropped import TRIES, pause, worth_another_try
from rolloutctl.outside.ssh.host_keys import Judge, Sighting, wrong_key
from rolloutctl.outside.ssh.keyring import Keyring
from rolloutctl.outside.ssh.login import log_in
from rolloutctl.outside.ssh.ssh_route import Leg, route_to
from rolloutctl.outside.ssh.ssh_words import in_words, said
from rolloutctl.rules.config import Host
from rolloutctl.rules.host_keys import Stranger

GREETING = 10.0  # seconds for the banner and the key exchange
LOGIN = 30.0  # seconds for each answer to a login, which sshd may have to look up elsewhere
KEEPALIVE = 15  # seconds


def first_stranger(host: Host, keyring: Keyring | None = None) -> Stranger | None:
    """The first server on the way whose key is unknown; None when all are known.

    Logs in at the jump hosts before it, and not at the host itself.

    Raises:
        Unreachable: the way ends before that, or a key is changed, revoked, or a matter for an authority.
    """
    journey = Journey(host, keyring or Keyring())
    try:
        for leg in journey.legs:
            sighting = journey.meet(leg)
            if sighting.verdict != "known":
                if sighting.stranger is None:
                    raise wrong_key(sighting, leg)
                return sighting.stranger
            if sighting.hop:
                journey.log_in(leg)
    finally:
        journey.close()
    return None


class Journey:
    """The way to a host, as far as it was gone; `close` hangs up on all of it."""

    def __init__(self, host: Host, keyring: Keyring, begun: Begun | None = None) -> None:
        self._begun = begun or Begun(route_to(host))
        self.legs = self._begun.legs
        self.transports: list[AskingTransport] = []
        self._host = host
        self._keyring = keyring

    def meet(self, leg: Leg) -> Sighting:
        """Reach the next server, and see its key.

        Raises:
            Unreachable: it does not answer, or not as an SSH server.
        """
        judge = Judge(self._host, leg)
        try:
            transport = self._greeted(leg, judge)
            self.transports.append(transport)
            return judge.sight(transport.get_remote_server_key())
        except Unreachable:
            raise
        except Exception as error:
            raise in_words(leg, error) from error

    def enter(self, leg: Leg) -> str:
        """Reach the next server, see that it is the right one, and log in; by which key, in words.

        Raises:
            Unreachable: it is not reached, not the right one, or lets nobody in.
        """
        sighting = self.meet(leg)
        if sighting.verdict != "known":
            raise wrong_key(sighting, leg)
        return self.log_in(leg)

    def log_in(self, leg: Leg) -> str:
        """Log in at the server that was met last; by which key, in words."""
        transport = self.transports[-1]
        try:
            label = log_in(leg, transport, self._keyring)
        except Unreachable:
            raise
        except Exception as error:
            raise in_words(leg, error) from error
        transport.set_keepalive(KEEPALIVE)
        return label

    def close(self) -> None:
        """Hang up, the farthest first."""
        if self._begun.line is not None:
            self._begun.line.close()
        while self.transports:
            with suppress(OSError, EOFError, paramiko.SSHException):
                self.transports.pop().close()

    def _greeted(self, leg: Leg, judge: Judge) -> AskingTransport:
        """A transport after the key exchange; what sshd dropped is tried again, as nothing has happened by then."""
        for number in range(1, TRIES + 1):
            line = self._begun.take() or dial(leg, self.transports[-1] if self.transports else None)
            transport = AskingTransport(line)
            begun = time.monotonic()
            try:
                _exchange_keys(transport, judge)
            except (paramiko.SSHException, OSError, EOFError) as error:
                ended = line.why() if isinstance(line, ProxyLine) else None
                transport.close()
                seconds, perhaps = time.monotonic() - begun, "banner" in str(error).lower()
                if ended is not None:
                    raise ended from error
                if not worth_another_try(number, seconds, told=transport.dropped, perhaps=perhaps):
                    raise _no_ssh(leg, error) from error
                time.sleep(pause(number))
            except BaseException:
                transport.close()
                raise
            else:
                return transport
        raise AssertionError("the last attempt returns or raises")  # pragma: no cover


def _exchange_keys(transport: AskingTransport, judge: Judge) -> None:
    transport.banner_timeout, transport.auth_timeout = GREETING, LOGIN
    judge.prefer(transport)
    transport.start_client(timeout=GREETING)
    if not transport.initial_kex_done:  # start_client returns without a word when its time is over
        raise TimeoutError(f"no greeting within {GREETING:.0f} s")


def _no_ssh(leg: Leg, error: Exception) -> Unreachable:
    """There is a line, so what went wrong on it is no matter of the network."""
    return in_words(leg, error if isinstance(error, paramiko.SSHException) else paramiko.SSHException(said(error)))
