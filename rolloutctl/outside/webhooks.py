"""Posts JSON to a webhook: bounded in time, tried again where that can help, and never led elsewhere."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from rolloutctl.outside.no_connection import no_connection
from rolloutctl.outside.within import within
from rolloutctl.rules.redact import one_line

if TYPE_CHECKING:
    import httpx

PATIENCE = 60.0  # seconds for all tries together
_ONCE = 10.0  # seconds for one step of one try: to connect, and for each byte
_TRIES = 4
_PAUSE = 1.0  # seconds before the second try; then twice as long each time
_GRACE = 2.0  # seconds behind the deadline for a try that ends by itself
_AGAIN = frozenset({429, 500, 502, 503, 504})
_MOST = 4096  # bytes of an answer that are looked at
_SHOWN = 200  # characters
_Later = tuple[str, float | None]  # why it was not taken, and after how many seconds to try again; None: never


def post(
    url: str,
    document: Mapping[str, Any],
    *,
    headers: Mapping[str, str] | None = None,
    secrets: Sequence[str] = (),
    patience: float = PATIENCE,
) -> str:
    """Post a document as JSON; why it was not taken, in words that repeat none of the `secrets`, or nothing.

    What the other side may have taken already is not sent again: only a refusal, or a connection that was never made.

    Args:
        url: where; redirects are not followed.
        document: what.
        headers: beside those that say that it is JSON.
        secrets: what no message may show.
        patience: seconds for all tries together.
    """
    late = f"no answer within {patience:g} s"
    said = within(patience + _GRACE, lambda: _tried(url, document, headers or {}, patience), late)
    return _without(one_line(said), secrets)[:_SHOWN]


def _tried(url: str, document: Mapping[str, Any], headers: Mapping[str, str], patience: float) -> str:
    import httpx  # noqa: PLC0415 - only where something is sent

    body = json.dumps(document).encode()
    sent = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "rolloutctl", **headers}
    deadline, pause = time.monotonic() + patience, _PAUSE
    with httpx.Client(follow_redirects=False, timeout=min(_ONCE, patience)) as client:
        for number in range(1, _TRIES + 1):
            why, wait = _once(client, url, body, sent)
            if wait is None:
                return why
            wait = max(wait, pause)
            if number == _TRIES or time.monotonic() + wait > deadline:
                return f"{why}, after {number} {'try' if number == 1 else 'tries'}"
            time.sleep(wait)
            pause *= 2
    return ""


def _once(client: httpx.Client, url: str, body: bytes, headers: Mapping[str, str]) -> _Later:
    import httpx  # noqa: PLC0415 - see above

    try:
        with client.stream("POST", url, content=body, headers=dict(headers)) as answer:
            return _judged(answer)
    except (httpx.ConnectError, httpx.ConnectTimeout) as failure:
        return (_in_words(failure), 0.0)
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as failure:
        return (_in_words(failure), None)


def _judged(answer: httpx.Response) -> _Later:
    status = answer.status_code
    if answer.is_success:
        return ("", None)
    if answer.is_redirect:
        return (f"it answers {status}, which leads elsewhere: nothing is sent there", None)
    said = one_line(_beginning(answer))
    why = f"it answers {status}" + (f": {said}" if said else "")
    if status not in _AGAIN:
        return (why, None)
    asked = _seconds(answer.headers.get("Retry-After", ""))
    return (why + (f" (it asks to wait {asked:.0f} s)" if asked else ""), asked)


def _beginning(answer: httpx.Response) -> str:
    read = b""
    for piece in answer.iter_bytes():
        read += piece
        if len(read) >= _MOST:
            break
    text = read[:_MOST].decode("utf-8", "replace")
    return "" if "<" in text else text[:_SHOWN]  # a page for browsers says nothing in a line


def _seconds(written: str) -> float:
    """How long `Retry-After` asks to wait: seconds, or a time of day (RFC 9110, 10.2.3)."""
    if written.isascii() and written.isdigit():
        return float(written[:9])
    try:
        until = parsedate_to_datetime(written)
    except ValueError:
        return 0.0
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())


def _in_words(failure: Exception) -> str:
    import httpx  # noqa: PLC0415 - see above

    words = (
        (httpx.ConnectTimeout, "no connection in time"),
        (httpx.TimeoutException, "no answer in time; whether it was taken is not known"),
        (httpx.ConnectError, no_connection(failure)),
        (httpx.UnsupportedProtocol, "not a URL that begins with https:// or http://"),
        (httpx.InvalidURL, "not a URL"),
        (httpx.RemoteProtocolError, "an answer that is not HTTP; whether it was taken is not known"),
    )
    return next((said for kind, said in words if isinstance(failure, kind)), type(failure).__name__)


def _without(text: str, secrets: Sequence[str]) -> str:
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "•••")
    return text
