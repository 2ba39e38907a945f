"""Long work on a host, under each shell: one at a time, told while it runs, and over with whoever did it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from rolloutctl.errors import Unreachable
from rolloutctl.outside import embedded
from rolloutctl.outside.opening import open_session
from rolloutctl.outside.session import RemoteSession
from rolloutctl.rules.config import Host
from rolloutctl.rules.deploy_plans import DeployPlan, Facts, HostDeploy, staging_work
from rolloutctl.rules.host import Event
from tests.fakes import FLAG, PRODUCTION
from tests.lab.processes import wait_until
from tests.outside.machines import SECRET, SHELLS, Machine, installed, machine_in
from tests.outside.test_appending import locked

USUAL = next(shell for shell in SHELLS if installed(shell))
NOTHING = DeployPlan(id="x", environment=PRODUCTION, ref="", release="", steps=(), hosts=(), flags=(FLAG,))
WHO = {"actor": "anna", "what": "deployment"}


@pytest.fixture(params=[shell for shell in SHELLS if installed(shell)])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machine]:
    machine = machine_in(tmp_path, request.param)
    yield machine
    machine.leave()


@pytest.fixture
def usual(tmp_path: Path) -> Iterator[Machine]:
    machine = machine_in(tmp_path, USUAL)
    yield machine
    machine.leave()


def entered(session: RemoteSession) -> list[str]:
    session.open()
    return [" ".join(event.texts[:1]) or event.kind for event in session.long_work.enter(WHO, 1.0)]


def at_work(machine: Machine) -> str:
    return str(machine.session().look(content=False).working or "")


def in_vain(session: RemoteSession, line: str) -> None:
    """Begin a step whose end nobody will hear of."""

    def step() -> None:
        with suppress(Unreachable):
            session.long_work.step("s", line, 30)

    threading.Thread(target=step, daemon=True).start()


def test_one_is_at_work_and_what_a_step_says_is_told_meanwhile(machine: Machine) -> None:
    session = machine.session(content=True)
    assert entered(session) == ["entered"]
    assert at_work(machine) == "anna (deployment)"
    assert entered(machine.session()) == ["working"]
    line = "echo one; grep SECRET .env; until [ -e told ]; do sleep 0.1; done; printf end; exit 3"
    (machine.app / ".env").write_text(f"SECRET={SECRET}\n")
    session.look(content=True)

    def hear(event: Event) -> None:
        if event.kind == "said":
            (machine.app / "told").touch()

    machine.hear = hear
    answers = session.long_work.step('a "step"', line, 30)
    assert [event.kind for event in answers] == ["step", "said", "step"]
    assert answers[1].text(0) == "one\nSECRET=•••"
    assert answers[2].texts[:3] == ('a \\"step\\"', "ended", "3")
    assert answers[2].text(4) == "one\nSECRET=•••\nend"
    assert [event.kind for event in session.long_work.leave()] == ["left"]
    assert at_work(machine) == ""
    assert [event.kind for event in session.long_work.step("late", "touch late", 5)] == []
    assert not (machine.app / "late").exists()


def test_of_much_output_the_newest_is_told_and_no_line_is_half(machine: Machine) -> None:
    session = machine.session(content=True)
    entered(session)
    answers = session.long_work.step("much", "seq 1 9000; sleep 1.3; echo over", 30)
    told = "\n".join(event.text(0) for event in answers if event.kind == "said").splitlines()
    assert told[-1] in {"9000", "over"}
    assert all(len(line) == 4 for line in told if line.isdigit())


def test_a_step_has_its_time_and_no_more(machine: Machine) -> None:
    session = machine.session()
    entered(session)
    answers = session.long_work.step("slow", "sleep 60 & sleep 60", 1)
    assert answers[-1].texts[1:3] == ("ended", "124")


def test_a_lock_that_is_held_is_waited_for_and_no_longer(usual: Machine) -> None:
    session = usual.session()
    session.open()
    with locked(usual.log.with_name("lock")):
        assert [event.kind for event in session.long_work.enter(WHO, 1.0)] == ["busy"]
    assert entered(session) == ["entered"]


def test_when_the_client_goes_the_step_ends_by_itself_and_the_sign_is_gone(usual: Machine) -> None:
    session = usual.session()
    entered(session)
    line = "touch begun; until [ -e go ]; do sleep 0.1; done; touch ended"
    in_vain(session, line)
    wait_until((usual.app / "begun").exists, "the step has begun")
    leaving = threading.Thread(target=session.close)
    leaving.start()
    assert at_work(usual) == "anna (deployment)"
    (usual.app / "go").touch()
    wait_until((usual.app / "ended").exists, "the step has ended")
    wait_until(lambda: at_work(usual) == "", "nobody is at work")
    leaving.join()


def test_a_step_whose_session_was_killed_still_counts_until_it_ends(usual: Machine) -> None:
    session = usual.session()
    entered(session)
    line = "touch begun; until [ -e go ]; do sleep 0.1; done"
    in_vain(session, line)
    wait_until((usual.app / "begun").exists, "the step has begun")
    os.kill(int(usual.log.with_name("work").read_text().split()[0]), signal.SIGKILL)
    assert entered(usual.session()) == ["working"]
    (usual.app / "go").touch()
    wait_until(lambda: at_work(usual) == "", "nobody is at work")
    assert entered(usual.session()) == ["entered"]


def test_a_cache_is_swapped_in_only_while_env_and_the_live_one_are_those_that_the_build_saw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLLOUTCTL_DEMO", str(tmp_path))
    session = open_session(Host(name="demo", address="demo", connection="embedded"), lambda _event: None)
    session.prime(PRODUCTION, [FLAG])
    state = session.look(content=True)
    assert state.content is not None
    session.prepare(staging_work(NOTHING, HostDeploy(state=state, facts=Facts(), new_env=state.content)))
    assert entered(session) == ["entered"]
    work, env, cache = session.long_work, tmp_path / "app/.env", tmp_path / "app/bootstrap/cache/config.php"

    def swapped(meanwhile: Callable[[], object]) -> list[tuple[str, ...]]:
        assert [event.kind for event in work.build(60)] == ["proof", "difference"]
        meanwhile()
        return [(event.kind, *event.texts[:1]) for event in work.swap(5)]

    assert swapped(lambda: None) == [("swapped",)]
    built = cache.read_bytes()
    assert swapped(lambda: env.write_text(env.read_text() + "A=1\n")) == [("drift", "env")]
    assert swapped(lambda: cache.write_bytes(built + b"\n")) == [("drift", "cache")]
    assert cache.read_bytes() == built + b"\n"
    cache.unlink()
    assert [event.kind for event in work.build(60)] == ["proof", "uncached"]
    assert [event.kind for event in work.swap(5)] == []
    session.close()
    embedded.stop()
