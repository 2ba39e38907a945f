"""The tiny application as its visitors see it: it answers from the configuration that it took at its last restart."""

from __future__ import annotations

import json
import os
import socketserver
import tempfile
import threading
from collections.abc import Mapping
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from rolloutctl.demo import configuration, phpdotenv

Answer = tuple[int, dict[str, Any]]
_OK: Answer = (200, {"status": "ok"})
_ABSENT: Answer = (404, {"error": "not found"})
_ILL: Answer = (500, {"error": "server error"})


class Application:
    """What a host answers to requests, read from its folder each time.

    With a config cache it answers from the copy that the last restart took, as php-fpm with opcache does; without one
    from `.env`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._cache = folder / "app" / configuration.CACHE

    def answer(self, path: str, company: str | None) -> Answer:
        """The status and the body for a path, as a visitor of that company sees it.

        Besides /health, /admin/login, /api/ping and /portal, /features/NAME answers for the flag FEATURE_NAME.
        """
        path = path.partition("?")[0]
        try:
            config = self._config()
        except phpdotenv.InvalidError:
            return _ILL
        if path == "/health" and self._ill(config["features"]):
            return _ILL
        if path in {"/health", "/admin/login", "/api/ping"}:
            return _OK
        name = "customer_portal" if path == "/portal" else path.removeprefix("/features/")
        return _OK if _sees(config["features"], name, company) else _ABSENT

    def _ill(self, features: Mapping[str, Any]) -> bool:
        broken = self._folder / "break"
        on = any(configuration.true(value) for name, value in features.items() if not name.endswith("_companies"))
        return (broken / "health").exists() or (on and (broken / "health-on").exists())

    def _config(self) -> dict[str, Any]:
        if not self._cache.exists():
            return configuration.build(self._folder / "app", {})
        running = self._folder / "running" / "config.php"
        if not running.exists():
            _copy(self._cache, running)  # the first request after a cold start
        return {"features": {}} | configuration.read(running)


class WebServer(socketserver.ThreadingTCPServer):
    """Serves an application on a port of its own on the loopback address, in threads that end with the process."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, application: Application) -> None:
        super().__init__(("127.0.0.1", 0), partial(_Handler, application))
        self.port: int = self.server_address[1]

    def start(self) -> None:
        """Begin to serve."""
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True, name="demo web").start()

    def stop(self) -> None:
        """Serve no more."""
        self.shutdown()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """A visitor who hung up is no news."""


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, application: Application, *arguments: Any) -> None:  # noqa: ANN401 - socketserver's own
        self._application = application
        super().__init__(*arguments)

    def do_GET(self) -> None:
        status, body = self._application.answer(self.path, self.headers.get("X-Company"))
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """The screen is the command's."""


def _sees(features: Mapping[str, Any], name: str, company: str | None) -> bool:
    companies = features.get(f"{name}_test_companies") or []
    return configuration.true(features.get(name)) and (not companies or company in [str(each) for each in companies])


def _copy(source: Path, target: Path) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=target.parent)
    with os.fdopen(descriptor, "wb") as file:
        file.write(source.read_bytes())
    os.replace(temporary, target)
