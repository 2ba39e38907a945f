"""Setting out for hosts before the command line is read: only where its first words leave no doubt."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from rolloutctl.cli.invocation import Invocation
from rolloutctl.cli.main import run
from rolloutctl.cli.setting_out import set_out
from tests.cli.shell import Shell

HOSTS = """\
version: 1
flags:
  portal: {{}}
environments:
  lab: {{app: /srv/app, steps: [], hosts: [{{name: web-1, address: 127.0.0.1, port: {port}, user: deploy}}]}}
  live:
    {{app: /srv/app, protected: true, steps: [], hosts: [{{name: web-2, address: 127.0.0.1, port: {port}, user: ana}}]}}
"""
NOWHERE = [
    (),
    ("--help",),
    ("toggle", "lab", "portal", "true", "--help"),
    ("toggle", "lab", "portal", "perhaps"),
    ("toggle", "lab", "nothing", "true"),
    ("toggle", "lab", "portal"),
    ("toggle", "--reason", "lab", "portal", "true"),
    ("toggle", "nowhere", "portal", "true"),
    ("toggle", "live", "portal", "true"),
    ("toggle", "live", "portal", "true", "--reason", ""),
    ("status", "nowhere"),
    ("status", "lab", "-h"),
    ("rollback", "nowhere"),
    ("rollback", "--flag", "lab"),
    ("rollback", "lab", "--code"),
    ("schema", "lab"),
]
SOMEWHERE = [
    ("toggle", "lab", "portal", "true"),
    ("toggle", "lab", "portal", "false", "--yes"),
    ("toggle", "live", "portal", "false"),
    ("toggle", "live", "portal", "true", "--confirm=live", "--reason", "a pilot"),
    ("status",),
    ("status", "--check", "lab", "--json"),
    ("rollback",),
    ("rollback", "lab", "--yes"),
]


class Server:
    """Hears who comes, and says nothing."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.met = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with suppress(OSError):  # nobody came
            self._listener.accept()[0].close()
            self.met.set()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    yield found
    found.close()


@pytest.fixture
def config(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    path = tmp_path / "environments.yaml"
    path.write_text(HOSTS.format(port=server.port), encoding="utf-8")
    monkeypatch.setenv("HOME", str(tmp_path))
    return "--config", str(path)


@pytest.mark.parametrize("words", SOMEWHERE, ids=" ".join)
def test_where_the_words_are_sure_a_host_is_dialed_at_once(
    config: tuple[str, str], server: Server, words: tuple[str, ...]
) -> None:
    departure = set_out((*config, *words))
    assert departure is not None
    assert departure.config == Path(config[1])
    assert server.met.wait(10)


@pytest.mark.parametrize("words", NOWHERE, ids=" ".join)
def test_where_there_is_any_doubt_nobody_sets_out(config: tuple[str, str], words: tuple[str, ...]) -> None:
    assert set_out((*config, *words)) is None


def test_what_nobody_thought_of_is_told_in_words_all_the_same(shell: Shell) -> None:
    shell.configuration = Path("~nobody-of-this-name/environments.yaml")
    ran = shell.run("status", "--json")
    assert ran.status == 1
    assert ran.document["error"]["code"]
    assert "Traceback" not in ran.err


def test_no_more_hosts_are_dialed_at_once_than_a_jump_host_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        listener.settimeout(30)
        port = listener.getsockname()[1]
        host = {"address": "127.0.0.1", "port": port, "user": "deploy"}
        hosts = [{**host, "name": f"web-{number}", "app": f"/srv/{number}"} for number in range(30)]
        path = tmp_path / "environments.yaml"
        document = {"version": 1, "flags": {"portal": {}}, "environments": {"lab": {"steps": [], "hosts": hosts}}}
        path.write_text(yaml.safe_dump(document))
        departure = set_out(("--config", str(path), "status"))
        assert departure is not None
        lab = departure.configuration.environment("lab")
        departure.sessions.set_out([lab], departure.configuration.flags.values(), content=False)
        lines = [listener.accept() for _ in range(10)]
        listener.settimeout(1)
        with suppress(TimeoutError):
            lines.append(listener.accept())
        for line, _ in lines:
            line.close()
    assert len(lines) == 10


@pytest.mark.parametrize("text", ["version: 1\nflags: {", "version: 2\n", None], ids=["torn", "wrong", "not there"])
def test_what_is_wrong_with_the_configuration_is_told_by_the_command(tmp_path: Path, text: str | None) -> None:
    shell = Shell(tmp_path, text or "")
    if text is None:
        shell.configuration.unlink()
    assert set_out(("--config", str(shell.configuration), "status")) is None
    ran = shell.run("status")
    assert ran.status == 2
    assert "environments.yaml" in ran.err
    assert "Traceback" not in ran.err


def test_an_interruption_meanwhile_is_the_command_s(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(Invocation(("status",), interrupted=True)) == 3
    said = capsys.readouterr()
    assert (said.out, said.err.splitlines()[0]) == ("", "✗ Interrupted.")
