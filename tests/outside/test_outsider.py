"""Requests from the operator's side, asked of a real server on loopback."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from rolloutctl.outside.outsider import ask_outside
from rolloutctl.rules.work import Asked


class _Application(BaseHTTPRequestHandler):
    """Answers by path; `seen` has what was asked."""

    seen: list[tuple[str, dict[str, str]]]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        seen = type(self).seen
        seen.append((self.path, {name: value for name, value in self.headers.items()}))
        path = self.path.split("?", maxsplit=1)[0]
        if path == "/slow-start":
            self._say(200 if len(seen) > 2 else 503, b"")
        elif path == "/away":
            self._say(302, b"", Location="/portal")
        elif path == "/endless":
            self._drip()
        elif path.startswith("/json/"):
            self._say(200, path.removeprefix("/json/").encode())
        elif path == "/health":
            self._say(200, json.dumps({"status": "ok", "parts": {"db": True, "queue": None}}).encode())
        else:
            self._say(200 if path == "/portal" else 404, b"")

    def _say(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _drip(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        try:
            while True:
                self.wfile.write(b"[" * 65536)
        except OSError:
            return  # the client has had enough

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def application() -> Iterator[tuple[str, list[tuple[str, dict[str, str]]]]]:
    handler = type("Application", (_Application,), {"seen": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", handler.seen  # type: ignore[attr-defined]
        server.shutdown()
        thread.join(10)


Application = tuple[str, list[tuple[str, dict[str, str]]]]


def request(path: str, **overrides: Any) -> dict[str, Any]:  # noqa: ANN401 - any field of a request
    return {
        "id": "health",
        "path": path,
        "headers": {},
        "expect": [200],
        "json": {},
        "timeout": 5.0,
        "within": 0.0,
        **overrides,
    }


def asked(url: str, path: str, **overrides: Any) -> Asked:  # noqa: ANN401 - any field of a request
    (answer,) = ask_outside(url, [request(path, **overrides)])
    return answer


def test_an_answer_as_expected_is_ok(application: Application) -> None:
    url, seen = application
    answer = asked(url, "/portal?a=1", headers={"X-Company": "15", "X-Name": "ümlaut"})
    assert (answer.id, answer.ok, answer.status, answer.error) == ("health", True, 200, None)
    assert answer.ms >= 0
    ((path, headers),) = seen
    assert path == "/portal?a=1"
    assert (headers["X-Company"], headers["X-Name"].encode("latin-1").decode()) == ("15", "ümlaut")
    assert headers["Host"] == url.removeprefix("http://")


def test_another_status_is_not(application: Application) -> None:
    answer = asked(application[0], "/nothing")
    assert (answer.ok, answer.status, answer.error) == (False, 404, None)


def test_a_redirect_is_an_answer_and_not_followed(application: Application) -> None:
    url, seen = application
    assert asked(url, "/away", expect=[302]).ok
    assert [path for path, _ in seen] == ["/away"]


def test_it_is_asked_again_until_its_time_is_over(application: Application) -> None:
    url, seen = application
    assert asked(url, "/slow-start", within=30.0).ok
    assert len(seen) == 3


def test_without_patience_it_is_asked_once(application: Application) -> None:
    url, seen = application
    assert not asked(url, "/slow-start").ok
    assert len(seen) == 1


def test_requests_are_asked_in_their_order(application: Application) -> None:
    url, _ = application
    answers = ask_outside(url, [request("/portal", id="portal 0"), request("/nothing", id="portal 1")])
    assert [(answer.id, answer.ok) for answer in answers] == [("portal 0", True), ("portal 1", False)]
    assert ask_outside(url, []) == ()


@pytest.mark.parametrize(
    ("path", "wanted", "holds"),
    [
        ("/health", {"status": "ok"}, True),
        ("/health", {"status": "OK"}, False),
        ("/health", {"parts.db": True}, True),
        ("/health", {"parts.db": 1}, False),
        ("/health", {"parts.queue": None}, True),
        ("/health", {"parts.mail": None}, False),
        ("/health", {"status.deeper": "ok"}, False),
        ("/health", {"parts": {"queue": None, "db": True}}, True),
        ("/portal", {"status": "ok"}, False),
        ("/json/[]", {"status": "ok"}, False),
        ("/json/nonsense", {"status": "ok"}, False),
    ],
)
def test_a_body_holds_what_is_wanted_exactly(
    application: Application, path: str, wanted: dict[str, object], holds: bool
) -> None:
    answer = asked(application[0], path, json=wanted)
    assert (answer.ok, answer.error) == (holds, None if holds else "the body is not as expected")


def test_a_body_without_an_end_is_not_read_to_it(application: Application) -> None:
    assert asked(application[0], "/endless").ok
    assert not asked(application[0], "/endless", json={"status": "ok"}).ok


def test_a_path_can_not_lead_to_another_server(application: Application) -> None:
    url, seen = application
    assert asked(url, "//other.example.com/portal").status == 404
    assert [path.lstrip("/") for path, _ in seen] == ["other.example.com/portal"]


def test_a_closed_port_is_no_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    answer = asked(f"http://127.0.0.1:{port}", "/")
    assert (answer.ok, answer.status) == (False, None)
    assert answer.error == "no connection: it is refused, so nothing listens there"


def test_a_server_that_never_answers_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        answer = asked(f"http://127.0.0.1:{server.getsockname()[1]}", "/", timeout=0.2)
    assert (answer.status, answer.error) == (None, "no answer in time")


def test_a_server_that_speaks_otherwise_is_told_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_say_something_else, args=(server,), daemon=True)
        thread.start()
        answer = asked(f"http://127.0.0.1:{server.getsockname()[1]}", "/")
        thread.join(10)
    assert (answer.status, answer.error) == (None, "an answer that is not HTTP")


def _say_something_else(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")


def test_a_name_that_nobody_has_is_no_connection() -> None:
    answer = asked("http://nobody.invalid", "/")
    assert answer.error is not None
    assert not answer.ok
