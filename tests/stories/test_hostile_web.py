"""A hostile web process: what it plants where it can write is neither followed, nor waited for, nor believed."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.lab.lab import Lab, LabHost
from tests.stories.conftest import Hire
from tests.stories.operator import Operator
from tests.stories.traces import events_of, line_in, until

pytestmark = pytest.mark.lab

WEB = 33  # www-data; the sessions of this lab are nobody's


def as_web(script: str, **names: Path) -> None:
    """What the web process does."""
    words = " ".join(f"{name}='{path}'" for name, path in names.items())
    subprocess.run(
        ["setpriv", f"--reuid={WEB}", f"--regid={WEB}", "--clear-groups", "sh", "-ec", f"{words}\n{script}"],
        check=True,
        timeout=30,
    )


@pytest.fixture
def host(fresh_unprivileged: Lab) -> LabHost:
    """The lab's host, whose web process may write bootstrap/cache and the whole folder of the application."""
    (found,) = fresh_unprivileged.hosts
    for folder in (found.app, found.cache_path.parent):
        folder.chmod(0o777)
    return found


@pytest.fixture
def victim(host: LabHost) -> Path:
    """A file of the session's user that the web process may read, and not write."""
    path = host.folder / "victim"
    path.write_bytes(host.cache_path.read_bytes())
    path.chmod(0o644)
    os.chown(path, 65534, 65534)
    return path


@pytest.fixture
def operator(fresh_unprivileged: Lab, hire: Hire) -> Operator:
    """Nobody may restart php-fpm here, so nothing is asked of it."""

    def without_probes(document: dict[str, Any]) -> None:
        document["flags"]["bulk_export"].pop("probes")

    steps = [{"name": "config cache", "builtin": "config-cache"}]
    return hire(fresh_unprivileged, steps=steps, health=None, edit=without_probes)


@pytest.mark.parametrize("plant", ['ln -s "$VICTIM" "$CACHE"', 'mkfifo -m 666 "$CACHE"', 'mkdir "$CACHE"'], ids=str)
def test_what_is_planted_for_the_config_cache_refuses_a_widening_and_is_never_followed(
    host: LabHost, victim: Path, operator: Operator, plant: str
) -> None:
    before = victim.read_bytes(), victim.stat()
    env = host.env_path.read_bytes()
    as_web(f'rm -f "$CACHE"; {plant}', CACHE=host.cache_path, VICTIM=victim)
    try:
        refused = operator.toggle("bulk_export", True)

        assert refused.exit_status == 3, refused.said
        assert "In the place of the config cache" in refused.said
        assert host.env_path.read_bytes() == env
        assert (victim.read_bytes(), victim.stat().st_mtime_ns) == (before[0], before[1].st_mtime_ns)
    finally:
        as_web('rm -rf "$CACHE"', CACHE=host.cache_path)


def test_a_link_in_the_place_of_env_is_not_followed_and_a_switch_off_names_the_host(
    host: LabHost, victim: Path, operator: Operator
) -> None:
    victim.write_text("FEATURE_BULK_EXPORT=true\n")
    kept = host.env_path.read_bytes()
    as_web('mv "$ENV" "$ENV.kept"; ln -s "$VICTIM" "$ENV"', ENV=host.app / ".env", VICTIM=victim)
    try:
        on, off = operator.toggle("bulk_export", True), operator.toggle("bulk_export", False)
    finally:
        as_web('mv -f "$ENV.kept" "$ENV"', ENV=host.app / ".env")

    assert (on.exit_status, off.exit_status) == (3, 5), on.said + off.said
    assert "a link that another user made" in on.said
    assert "a link that another user made" in off.said
    assert victim.read_text() == "FEATURE_BULK_EXPORT=true\n"
    assert host.env_path.read_bytes() == kept


def forge_change(state: Path) -> None:
    """A change that nobody began, in a folder of the web process's, whose `vars` would be read in as script."""
    folder = state / "change" / "abcd2345"
    folder.mkdir(parents=True)
    (folder / "vars").write_text(f"DIRECTION='narrow'\nAPP='/'\ntouch {state}/pwned\n")
    (folder / "base").write_text('"change":"abcd2345","arbiter":"web-1"}')
    (folder / "env.old").write_text("APP_KEY=forged\n")
    for path in (folder, *folder.iterdir()):
        os.chown(path, WEB, WEB)


FORGERIES: dict[str, Callable[[Path], None]] = {
    "a link": lambda state: (state / "holder").symlink_to("/etc/passwd"),
    "a fifo": lambda state: os.mkfifo(state / "preempt", 0o666),
    "a change": forge_change,
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=list(FORGERIES))
def test_what_somebody_else_put_into_the_state_folder_is_neither_read_nor_put_back(
    host: LabHost, operator: Operator, forge: Callable[[Path], None]
) -> None:
    assert operator.toggle("bulk_export", True).exit_status == 0
    (log,) = host.state_dir.glob("*/*/audit.jsonl")
    state, records = log.parent, events_of(host)
    until(
        lambda: not [*state.glob("rolloutctl.*"), *host.leftovers()], "the end of the session, with its private folder"
    )
    assert [path for path in (state, *state.rglob("*")) if stat.S_IMODE(path.lstat().st_mode) & 0o077] == []
    env = host.env_path.read_bytes()
    forge(state)
    try:
        assert operator.status().reachable
        refused = operator.toggle("bulk_export", False)
    finally:
        for path in (state / "holder", state / "preempt"):
            path.unlink(missing_ok=True)
        subprocess.run(["rm", "-rf", str(state / "change" / "abcd2345")], check=True)

    assert refused.exit_status == 0, refused.said  # the switch-off goes on without the folder, loudly
    assert "belongs to another user" in refused.notes
    assert line_in(host, "FEATURE_BULK_EXPORT") == "false"
    assert env.replace(b"FEATURE_BULK_EXPORT=true", b"FEATURE_BULK_EXPORT=false") == host.env_path.read_bytes()
    assert not (state / "pwned").exists()
    assert events_of(host) == records
