"""Who makes a change, and where the operator's machine remembers."""

from __future__ import annotations

from pathlib import Path

import pytest

from rolloutctl.cli.wiring import actor
from rolloutctl.outside.places import state_folder


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({"ROLLOUTCTL_ACTOR": "me", "GITHUB_ACTOR": "octocat"}, "me"),
        ({"GITHUB_ACTOR": "octocat", "GITLAB_USER_LOGIN": "fox"}, "octocat"),
        ({"GITLAB_USER_LOGIN": "fox"}, "fox"),
    ],
)
def test_the_actor_is_who_was_named_then_who_started_the_job(environ: dict[str, str], found: str) -> None:
    assert actor(environ) == found


def test_the_actor_is_else_gits_address_and_else_the_login_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("LOGNAME", "deploy")
    assert actor({}) == "deploy"
    (tmp_path / ".gitconfig").write_text("[user]\n\temail = dev@example.com\n")
    assert actor({}) == "dev@example.com"


def test_the_state_is_below_xdg_state_home_when_that_is_absolute() -> None:
    assert state_folder({"XDG_STATE_HOME": "/var/lib/me"}) == Path("/var/lib/me/rolloutctl")
    assert state_folder({"XDG_STATE_HOME": "state"}) == Path.home() / ".local/state/rolloutctl"
