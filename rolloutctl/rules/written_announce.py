"""Whether facts, webhooks, mail servers and addresses are well written; as in `written`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from rolloutctl.rules import written

_FACT = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_MAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")  # as HTML has it


def facts(value: Mapping[str, str]) -> str | None:
    """Names that a template can say, and texts of one line that show something."""
    for name, text in value.items():
        if not _FACT.fullmatch(name):
            return f"; this is none: {name}"
        if not text.strip() or not text.isprintable():
            return f"; one line that shows something: {name}"
    return None


def webhook(value: str) -> str | None:
    """Scheme, host and whatever follows. What is wrong is not repeated, for it may be secret."""
    try:
        parts = urlsplit(value)
        named = parts.hostname is not None and (parts.port is None or parts.port > 0)
    except ValueError:
        return ""
    plain = value.isascii() and value.isprintable() and " " not in value
    return None if named and plain and parts.scheme in ("http", "https") else ""


def server(value: str) -> str | None:
    """A name or an address, and a port."""
    try:
        user, _, port = written.split_host(value)
    except ValueError:
        return ""
    return None if user is None and port is not None else ""


def mail_address(value: str) -> str | None:
    """An address, perhaps behind a name; nothing that could begin another header."""
    from email.utils import parseaddr  # noqa: PLC0415 - only a file with mail needs it

    if not value.isprintable():
        return ""
    name, address = parseaddr(value)
    return None if _MAIL.fullmatch(address) and (value.strip() == address or name) else ""


def mail_addresses(value: Sequence[str]) -> str | None:
    """Addresses."""
    ill = [each for each in value if mail_address(each) is not None]
    return f"; this is none: {ill[0]}" if ill else None
