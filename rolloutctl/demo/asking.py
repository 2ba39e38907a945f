"""The stand-in's requests: asks the application over a socket until it answers as expected or its time is over."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Mapping, Sequence
from typing import Any

from rolloutctl.demo import configuration

_MOST = 262_144  # bytes of an answer


def ask(requests: Sequence[Mapping[str, Any]], *, stop: bool) -> list[dict[str, Any]]:
    """The answer to each request, in their order; all share one clock. Redirects are not followed.

    Args:
        requests: what to ask.
        stop: ask no more after the first that is not as expected.
    """
    start = time.monotonic()
    answers: list[dict[str, Any]] = []
    for request in requests:
        answers.append(_until(request, start))
        if stop and not answers[-1]["ok"]:
            break
    return answers


def _until(request: Mapping[str, Any], start: float) -> dict[str, Any]:
    while True:
        answer = _judged(request, _exchange(request))
        if answer["ok"] or time.monotonic() - start >= request["within"]:
            return answer | {"waited_ms": _ms(start)}
        time.sleep(0.1)


def _judged(request: Mapping[str, Any], got: Mapping[str, Any]) -> dict[str, Any]:
    wrong = got["error"]
    expected = wrong is None and got["status"] in request["expect"]
    if expected and request["json"]:
        wrong = _wrong_with(got["body"], request["json"])
    ok = expected and wrong is None
    return {"id": request["id"], "ok": ok, "status": got["status"], "ms": got["ms"], "error": wrong}


def _wrong_with(text: str, expected: Mapping[str, Any]) -> str | None:
    try:
        body = json.loads(text)
    except ValueError:
        return "an empty body" if text == "" else "a body that is not JSON"
    if not isinstance(body, dict | list):
        return "a body that is not JSON"
    for path, value in expected.items():
        actual = configuration.picked(body, [path])
        if path not in actual or json.dumps(actual[path]) != json.dumps(value):
            return f"'{path}' is not as expected"
    return None


def _exchange(request: Mapping[str, Any]) -> dict[str, Any]:
    start = time.monotonic()
    status, body = None, ""
    connection, error = _connected(request)
    if connection is not None:
        with connection:
            answer = _received(connection, request, start + request["timeout"])
        _, _, rest = answer.partition(b"\r\n\r\n")
        match = re.match(rb"HTTP/[\d.]+ (\d{3})", answer)
        if match is None:
            error = "an answer that is not HTTP" if answer else "no answer"
        else:
            status, body = int(match[1]), rest.decode("utf-8", "replace")
    return {"status": status, "body": body, "error": error, "ms": _ms(start)}


def _connected(request: Mapping[str, Any]) -> tuple[socket.socket | None, str | None]:
    error = None
    for address in request["addresses"]:
        host, _, port = address.rpartition(":")
        try:
            return socket.create_connection((host.strip("[]"), int(port)), timeout=request["timeout"]), None
        except ConnectionRefusedError:
            error = f"connection refused at {address}"
        except TimeoutError:
            error = f"no answer from {address}"
        except OSError:
            error = f"no connection to {address}"
    return None, error


def _received(connection: socket.socket, request: Mapping[str, Any], deadline: float) -> bytes:
    lines = [
        f"GET {request['path']} HTTP/1.1",
        f"Host: {request['host']}",
        "Connection: close",
        "User-Agent: rolloutctl",
    ]
    lines += [f"{name}: {value}" for name, value in request["headers"].items()]
    answer = b""
    try:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        while len(answer) < _MOST and (left := deadline - time.monotonic()) > 0:
            connection.settimeout(left)
            piece = connection.recv(65536)
            if not piece:
                break
            answer += piece
    except OSError:
        pass  # what came until then is judged
    return answer


def _ms(start: float) -> int:
    return round((time.monotonic() - start) * 1000)
