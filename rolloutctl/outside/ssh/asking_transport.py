"""paramiko's Transport, with what it lacks: a server can be asked whether it would take a key, before anybody signs."""

from __future__ import annotations

import hmac
import logging
import threading
from collections.abc import Callable

import paramiko
from paramiko.auth_handler import AuthHandler
from paramiko.common import MSG_USERAUTH_INFO_REQUEST, cMSG_USERAUTH_REQUEST

from rolloutctl.outside.ssh.dropped import SAYS

# paramiko logs what it raises as well, with a traceback, and to stderr where nobody listens.
logging.getLogger("paramiko").addHandler(logging.NullHandler())

# The same, and not byte by byte in Python; each packet needs it.
paramiko.util.constant_time_bytes_eq = hmac.compare_digest  # type: ignore[assignment]  # for bytes it is that

_PK_OK = MSG_USERAUTH_INFO_REQUEST  # RFC 4252, 7: one number, read by what was asked


class AskingTransport(paramiko.Transport):
    """Logs in as ssh does (RFC 4252, 7): asks first, so that no passphrase is typed and no key touched in vain."""

    accepts: tuple[str, ...] = ()  # what the server said it accepts, when it last refused something
    dropped = False  # whether sshd hung up because of too many connections; paramiko has only its log for that
    _active_check_timeout = 1.0  # seconds; paramiko's thread looks around so often, and with many hosts there are many
    serves_logins = False  # whether the server was asked to talk about logins: once is enough

    def would_take(self, user: str, blob: bytes) -> bool:
        """Whether the server would let this key or certificate in, could its holder sign.

        Raises:
            SSHException, EOFError, OSError: the server ended the connection, or takes no keys at all.
        """
        handler, event = self._handler()
        handler.ask(user, blob, event)
        try:
            handler.wait_for_response(event)
        except paramiko.AuthenticationException as error:
            if handler.willing:
                return True
            if isinstance(error, paramiko.BadAuthenticationType) or not self.is_active():
                raise
        return False

    def show(self, user: str, key: paramiko.PKey) -> list[str]:
        """Log in with a key; what the server wants besides, which mostly is nothing.

        Raises:
            AuthenticationException: it is refused.
            SSHException, EOFError, OSError: the server ended the connection, or the key did not sign.
        """
        handler, event = self._handler()
        handler.auth_publickey(user, key, event)
        return handler.wait_for_response(event)

    def show_nothing(self, user: str) -> list[str]:
        """Try to log in without anything, as ssh does first; some servers know who one is by the way one came."""
        handler, event = self._handler()
        handler.auth_none(user, event)
        return handler.wait_for_response(event)

    def _log(self, level: int, message: str, *arguments: object) -> None:
        self.dropped = self.dropped or SAYS in str(message)
        super()._log(level, message, *arguments)  # type: ignore[misc]  # its stubs leave it out

    def _handler(self) -> tuple[_Handler, threading.Event]:
        handler = _Handler(self)
        self.auth_handler = handler
        return handler, threading.Event()


class _Handler(AuthHandler):
    """One attempt to log in. What paramiko's stubs don't show is its own to change: the tests against sshd hold it."""

    transport: AskingTransport

    willing = False
    _waits = False  # for the server's word before it goes on
    _blob: bytes | None = None

    def ask(self, user: str, blob: bytes, event: threading.Event) -> None:
        """Ask whether a key would do."""
        with self.transport.lock:
            self._blob = blob
            self.auth_event = event
            self.auth_method = "publickey"
            self.username = user
            self._request_auth()

    def _request_auth(self) -> None:
        """Ask for the service, once a connection, and go on without waiting for a yes: that saves a round trip.

        With an RSA key it is waited for: how such a key has to sign, the server may tell only after the key exchange.
        """
        asked, self.transport.serves_logins = self.transport.serves_logins, True
        self._waits = not asked and self._kind.startswith("ssh-rsa")
        if not asked:
            super()._request_auth()  # type: ignore[misc]
        if not self._waits:
            # Signing belongs here, not into the transport's thread: an agent that declines must not end the connection.
            agreed = paramiko.Message()
            agreed.add_string("ssh-userauth")
            agreed.rewind()
            self._log_in(agreed)

    @property
    def _kind(self) -> str:
        """What kind of key it is about; empty where it is about none."""
        if self._blob is not None:
            return paramiko.Message(self._blob).get_text()
        return self.private_key.get_name() if self.private_key is not None else ""

    def _parse_service_accept(self, m: paramiko.Message) -> None:
        if self._waits:
            self._log_in(m)

    def _log_in(self, m: paramiko.Message) -> None:
        if self._blob is None:
            super()._parse_service_accept(m)  # type: ignore[misc]
            return
        kind = paramiko.Message(self._blob).get_text()
        question = paramiko.Message()
        question.add_byte(cMSG_USERAUTH_REQUEST)
        for word in (self.username, "ssh-connection", "publickey"):
            question.add_string(word or "")
        question.add_boolean(False)
        question.add_string(self._finalize_pubkey_algorithm(kind))  # type: ignore[attr-defined]
        question.add_string(self._blob)
        self.transport._send_message(question)  # type: ignore[attr-defined]

    @property
    def _client_handler_table(self) -> dict[int, Callable[[paramiko.Message], None]]:
        return {**super()._client_handler_table, _PK_OK: self._parse_willing}  # type: ignore[misc]

    def _parse_willing(self, _m: paramiko.Message) -> None:
        self.willing = True
        if self.auth_event is not None:
            self.auth_event.set()

    def _parse_userauth_failure(self, m: paramiko.Message) -> None:
        self.transport.accepts = tuple(m.get_list())
        m.rewind()
        super()._parse_userauth_failure(m)  # type: ignore[misc]
