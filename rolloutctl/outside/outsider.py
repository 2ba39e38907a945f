"""Requests from the operator's side, through an environment's `url`. The only module that imports httpx."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from rolloutctl.rules.work import Asked

_PAUSE = 0.2  # seconds between two tries


def ask_outside(url: str, requests: Sequence[Mapping[str, Any]]) -> tuple[Asked, ...]:
    """Ask each request until it is answered as expected or its time is over. Redirects are not followed."""
    import httpx  # noqa: PLC0415 - only where something is asked from outside

    answers = []
    begun = time.monotonic()
    with httpx.Client(base_url=url, follow_redirects=False) as client:
        for request in requests:
            while True:
                asked = _once(client, request, httpx.HTTPError)
                if asked.ok or time.monotonic() - begun >= request["within"]:
                    break
                time.sleep(_PAUSE)
            answers.append(asked)
    return tuple(answers)


def _once(client: Any, request: Mapping[str, Any], failure: type[Exception]) -> Asked:  # noqa: ANN401 - see above
    begun = time.monotonic()
    try:
        answer = client.get(request["path"], headers=request["headers"], timeout=request["timeout"])
    except failure as error:
        return Asked(request["id"], ok=False, status=None, ms=_since(begun), error=type(error).__name__)
    expected = answer.status_code in request["expect"]
    wrong = "the body is not as expected" if expected and not _holds(answer, request["json"]) else None
    return Asked(request["id"], expected and wrong is None, answer.status_code, _since(begun), wrong)


def _holds(answer: Any, wanted: Mapping[str, Any]) -> bool:  # noqa: ANN401 - see above
    if not wanted:
        return True
    try:
        data = answer.json()
    except ValueError:
        return False
    for path, value in wanted.items():
        place = data
        for part in path.split("."):
            place = place.get(part) if isinstance(place, dict) else None
        if place != value:
            return False
    return True


def _since(begun: float) -> int:
    return int((time.monotonic() - begun) * 1000)
