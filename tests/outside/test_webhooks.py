"""Webhooks against a real server: what travels, what is tried again, and what no message shows."""

import socket
import threading
import time

import pytest

from rolloutctl.outside import webhooks as ours
from rolloutctl.outside.no_connection import no_connection
from rolloutctl.outside.webhooks import post
from tests.outside.listeners import OK, Answer, Hooked, webhooks

BUSY: Answer = (503, {"Retry-After": "0"}, b"busy")
PATH = "/services/T0/B0/very-secret"


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "_PAUSE", 0.02)


def test_a_document_is_posted_once_as_json() -> None:
    with webhooks(Hooked()) as there:
        assert post(there.url + PATH, {"text": "Grüße"}, headers={"X-Key": "k"}) == ""
    ((path, headers, document),) = there.taken
    assert (path, document, headers["X-Key"]) == (PATH, {"text": "Grüße"}, "k")
    assert headers["Content-Type"] == "application/json; charset=utf-8"


def test_a_server_that_is_busy_is_asked_again_and_no_longer_than_bounded() -> None:
    with webhooks(Hooked([BUSY, (429, {}, b""), OK])) as there:
        assert post(there.url, {}) == ""
    assert len(there.taken) == 3
    with webhooks(Hooked([(500, {}, b"broken")])) as there:
        assert post(there.url, {}) == "it answers 500: broken, after 4 tries"
    assert len(there.taken) == 4


def test_a_wait_that_is_asked_for_is_kept_or_the_try_given_up() -> None:
    begun = time.monotonic()
    with webhooks(Hooked([(429, {"Retry-After": "1"}, b""), OK])) as there:
        assert post(there.url, {}) == ""
    assert time.monotonic() - begun >= 1
    for long in ("3600", "Wed, 21 Oct 2099 07:28:00 GMT"):
        with webhooks(Hooked([(429, {"Retry-After": long}, b"")])) as there:
            said = post(there.url, {})
        assert said.startswith("it answers 429 (it asks to wait")
        assert said.endswith("after 1 try")
        assert len(there.taken) == 1


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((404, {}, b"no_service"), "it answers 404: no_service"),
        ((400, {}, b"<html>a page</html>"), "it answers 400"),
        (
            (302, {"Location": "http://127.0.0.1:1/"}, b""),
            "it answers 302, which leads elsewhere: nothing is sent there",
        ),
        ((403, {}, b"no: " + PATH.encode() + b"\x1b[31m"), "it answers 403: no: •••"),
    ],
)
def test_a_refusal_is_told_at_once_and_without_secrets(answer: Answer, said: str) -> None:
    with webhooks(Hooked([answer])) as there:
        told = post(there.url + PATH, {}, secrets=(there.url + PATH, PATH))
    assert told.removesuffix(" [31m") == said
    assert len(there.taken) == 1


def test_a_server_that_hangs_is_asked_once_and_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "_GRACE", 0.3)
    begun = time.monotonic()
    with webhooks(Hooked(hold=threading.Event())) as there:
        assert post(there.url, {}, patience=0.5) in {
            "no answer in time; whether it was taken is not known",
            "no answer within 0.5 s",
        }
        assert time.monotonic() - begun < 5
        assert len(there.taken) == 1


def test_a_server_that_answers_a_byte_at_a_time_is_left_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "_GRACE", 0.1)
    over = threading.Event()

    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            while not over.wait(0.05):
                try:
                    connection.sendall(b"H" if over.is_set() else b"HTTP/1.1 200 OK\r\nX-A: b"[:1])
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,), daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        assert post(url, {}, patience=0.4) != ""
        over.set()
        thread.join(5)


def test_no_server_and_no_url_are_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    said = post(f"http://127.0.0.1:{port}/", {})
    assert said == "no connection: it is refused, so nothing listens there, after 4 tries"
    assert no_connection(socket.gaierror(-2, "Name or service not known")) == "no connection: no such host"
    assert no_connection(OSError(113, "No route to host")) == "no connection: No route to host"
    assert post("ftp://example.com/", {}) == "not a URL that begins with https:// or http://"
