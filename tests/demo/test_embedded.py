"""The embedded host behind the same session as a real one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rolloutctl.demo import server
from rolloutctl.errors import Unfit, Unreachable
from rolloutctl.outside import embedded
from rolloutctl.outside.opening import open_session
from rolloutctl.rules.config import Host

_DEMO = Host(name="demo", address="demo", connection="embedded")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("ROLLOUTCTL_DEMO", str(tmp_path / "demo"))
    embedded.stop()
    yield tmp_path / "demo"
    embedded.stop()


def test_a_session_finds_the_application_and_its_state_in_the_folder(folder: Path) -> None:
    session = open_session(_DEMO, lambda _: None)
    try:
        state = session.look(content=True, records=5)
    finally:
        session.close()
    assert session.host.app == str(folder / "app")
    assert session.host.state_dir == str(folder / "state")
    assert "FEATURE_CUSTOMER_PORTAL=false" in str((folder / "app/.env").read_text())
    assert state is not None


def test_a_server_that_runs_no_commands_is_told_as_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server._Gate, "check_channel_exec_request", lambda *_: False)
    session = open_session(_DEMO, lambda _: None)
    try:
        with pytest.raises(Unfit, match="does not run commands"):
            _ = session.hello
    finally:
        session.close()


def test_a_host_is_started_once_in_a_process(folder: Path) -> None:
    one, again = embedded.settled(_DEMO), embedded.settled(_DEMO)
    assert one == again == embedded.settled(one)
    assert one.known_hosts[0].startswith("SHA256:")


def test_hosts_of_other_names_have_folders_of_their_own(folder: Path) -> None:
    second = Host(name="web-2", address="web-2", connection="embedded")
    assert embedded.settled(second).app == str(folder / "hosts/web-2/app")
    assert embedded.settled(second).port != embedded.settled(_DEMO).port


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ROLLOUTCTL_DEMO", str(tmp_path / "file/demo"))
    embedded.stop()
    with pytest.raises(Unreachable) as caught:
        embedded.settled(_DEMO)
    assert str(tmp_path / "file/demo") in caught.value.hint


def test_what_a_rollout_asks_of_a_host_the_demo_can_be_asked_too(folder: Path) -> None:
    session = open_session(_DEMO, lambda _: None)
    try:
        session.look(content=True)
        written = session.append({"event": "sign-off", "flag": "customer_portal", "role": "qa"})
        found = session.records_of("customer_portal")
        ran = session.run("pwd; grep APP_KEY .env; exit 3", 10)
    finally:
        session.close()
    assert [(event.kind, event.text(0)) for event in written] == [("record", record.line) for record in found]
    assert (ran.status, ran.output.splitlines()[0], ran.shown) == (
        3,
        str(folder / "app"),
        f"{folder / 'app'}\nAPP_KEY=•••",
    )
