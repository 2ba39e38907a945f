"""Why nobody was reached, in words: by whatever a library's exception comes from, without an error's number."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator


def no_connection(failure: BaseException) -> str:
    """`no connection: it is refused, so nothing listens there`."""
    first = next((each for each in _causes(failure) if isinstance(each, OSError)), None)
    if isinstance(first, ConnectionRefusedError):
        return "no connection: it is refused, so nothing listens there"
    if isinstance(first, socket.gaierror):
        return "no connection: no such host"
    if isinstance(first, ssl.SSLCertVerificationError):
        return f"no connection: its certificate is not to be trusted: {first.verify_message}"
    if isinstance(first, ssl.SSLError):
        return "no connection: no TLS is spoken there"
    return f"no connection: {(first and first.strerror) or failure}"


def _causes(failure: BaseException | None) -> Iterator[BaseException]:
    while failure is not None:
        yield failure
        failure = failure.__cause__ or failure.__context__
