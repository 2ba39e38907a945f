"""Plays a script on a ground: operators and faults beside each other, then all healed and at rest; keeps a log."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.lab.host import LabHost
from tests.lab.pausing import Pause
from tests.lab.processes import wait_until
from tests.soak.blows import Faults
from tests.soak.ground import Ground, stamp
from tests.soak.script import EXACT, Blow, Order, Script, as_json

_ROOT = Path(__file__).parents[2]
_LONGEST = 150.0  # seconds for one command
_REST = 40.0  # seconds for all to come to rest, once nobody commands any more


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has ended: when it began and ended, by the wall clock, and all that it said."""

    name: str
    operator: int
    words: tuple[str, ...]
    began: float
    ended: float
    status: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Both streams."""
        return self.out + self.err


@dataclass(slots=True)
class Played:
    """What happened in a round."""

    script: Script
    ground: Ground
    ended: list[Ended] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    struck: int = 0  # faults whose moment came
    well: bool = False  # as status says when all has come to rest
    _lines: list[str] = field(default_factory=list)
    _begun: float = field(default_factory=time.monotonic)

    def note(self, text: str) -> None:
        """Write a line of the log, with the time since the round began."""
        self._lines.append(f"{stamp(self._begun)}  {text}")

    @property
    def seconds(self) -> float:
        """Since the round began."""
        return time.monotonic() - self._begun

    def command(self, operator: int, *words: str) -> Ended:
        """Run a command as an operator, when the round is over."""
        return _Operator(self, operator).run(words, f"{operator}-after-{len(self.ended)}")

    def log(self) -> str:
        """The script, all that happened, every word of the clients, the hosts' logs, and what is wrong."""
        logs = [
            f"--- {path}\n{path.read_text(errors='replace')}"
            for host in self.ground.lab.hosts
            for path in host.state_dir.glob("*/*/audit.jsonl")
        ]
        said = [f"--- {each.name} {' '.join(each.words)}: exit {each.status}\n{each.said}" for each in self.ended]
        return "\n".join((self.script.written(), *self._lines, *said, *logs, "PROBLEMS", *self.problems, ""))


def play(script: Script, ground: Ground) -> Played:
    """Play a round, heal everything, and wait until all is at rest."""
    ground.fresh(on=script.on)
    played = Played(script, ground)
    operators = [_Operator(played, number) for number in range(len(script.hosts))]
    faults = Faults(ground, lambda number: operators[number].pid)
    with ExitStack() as stack:
        exact = dict.fromkeys((blow.host, blow.moment) for blow in script.blows if blow.moment in EXACT)
        stops: dict[tuple[str, str], Pause] = {
            (host, moment): stack.enter_context(ground.hosts[host].pause(moment)) for host, moment in exact
        }
        pauses = [stops.get((blow.host, blow.moment)) for blow in script.blows]
        _play(played, operators, faults, pauses)
    faults.heal_all()
    played.note("everything is healed")
    _come_to_rest(played)
    return played


def _play(played: Played, operators: Sequence[_Operator], faults: Faults, pauses: Iterable[Pause | None]) -> None:
    over = threading.Event()
    working = [threading.Thread(target=operator.work) for operator in operators]
    striking = [
        threading.Thread(target=_strike, args=(blow, pause, faults, played, over))
        for blow, pause in zip(played.script.blows, pauses, strict=True)
    ]
    for thread in (*working, *striking):
        thread.start()
    for thread in working:
        thread.join()
    over.set()
    for thread in striking:
        thread.join()


def _come_to_rest(played: Played) -> None:
    try:
        wait_until(lambda: not _at_work(played.ground), "rest", seconds=_REST)
    except TimeoutError:
        left = [process.command[:100] for process in played.ground.lab.leftovers()]
        played.problems.append(f"after {_REST:g} s still at work: {left}")
    played.note("at rest")


def _at_work(ground: Ground) -> bool:
    return bool(ground.lab.leftovers())


class _Operator:
    """One who gives orders, one after the other, each to a client in a process of its own."""

    def __init__(self, played: Played, number: int) -> None:
        self.played = played
        self.number = number
        self.pid = 0
        lab = played.ground.lab
        path = played.ground.configuration(number, played.script.hosts[number])
        self._env = {
            **lab.client_env(),
            "ROLLOUTCTL_ACTOR": f"operator-{number}@example.com",
            "ROLLOUTCTL_CONFIG": str(path),
            "XDG_STATE_HOME": str(lab.client / "state" / str(number)),
            "COLUMNS": "400",
        }

    def work(self) -> None:
        """Give all orders that are this operator's."""
        orders: list[Order] = [order for order in self.played.script.orders if order.operator == self.number]
        for number, order in enumerate(orders):
            time.sleep(order.pause)  # as the script has it; nothing is waited for
            self.run(order.words, f"{self.number}-{number}")

    def run(self, words: tuple[str, ...], name: str) -> Ended:
        """Run a command to its end."""
        changes = words[0] in {"toggle", "rollback"}
        known = ("--yes", "--reason", f"order {name}") if changes else ()
        began = time.time()
        self.played.note(f"{name} begins: {' '.join(words)}")
        client = subprocess.Popen(
            [sys.executable, "-m", "rolloutctl", *words, *known],
            cwd=_ROOT,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self.pid = client.pid
        try:
            out, err = client.communicate(timeout=_LONGEST)
        except subprocess.TimeoutExpired:
            self.played.problems.append(f"{name} did not end within {_LONGEST:g} s: {' '.join(words)}")
            client.kill()
            out, err = client.communicate()
        self.pid = 0
        ended = Ended(name, self.number, words, began, time.time(), client.returncode, out, err)
        self.played.ended.append(ended)
        self.played.note(f"{name} ends: exit {ended.status}")
        return ended


def _strike(blow: Blow, pause: Pause | None, faults: Faults, played: Played, over: threading.Event) -> None:
    try:
        if not _come(blow, pause, faults.ground.hosts[blow.host], over):
            played.note(f"no moment came for: {as_json(blow)}")
            return
        told = faults.strike(blow)
    except Exception as error:  # noqa: BLE001 - a fault that fails is a problem of the round, whichever it is
        played.problems.append(f"a fault could not be done: {as_json(blow)}: {error!r}")
        return
    finally:
        if pause:
            pause.go_on()
    whom = f"operator {blow.operator}" if "client" in blow.kind else blow.host
    played.note(f"{blow.kind} on {whom} ({blow.moment}): {told}")
    played.struck += 1
    over.wait(blow.lasts)
    faults.heal(blow)
    played.note(f"healed: {blow.kind} on {whom}")


def _come(blow: Blow, pause: Pause | None, host: LabHost, over: threading.Event) -> bool:
    """Wait for a blow's moment; False when the round is over before."""
    come = _SEEN.get(blow.moment, _at_once)(host)
    while not (pause.stopped if pause else come()):
        if over.wait(0.004):
            return False
    return not over.wait(blow.after)


def _at_once(_: LabHost) -> Callable[[], bool]:
    return lambda: True


def _begun(host: LabHost) -> Callable[[], bool]:
    return lambda: any(host.state_dir.glob("*/*/change/*/vars"))


def _swapped(host: LabHost) -> Callable[[], bool]:
    before = host.env_path.read_bytes()
    return lambda: host.env_path.read_bytes() != before


def _held(host: LabHost) -> Callable[[], bool]:
    def held() -> bool:
        for path in host.state_dir.glob("*/*/holder"):
            try:
                if "holding" in path.read_text().splitlines()[1:2]:
                    return True
            except OSError:
                continue
        return False

    return held


def _decided(host: LabHost) -> Callable[[], bool]:
    def decisions() -> int:
        logs = host.state_dir.glob("*/*/audit.jsonl")
        return sum(path.read_text(errors="replace").count('"steps":') for path in logs)

    before = decisions()
    return lambda: decisions() > before


_SEEN: dict[str, Callable[[LabHost], Callable[[], bool]]] = {
    "begun": _begun,
    "swapped": _swapped,
    "held": _held,
    "decided": _decided,
}
