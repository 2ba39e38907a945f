"""Requests from the operator's side, through an environment's `url`. The only module that imports httpx."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rolloutctl.rules.work import Asked

if TYPE_CHECKING:
    import httpx

_PAUSE = 0.2  # seconds between two tries
_MOST = 262_144  # bytes of a body that are looked at, as on the host


def ask_outside(url: str, requests: Sequence[Mapping[str, Any]]) -> tuple[Asked, ...]:
    """Ask each request until it is answered as expected or its time is over. Redirects are not followed."""
    import httpx  # noqa: PLC0415 - only where something is asked from outside

    answers = []
    begun = time.monotonic()
    with httpx.Client(follow_redirects=False, headers={"User-Agent": "rolloutctl"}) as client:
        for request in requests:
            while True:
                asked = _once(client, url, request)
                if asked.ok or time.monotonic() - begun >= request["within"]:
                    break
                time.sleep(_PAUSE)
            answers.append(asked)
    return tuple(answers)


def _once(client: httpx.Client, url: str, request: Mapping[str, Any]) -> Asked:
    import httpx  # noqa: PLC0415 - see above

    begun = time.monotonic()
    headers = [(name.encode(), value.encode()) for name, value in request["headers"].items()]
    status = error = number = None
    try:
        # Appended, not joined: a path such as //other is no other host.
        with client.stream("GET", url + request["path"], headers=headers, timeout=request["timeout"]) as answer:
            status = answer.status_code
            wants = status in request["expect"] and request["json"]
            if wants or "number" in request:
                body = _body(answer, begun + request["timeout"])
                number = _number(body, request["number"]) if "number" in request else None
                error = "the body is not as expected" if wants and not _holds(body, request["json"]) else None
    except (httpx.HTTPError, httpx.InvalidURL) as failure:
        error = _in_words(failure)
    return Asked(request["id"], error is None and status in request["expect"], status, _since(begun), error, number)


def _in_words(failure: Exception) -> str:
    import httpx  # noqa: PLC0415 - see above

    from rolloutctl.outside.no_connection import no_connection  # noqa: PLC0415 - see above

    words = (
        (httpx.TimeoutException, "no answer in time"),
        (httpx.ConnectError, no_connection(failure)),
        (httpx.InvalidURL, "not a URL"),
        (httpx.RemoteProtocolError, "an answer that is not HTTP"),
    )
    return next((said for kind, said in words if isinstance(failure, kind)), type(failure).__name__)


def _body(answer: httpx.Response, deadline: float) -> bytes:
    body = b""
    for piece in answer.iter_bytes():
        body += piece
        if len(body) >= _MOST or time.monotonic() > deadline:
            break
    return body


def _holds(body: bytes, wanted: Mapping[str, Any]) -> bool:
    """Whether a JSON body holds each value at its dotted path; 1 is not true, and null is not absent."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return all(_same(_at(data, path.split(".")), [value]) for path, value in wanted.items())


def _number(body: bytes, path: str) -> float | None:
    """A number at a dotted path of a JSON body; None where there is none."""
    try:
        found = _at(json.loads(body), path.split("."))
    except (ValueError, RecursionError):
        return None
    return float(found[0]) if found and type(found[0]) in (int, float) else None  # type: ignore[arg-type]


def _at(data: object, parts: Sequence[str]) -> list[object]:
    """The value at a path, as the one item of a list; an empty list where there is none."""
    for part in parts:
        if not isinstance(data, dict) or part not in data:
            return []
        data = data[part]
    return [data]


def _same(one: object, other: object) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _since(begun: float) -> int:
    return int((time.monotonic() - begun) * 1000)
