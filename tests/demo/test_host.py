"""The embedded host's folder, its application and its stand-ins, seen as a person and a visitor see them."""

from __future__ import annotations

import http.client
import json
import multiprocessing
import shlex
import stat
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import paramiko
import pytest

from rolloutctl.demo import configuration
from rolloutctl.demo.host import EmbeddedHost, default_folder
from tests.demo import ssh

_FLAG = "FEATURE_CUSTOMER_PORTAL"
_LIST = "FEATURE_CUSTOMER_PORTAL_TEST_COMPANIES"
_PATHS = ("/health", "/portal", "/admin/login", "/api/ping", "/features/bulk_export", "/nothing")


def test_a_new_host_is_well_and_shows_nobody_the_portal(shared: EmbeddedHost) -> None:
    answers = {path: _visit(shared, path) for path in _PATHS}
    absent = (404, {"error": "not found"})
    assert answers == dict.fromkeys(_PATHS, absent) | dict.fromkeys(
        ("/health", "/admin/login", "/api/ping"), (200, {"status": "ok"})
    )


@pytest.mark.parametrize(
    ("flag", "companies", "seen_by"),
    [
        ("true", "", ("nobody's", "42", "7")),
        ("true", "15,42", ("42",)),
        ("false", "15,42", ()),
        ("off", "", ("nobody's", "42", "7")),  # to Laravel a text, and true
        ("0", "", ()),
    ],
)
def test_the_portal_opens_as_laravel_reads_the_flag(
    embedded: EmbeddedHost, flag: str, companies: str, seen_by: tuple[str, ...]
) -> None:
    _edit(embedded, f"{_FLAG}=false", f"{_FLAG}={flag}")
    _edit(embedded, f"{_LIST}=", f"{_LIST}={companies}")
    _artisan_and_restart(embedded)
    visitors = {"nobody's": None, "42": "42", "7": "7"}
    answers = {name: _visit(embedded, "/portal", company)[0] for name, company in visitors.items()}
    assert answers == {name: 200 if name in seen_by else 404 for name in visitors}


def test_an_edit_is_seen_only_after_the_cache_is_rebuilt_and_php_restarted(embedded: EmbeddedHost) -> None:
    _visit(embedded, "/portal")
    _edit(embedded, f"{_FLAG}=false", f"{_FLAG}=true")
    assert _visit(embedded, "/portal")[0] == 404
    with ssh.connect(embedded) as client:
        assert ssh.run(client, f"cd {embedded.app} && php artisan config:cache").status == 0
        assert _visit(embedded, "/portal")[0] == 404
        assert ssh.run(client, "sudo -n systemctl restart php8.2-fpm") == (0, b"", b"")
    assert _visit(embedded, "/portal")[0] == 200


def test_without_a_cache_an_edit_is_seen_at_once(embedded: EmbeddedHost) -> None:
    (embedded.app / configuration.CACHE).unlink()
    _edit(embedded, f"{_FLAG}=false", f"{_FLAG}=true")
    assert _visit(embedded, "/portal")[0] == 200
    _edit(embedded, f"{_LIST}=", f"{_LIST}=15, 42")
    assert _visit(embedded, "/health")[0] == 500


def test_a_variable_of_the_process_beats_the_file_and_builds_aside(embedded: EmbeddedHost, tmp_path: Path) -> None:
    cache = embedded.app / configuration.CACHE
    live = cache.read_bytes()
    with ssh.connect(embedded) as client:
        build = (
            f"cd {embedded.app} && {_FLAG}=true {_LIST}=15 APP_CONFIG_CACHE={tmp_path}/aside php artisan config:cache"
        )
        assert ssh.run(client, build).status == 0
    assert configuration.read(tmp_path / "aside")["features"] == {
        "customer_portal": True,
        "customer_portal_test_companies": [15],
    }
    assert cache.read_bytes() == live


def test_a_malformed_file_ends_artisan_in_laravels_words_and_leaves_no_cache(embedded: EmbeddedHost) -> None:
    _edit(embedded, f"{_LIST}=", f"{_LIST}=15, 42")
    with ssh.connect(embedded) as client:
        ended = ssh.run(client, f"cd {embedded.app} && php artisan config:cache")
    assert ended.status == 1
    assert ended.stderr.decode() == (
        "The environment file is invalid!\n"
        "Failed to parse dotenv file. Encountered unexpected whitespace at [15, 42].\n"
    )
    assert not (embedded.app / configuration.CACHE).exists()


def test_each_switch_in_break_breaks_what_it_names(embedded: EmbeddedHost) -> None:
    broken = embedded.folder / "break"
    restart = "sudo -n systemctl restart php8.2-fpm"
    (broken / "artisan").write_text("no artisan\n")
    (broken / "restart").write_text("no restart\n")
    (broken / "health").touch()
    with ssh.connect(embedded) as client:
        built = ssh.run(client, f"cd {embedded.app} && php artisan config:cache")
        assert (built.status, built.stderr) == (1, b"no artisan\n")
        assert ssh.run(client, restart) == (1, b"", b"no restart\n")
        assert _visit(embedded, "/health")[0] == 500
        (broken / "restart").rename(broken / "restart-once")
        assert [ssh.run(client, restart).status for _ in range(2)] == [1, 0]
    (broken / "health").rename(broken / "health-on")
    assert _visit(embedded, "/health")[0] == 200
    _edit(embedded, f"{_FLAG}=false", f"{_FLAG}=true")
    assert _visit(embedded, "/health")[0] == 500


def test_the_stand_ins_refuse_what_they_do_not_know(client: paramiko.SSHClient) -> None:
    assert ssh.run(client, "sudo -n systemctl restart nginx").status == 5
    assert ssh.run(client, "sudo -n systemctl stop php8.2-fpm").status == 1
    assert ssh.run(client, "sudo -n -l no-such-command").status == 1
    assert ssh.run(client, "php -r 'echo 1;'").status == 1
    assert ssh.run(client, "php artisan config:cache").status == 1  # not in the application's folder


def test_sudo_says_that_everything_is_allowed(shared: EmbeddedHost, client: paramiko.SSHClient) -> None:
    systemctl = f"{shared.folder}/bin/systemctl restart php8.2-fpm\n"
    assert ssh.run(client, "sudo -n -l systemctl restart php8.2-fpm") == (0, systemctl.encode(), b"")
    assert b"NOPASSWD: ALL" in ssh.run(client, "sudo -n -l").stdout


def test_the_stand_in_php_is_up_fast(client: paramiko.SSHClient) -> None:
    def seconds() -> float:
        begun = time.monotonic()
        assert ssh.run(client, "php -v").status == 0
        return time.monotonic() - begun

    assert min(seconds() for _ in range(10)) < 0.2  # 0.03 on a machine that is not busy


def test_what_is_secret_is_for_the_owner_alone(shared: EmbeddedHost) -> None:
    modes = {
        str(path.relative_to(shared.folder)): stat.S_IMODE(path.stat().st_mode)
        for path in (shared.folder, *shared.folder.glob("*"), *shared.folder.glob("keys/*"))
    }
    folders = dict.fromkeys((".", "app", "bin", "break", "home", "keys", "running", "state"), 0o700)
    assert modes == folders | dict.fromkeys(("keys/client", "keys/host"), 0o600)


def test_the_folder_stays_between_two_starts(tmp_path: Path) -> None:
    with EmbeddedHost(tmp_path / "demo") as host:
        _edit(host, f"{_FLAG}=false", f"{_FLAG}=true")
        _artisan_and_restart(host)
        before = (host.fingerprint, (host.app / ".env").read_bytes())
    with EmbeddedHost(tmp_path / "demo") as host:
        assert (host.fingerprint, (host.app / ".env").read_bytes()) == before
        assert _visit(host, "/portal")[0] == 200


def test_an_application_that_was_thrown_away_is_made_anew(tmp_path: Path) -> None:
    folder = tmp_path / "a folder with blanks" / "demo's"
    with EmbeddedHost(folder) as host:
        secret = (host.app / ".env").read_text()
        host.app.rename(tmp_path / "away")
    with EmbeddedHost(folder) as host:
        assert (host.app / ".env").read_text() != secret
        _artisan_and_restart(host)
        assert _visit(host, "/health")[0] == 200


def test_processes_that_start_at_once_on_one_new_folder_share_one_host(tmp_path: Path) -> None:
    folders = [tmp_path / str(number) / "demo" for number in range(5)]
    with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("spawn")) as pool:
        seen = list(pool.map(_start_and_look, [folder for folder in folders for _ in range(4)]))
    assert [len(set(seen[at : at + 4])) for at in range(0, 20, 4)] == [1] * 5
    assert [sorted(path.name for path in folder.iterdir() if path.name.startswith(".")) for folder in folders] == [
        []
    ] * 5


def test_the_state_folder_of_the_user_holds_the_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ROLLOUTCTL_DEMO", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", "relative/is/ignored")
    assert default_folder() == tmp_path / ".local/state/rolloutctl/demo"
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert default_folder() == tmp_path / "state/rolloutctl/demo"
    monkeypatch.setenv("ROLLOUTCTL_DEMO", str(tmp_path / "mine"))
    assert default_folder() == tmp_path / "mine"


def _start_and_look(folder: Path) -> tuple[str, bytes, int]:
    with EmbeddedHost(folder) as host:
        with ssh.connect(host) as client:
            assert ssh.run(client, "php -v").status == 0
        return host.fingerprint, (host.app / ".env").read_bytes(), _visit(host, "/health")[0]


def _visit(host: EmbeddedHost, path: str, company: str | None = None) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", host.web_port, timeout=10)
    connection.request("GET", path, headers={} if company is None else {"X-Company": company})
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    return answer.status, body


def _edit(host: EmbeddedHost, before: str, after: str) -> None:
    env = host.app / ".env"
    lines = env.read_text().split("\n")
    lines[lines.index(before)] = after
    env.write_text("\n".join(lines))


def _artisan_and_restart(host: EmbeddedHost) -> None:
    with ssh.connect(host) as client:
        script = f"cd {shlex.quote(str(host.app))} && php artisan config:cache && sudo -n systemctl restart php8.2-fpm"
        ended = ssh.run(client, script)
        assert (ended.status, ended.stderr) == (0, b"")
