"""An operator who drives the real workflows against the lab, and remembers every word that was shown."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from rolloutctl.errors import RolloutctlError
from rolloutctl.outside.clock import SystemClock, new_id
from rolloutctl.outside.mirror import FileMirror
from rolloutctl.outside.opening import open_session
from rolloutctl.outside.outsider import ask_outside
from rolloutctl.outside.yaml_file import load
from rolloutctl.rules.host import Event
from rolloutctl.rules.plans import Plan, Wish
from rolloutctl.rules.work import Origin
from rolloutctl.workflows.audit import Verified, verify_logs
from rolloutctl.workflows.confirm import confirm
from rolloutctl.workflows.doctor import Diagnosis, doctor
from rolloutctl.workflows.rollback import Request as Undo
from rolloutctl.workflows.rollback import find, rollback
from rolloutctl.workflows.status import EnvironmentStatus, status
from rolloutctl.workflows.toggle import Request, toggle
from rolloutctl.workflows.tools import Done, Options, Tools
from tests.lab.lab import Lab

NOW = Options()


@dataclass(frozen=True, slots=True)
class Ending:
    """How a command ended: what it returned or raised, with every word of it."""

    done: Done | None = None
    error: RolloutctlError | None = None

    @property
    def exit_status(self) -> int:
        """As DESIGN's table has it."""
        return self.error.exit_status if self.error else 0

    @property
    def result(self) -> str:
        """The word of the JSON answer; what was raised was refused."""
        return self.done.result if self.done else "refused"

    @property
    def hosts(self) -> dict[str, str]:
        """Each host's part in it."""
        return {outcome.name: outcome.result for outcome in self.done.hosts} if self.done else {}

    @property
    def notes(self) -> str:
        """The warnings."""
        return "\n".join(self.done.notes) if self.done else ""

    @property
    def change(self) -> str:
        """The change's id."""
        assert self.done is not None, self.said
        return self.done.plan.change

    @property
    def said(self) -> str:
        """All that a person reads at the end."""
        error = self.error
        words = (error.message, error.subject, error.state, error.hint, *error.details) if error else ()
        return "\n".join((*words, self.notes))


@dataclass(slots=True)
class Desk:
    """A desk that agrees to everything and keeps what it was shown; `on` and `asked` are where a test steps in."""

    shown: list[tuple[Plan, tuple[str, ...]]] = field(default_factory=list)
    events: list[tuple[str, Event]] = field(default_factory=list)
    asked: Callable[[], bool] = lambda: True
    on: dict[tuple[str, str], Callable[[], object]] = field(default_factory=dict)
    faults: list[BaseException] = field(default_factory=list)

    def show(self, plan: Plan, notes: Sequence[str]) -> None:
        self.shown.append((plan, tuple(notes)))

    def agrees(self, _plan: Plan) -> bool:
        return self.asked()

    def notice(self, host: str, event: Event) -> None:
        self.events.append((host, event))
        act = self.on.pop((host, event.kind), None)
        if act is not None:
            act()


class _QuickClock(SystemClock):
    """The real time; waiting takes a tenth of it."""

    def wait(self, seconds: float) -> None:
        super().wait(seconds / 10)


class Operator:
    """Somebody with a terminal, the lab's key and an environments.yaml.

    Args:
        lab: whose hosts the configuration names.
        configuration: the path of environments.yaml.
    """

    def __init__(self, lab: Lab, configuration: Path) -> None:
        self.lab = lab
        self.configuration = configuration
        self.desk = Desk()
        self.endings: list[Ending] = []
        self.seen: list[object] = []
        self.mirror = FileMirror(Path(lab.client_env()["XDG_STATE_HOME"]) / "rolloutctl")
        self.tools = Tools(
            open_session,
            SystemClock(),
            self.mirror,
            ask_outside,
            Origin("tester@example.com", "laptop", "0"),
            load(configuration),
            new_id,
        )

    def known_as(self, name: str) -> Operator:
        """The same operator under another name."""
        self.tools = replace(self.tools, origin=Origin(name, "laptop", "0"))
        return self

    def impatient(self) -> Operator:
        """The same operator, with a tenth of the pauses before a lost host is tried again."""
        self.tools = replace(self.tools, clock=_QuickClock())
        return self

    def toggle(self, flag: str, wish: Wish | bool, options: Options = NOW, environment: str = "lab") -> Ending:
        """Give a flag an audience."""
        wanted = wish if isinstance(wish, Wish) else Wish(wish)
        return self._ending(
            lambda: toggle(Request(environment, flag, wanted, "a story"), options, self.tools, self.desk)
        )

    def rollback(self, request: Undo | None = None, options: Options = NOW) -> Ending:
        """Undo the newest change of the lab, or what the request means."""
        wanted = request or Undo("lab")

        def undo() -> Done:
            found = find(wanted, self.tools)
            return rollback(wanted, found, options, self.tools, self.desk)

        return self._ending(undo)

    def confirm(self) -> Ending:
        """Keep the provisional change of the lab."""
        return self._ending(lambda: confirm("lab", self.tools, self.desk.notice))

    def status(self) -> EnvironmentStatus:
        """Where the lab stands."""
        configuration = self.tools.configuration
        (found,) = status([configuration.environment("lab")], configuration.flags.values(), self.tools)
        self.seen.append(found)
        return found

    def doctor(self) -> Diagnosis:
        """What is wrong with the lab."""
        (found,) = doctor([self.tools.configuration.environment("lab")], self.tools)
        self.seen.append(found)
        return found

    def verify(self) -> tuple[Verified, ...]:
        """What each host's audit log is worth."""
        return verify_logs((self.tools.configuration.environment("lab"),), self.tools)

    def when(self, host: str, kind: str, act: Callable[[], object]) -> None:
        """Do something the next time that a host gives an answer of a kind, before the client goes on."""
        self.desk.on[host, kind] = act

    def before_agreeing(self, act: Callable[[], object]) -> None:
        """Do something while the person thinks: after prepare, before anything is locked."""

        def asked() -> bool:
            act()
            return True

        self.desk.asked = asked

    @property
    def everything_seen(self) -> str:
        """Every text that could have reached the screen, as words and as a debugger would show it."""
        plans = [(host.edits, host.notes, notes, plan) for plan, notes in self.desk.shown for host in plan.hosts]
        endings = [(ending.said, ending) for ending in self.endings]
        return repr((plans, self.desk.events, endings, self.seen))

    def _ending(self, act: Callable[[], Done]) -> Ending:
        try:
            done = act()
        except RolloutctlError as error:
            ending = Ending(error=error)
        else:
            ending = Ending(done, done.error)
        self.endings.append(ending)
        return ending


class Beside:
    """Something done in a thread of its own; `result` waits for it, with a bound, and raises what it raised."""

    def __init__(self, act: Callable[[], Ending]) -> None:
        self._ended: list[Ending] = []
        self._thread = threading.Thread(target=lambda: self._ended.append(act()), daemon=True)
        self._thread.start()

    def result(self, seconds: float = 60.0) -> Ending:
        self._thread.join(seconds)
        assert self._ended, f"it did not end within {seconds:g} s, or it raised"
        return self._ended[0]
