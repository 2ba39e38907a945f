"""What a schema can't tell: whether an address, a URL, a header, a duration a factor or a time is well written.

Each check returns None when all is well, else what to add to "it must be ...", which often says it all.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date as calendar
from typing import TypeVar
from urllib.parse import urlsplit

from rolloutctl.rules import durations, freeze

_LAST_PORT = 65535
_FEWEST_BEYOND, _MOST_SAMPLES = 2, 100
_V = TypeVar("_V")
_NOT_POSIX = re.compile(r"\(\?|\\[A-Za-z0-9]")
_HOST = re.compile(r"(?:(?P<user>[^\s]+)@)?(?:\[(?P<ip>[^\]\s]+)\]|(?P<name>[^\s:\[\]@]+))(?::(?P<port>[0-9]{1,5}))?")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110, 5.6.2


def split_host(text: str) -> tuple[str | None, str, int | None]:
    """User, address and port of ``user@name:port`` or ``[ipv6]:port``.

    Raises:
        ValueError: it is written otherwise.
    """
    found = _HOST.fullmatch(text)
    if found is None:
        raise ValueError("not user@name:port")
    port = int(found["port"]) if found["port"] else None
    name = found["ip"] or found["name"]
    wrong_name = not (_is_ip(name) if found["ip"] else _NAME.fullmatch(name))
    if wrong_name or (found["user"] or "x")[0] == "-" or (port is not None and not 1 <= port <= _LAST_PORT):
        raise ValueError("not user@name:port")
    return found["user"], name, port


def address(value: str) -> str | None:
    """A name, or an IP address without brackets."""
    return None if _is_ip(value) or _NAME.fullmatch(value) else ""


def local_address(value: str) -> str | None:
    """An address with or without a port, and without a user; in front of it `http://` where TLS ends elsewhere."""
    try:
        user, _, _ = split_host(re.sub(r"^https?://", "", value))
    except ValueError:
        return ""
    return None if user is None else ""


def url(value: str) -> str | None:
    """Scheme, name and port, nothing else."""
    try:
        parts = urlsplit(value)
        port_fits = parts.port is None or parts.port > 0
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https"):
        return "; it begins with https:// or http://"
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        return "; paths belong into health and probes"
    plain = parts.hostname is not None and address(parts.hostname) is None and "@" not in parts.netloc
    return None if plain and port_fits else ""


def headers(value: Mapping[str, str]) -> str | None:
    """Names as HTTP has them, and values of one line."""
    ill = [name for name, text in value.items() if not (_TOKEN.fullmatch(name) and text.isprintable())]
    return f"; HTTP does not allow this one: {ill[0]}" if ill else None


def duration(value: str | float) -> str | None:
    """A length of time of up to a year."""
    return _unreadable(durations.parse_duration, value)


def week_time(value: str) -> str | None:
    """A weekday and a time."""
    return _unreadable(freeze.parse_week_time, value)


def date(value: str) -> str | None:
    """A day of the calendar."""
    return _unreadable(calendar.fromisoformat, value)


def dates(value: Sequence[str]) -> str | None:
    """Days of the calendar."""
    ill = [each for each in value if date(each) is not None]
    return f"; there is no such day: {ill[0]}" if ill else None


def weekend(value: Sequence[str]) -> str | None:
    """Weekdays, but not all of them."""
    return "; a day on which a phase may begin has to be left" if len(set(value)) == len(freeze.DAYS) else None


def factor(value: str) -> str | None:
    """A factor that says something, as `2x`."""
    return None if float(value.removesuffix("x")) not in (0.0, 1.0) else ""


def sustained(value: str) -> str | None:
    """So many of so many, as `3 of 5`: a single one is never enough, and none more than there are."""
    beyond, of = map(int, value.split(" of "))
    return None if _FEWEST_BEYOND <= beyond <= of <= _MOST_SAMPLES else ""


def pattern(value: str) -> str | None:
    """An extended regular expression, as POSIX has it; what only Perl's and Python's have would never match."""
    if _NOT_POSIX.search(value):
        return "; those of Perl are none: \\d is [0-9], \\w is [[:alnum:]_], and there is no (?"
    try:
        re.compile(value)
    except (re.error, RecursionError, OverflowError):
        return ""
    return None


def zone(value: str) -> str | None:
    """A zone of the time zone database."""
    return None if freeze.known_zone(value) else ""


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _unreadable(parse: Callable[[_V], object], value: _V) -> str | None:
    try:
        parse(value)
    except ValueError:
        return ""
    return None
