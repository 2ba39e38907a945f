"""A second Ctrl-C leaves long work at once: what goes on is told, and the record of the ending is owed."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest
from msgspec.structs import replace

from rolloutctl.contracts import Session
from rolloutctl.errors import PersonNeeded
from rolloutctl.outside.opening import open_session
from rolloutctl.outside.task_runner import TaskRunner
from rolloutctl.outside.yaml_file import load
from rolloutctl.rules.config import Environment, Host
from rolloutctl.rules.deploy_plans import DeployPlan
from rolloutctl.rules.host import Event
from rolloutctl.rules.tasks import Task
from rolloutctl.workflows import deploy, run_task
from rolloutctl.workflows.status import status
from tests.cli.deploy_play import wait_until
from tests.workflows.conftest import PAIR, Pair

WAIT = "touch ../waits; n=0; until [ -e ../go ] || [ $n = 300 ]; do sleep 0.1; n=$((n+1)); done; touch ../ended"
LONG = f"""\
  works:
    connection: embedded
    hosts: [web-1]
    deploy:
      steps:
        - {{name: wait, run: "{WAIT}"}}
        - {{name: next, run: touch ../next}}
  here:
    connection: local
    app: HOST/app
    state_dir: HOST/local
    deploy: {{steps: [{{name: wait, run: "{WAIT}"}}]}}
tasks:
  copy: {{run: "{WAIT}", environments: [works]}}
"""


class Desk:
    """Agrees to everything."""

    def show(self, *_what: object) -> None:
        """It is known."""

    def agrees(self, *_what: DeployPlan | Task | Environment) -> bool:
        return True

    def notice(self, host: str, event: Event) -> None:
        """Nobody looks."""


@pytest.fixture
def works(pair: Pair) -> Pair:
    path = pair.folder / "environments.yaml"
    path.write_text(PAIR + LONG.replace("HOST", str(pair.folder / "demo/hosts/web-1")))
    pair.tools = replace(pair.tools, configuration=load(path, {}))
    return pair


def test_a_deployment_is_left_in_the_step_that_runs_and_no_other_begins(works: Pair) -> None:
    host = works.folder / "demo/hosts/web-1"
    with interrupts(host / "waits"):
        done = deploy.deploy(deploy.Request("works"), works.tools, Desk())
    assert not (host / "go").exists()
    error = done.error
    assert isinstance(error, PersonNeeded)
    assert error.message == "You left the deployment in the step 'wait', while web-1 was at work."
    assert "; 'wait' may still run there, to its end." in error.state
    assert "A widening" not in error.state
    assert error.hint == "See how it stands, then the same again: rolloutctl deploy works"
    assert at_work(works) == "tester@example.com (deployment"

    (host / "go").touch()
    wait_until(lambda: at_work(works) == "")
    assert ((host / "ended").exists(), (host / "next").exists()) == (True, False)
    assert works.switch("bulk_export", on=True, environment="works").error is None
    said = [record.data["action"] for record in works.log("web-1") if record.event == "deploy"]
    assert said == ["started", "failed"]


def test_a_task_is_left_to_itself(works: Pair) -> None:
    host = works.folder / "demo/hosts/web-1"
    with interrupts(host / "waits"):
        done = run_task.run_task(run_task.Request("works", "copy"), works.tools, Desk(), TaskRunner(works.folder))
    assert done.error is not None
    assert done.error.message == "The task copy failed on web-1: it was left to itself by you."
    assert done.error.state == "It goes on there, to its end or its time limit."
    (host / "go").touch()
    wait_until(lambda: at_work(works) == "")
    assert (host / "ended").exists()


def test_a_third_ctrl_c_meanwhile_changes_nothing_of_that(works: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    host = works.folder / "demo/hosts/web-1"
    with interrupts(host / "waits", 3) as pressed:

        def open_one(where: Host, progress: Callable[[Event], None]) -> Session:
            session = open_session(where, progress)
            close = session.close

            def close_late() -> None:
                wait_until(lambda: len(pressed) == 3)
                close()

            monkeypatch.setattr(session, "close", close_late)
            return session

        done = deploy.deploy(deploy.Request("works"), replace(works.tools, sessions=open_one), Desk())
    assert done.error is not None
    assert done.error.message == "You left the deployment in the step 'wait', while web-1 was at work."
    assert any("has not recorded how it ended" in note for note in done.notes)
    (host / "go").touch()
    wait_until(lambda: at_work(works) == "")


def test_on_this_machine_nobody_waits_for_the_step_either(works: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    assert at_work(works) == ""  # that sets the host up
    host = works.folder / "demo/hosts/web-1"
    monkeypatch.setenv("PATH", f"{host}/bin:{os.environ['PATH']}")
    with interrupts(host / "waits") as pressed:
        done = deploy.deploy(deploy.Request("here"), works.tools, Desk())
    assert time.monotonic() - pressed[-1] < 15  # it was 20 s and more
    assert not (host / "ended").exists()
    (host / "go").touch()
    wait_until((host / "ended").exists)
    wait_until(lambda: all(thread.name != "parting" for thread in threading.enumerate()))
    assert done.error is not None
    assert done.error.message == "You left the deployment in the step 'wait', while localhost was at work."


def at_work(works: Pair) -> str:
    """Who is at work there."""
    (found,) = status([works.tools.configuration.environment("works")], (), works.tools)
    state = found.hosts[0].state
    return str(state.working).partition(", since")[0] if state and state.working else ""


@contextmanager
def interrupts(waits: Path, presses: int = 2) -> Iterator[list[float]]:
    """Ctrl-C once that file is there, again while hosts are waited for anew, a third time while they are left behind.

    When each of them was heard.
    """
    heard: list[float] = []
    main = threading.get_ident()

    def hear(number: int, frame: FrameType | None) -> None:
        heard.append(time.monotonic())
        signal.default_int_handler(number, frame)

    def waited_for(count: int) -> bool:
        frame, names = sys._current_frames().get(main), list[str]()
        while frame is not None:
            names.append(frame.f_code.co_name)
            frame = frame.f_back
        return {"wait_for", "_finish"} <= set(names) and ("_leave_behind" in names) == (count == 2)

    def press() -> None:
        for count in range(presses):
            wait_until(lambda: waits.exists() and len(heard) == count and waited_for(count))  # noqa: B023 - called at once
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, hear)
    presser = threading.Thread(target=press)
    presser.start()
    try:
        yield heard
    finally:
        presser.join()
        signal.signal(signal.SIGINT, before)
    assert len(heard) == presses
