"""Sends a mail, as text and as HTML, over TLS unless the plan says otherwise."""

from __future__ import annotations

import smtplib
import socket
import ssl
from contextlib import suppress
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid, parseaddr
from typing import Final

from rolloutctl.outside.within import within
from rolloutctl.rules.channels import Mail
from rolloutctl.rules.letters import Letter
from rolloutctl.rules.redact import one_line

PATIENCE = 60.0  # seconds for all of it
_ONCE = 15.0  # seconds for each answer
_SHOWN = 200  # characters
_WORDS: Final = (
    (smtplib.SMTPAuthenticationError, "the login is refused"),
    (smtplib.SMTPSenderRefused, "the sender is refused"),
    (smtplib.SMTPDataError, "the mail is refused"),
    (smtplib.SMTPConnectError, "it does not greet"),
    (smtplib.SMTPHeloError, "it does not greet"),
    (smtplib.SMTPServerDisconnected, "the connection ended"),
    (smtplib.SMTPNotSupportedError, "it has no such way"),
    (ssl.SSLCertVerificationError, "its certificate is not to be trusted"),
    (ssl.SSLError, "no TLS"),
    (TimeoutError, "no answer in time"),
    (socket.gaierror, "no such host"),
    (OSError, "no connection"),
)


def send(mail: Mail, letter: Letter, html: str, now: datetime, *, patience: float = PATIENCE) -> str:
    """Send a letter; why not everybody gets it, in words that repeat no password, or nothing.

    Args:
        mail: server, sender and recipients.
        letter: subject and text.
        html: the same for who reads HTML.
        now: the date of the mail.
        patience: seconds for all of it.
    """
    message = compose(mail, letter, html, now)
    once = min(_ONCE, patience)
    said = within(patience, lambda: _sent(mail, message, once), f"no end within {patience:g} s")
    return (one_line(said).replace(mail.password, "•••") if mail.password else one_line(said))[:_SHOWN]


def compose(mail: Mail, letter: Letter, html: str, now: datetime) -> EmailMessage:
    """The mail as it travels; no text of the letter can become a header."""
    message = EmailMessage(policy=SMTP)
    sender = _address(mail.sender)
    message["From"] = sender
    message["To"] = [_address(each) for each in mail.to]
    message["Subject"] = one_line(letter.subject)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = make_msgid(domain=sender.domain)
    message["Auto-Submitted"] = "auto-generated"  # so that no absence notice answers (RFC 3834)
    message.set_content(letter.text)
    message.add_alternative(html, subtype="html")
    return message


def _address(written: str) -> Address:
    name, address = parseaddr(written)
    return Address(display_name=name, addr_spec=address)


def _sent(mail: Mail, message: EmailMessage, seconds: float) -> str:
    try:
        server = _connected(mail, seconds)
    except OSError as failure:
        return _in_words(failure)
    try:
        if mail.tls == "starttls":
            server.starttls(context=ssl.create_default_context())
        if mail.user:
            server.login(mail.user, mail.password)
        return _refused(server.send_message(message))
    except smtplib.SMTPRecipientsRefused as failure:
        return _refused(failure.recipients)
    except (OSError, ValueError) as failure:
        return _in_words(failure)
    finally:
        with suppress(OSError):  # how it ended is known: a farewell that fails changes nothing
            server.quit()


def _connected(mail: Mail, seconds: float) -> smtplib.SMTP:
    name = socket.gethostname()  # and not getfqdn, which may ask a name server for long
    if mail.tls == "tls":
        return smtplib.SMTP_SSL(
            mail.host, mail.port, local_hostname=name, timeout=seconds, context=ssl.create_default_context()
        )
    return smtplib.SMTP(mail.host, mail.port, local_hostname=name, timeout=seconds)


def _refused(recipients: dict[str, tuple[int, bytes]]) -> str:
    told = (f"{who} ({status}: {said.decode('ascii', 'replace')})" for who, (status, said) in recipients.items())
    return f"refused for {', '.join(told)}" if recipients else ""


def _in_words(failure: BaseException) -> str:
    if isinstance(failure, smtplib.SMTPServerDisconnected) and isinstance(failure.__context__, TimeoutError):
        failure = failure.__context__  # smtplib's word for a server that is silent
    said = next((said for kind, said in _WORDS if isinstance(failure, kind)), type(failure).__name__)
    if isinstance(failure, smtplib.SMTPResponseException):
        text = failure.smtp_error
        answer = text.decode("ascii", "replace") if isinstance(text, bytes) else str(text)
        return f"{said} ({failure.smtp_code}: {answer})"
    if isinstance(failure, ssl.SSLCertVerificationError):
        return f"{said}: {failure.verify_message}"
    if isinstance(failure, TimeoutError | socket.gaierror):
        return said
    more = (failure.strerror if isinstance(failure, OSError) else "") or str(failure)  # smtplib's own have no strerror
    return f"{said}: {more}" if more else said
