"""Instant queries against a server that answers as Prometheus does, and otherwise."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from rolloutctl.outside.prometheus import ask_prometheus
from rolloutctl.rules.metrics import FromPrometheus

QUERY = 'sum(rate(errors_total{job="api"}[5m]))'


@contextmanager
def server(status: int, body: str) -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{found.server_port}/", asked
        found.shutdown()


def vector(*values: str) -> str:
    result = [{"metric": {}, "value": [1763974800.1, value]} for value in values]
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}})


def test_the_number_of_a_query() -> None:
    with server(200, vector("0.25")) as (url, asked):
        assert ask_prometheus(FromPrometheus(url=url, query=QUERY), 5) == (0.25, "")
    assert urlsplit(asked[0]).path == "/api/v1/query"
    assert parse_qs(urlsplit(asked[0]).query) == {"query": [QUERY]}


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, vector(), "the query yields nothing"),
        (200, vector("1", "2"), "the query yields 2 series, and not one"),
        (200, vector("many"), "its answer holds no number"),
        (200, '{"data":{"resultType":"matrix","result":[]}}', "its answer is no vector and no scalar"),
        (200, "password=hunter2", "its answer is no vector and no scalar"),
        (500, "secret", "it answers 500"),
        (302, "", "it answers 302"),
    ],
)
def test_anything_else_is_no_number_and_not_repeated(status: int, body: str, said: str) -> None:
    with server(status, body) as (url, _):
        assert ask_prometheus(FromPrometheus(url=url, query=QUERY), 5) == (None, said)


def test_a_scalar_is_a_number_too() -> None:
    with server(200, '{"data":{"resultType":"scalar","result":[1763974800.1,"7"]}}') as (url, _):
        assert ask_prometheus(FromPrometheus(url=url, query="7"), 5) == (7.0, "")


def test_a_server_that_is_not_there() -> None:
    value, said = ask_prometheus(FromPrometheus(url="http://127.0.0.1:1", query=QUERY), 2)
    assert (value, said) == (None, "no answer: ConnectError")
