"""One host as doctor found it: its state, the facts that it told, and what it answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct, field

from rolloutctl.rules.config import Environment, Flag, Host
from rolloutctl.rules.host import Event, HostState
from rolloutctl.rules.proof import Difference, read_difference
from rolloutctl.rules.records import read_object
from rolloutctl.rules.work import Asked


class Trouble(Struct, frozen=True):
    """A command that failed on the host, with its words."""

    status: str
    lines: tuple[str, ...] = ()


class Facts(Struct, frozen=True):
    """What `examine` told, by name; a fact may be told several times."""

    told: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    troubles: Mapping[str, Trouble] = field(default_factory=dict)
    difference: Difference | None = None  # of the live config cache and one built aside; None: none was built
    difference_failed: bool = False

    def all(self, name: str) -> tuple[str, ...]:
        """Each time that a fact was told, once for the same words."""
        return tuple(dict.fromkeys(self.told.get(name, ())))

    def one(self, name: str) -> str:
        """A fact that is told once; empty when it was not."""
        return next(iter(self.told.get(name, ())), "")

    def rows(self, name: str) -> tuple[tuple[str, ...], ...]:
        """A fact of several parts, which have tabs between them."""
        return tuple(tuple(text.split("\t")) for text in self.all(name))


class Moment(Struct, frozen=True, kw_only=True):
    """What the host's clock said, and the span of the operator's in which it did; in seconds since 1970."""

    host: int
    earliest: float
    latest: float

    @property
    def skew(self) -> float:
        """Seconds that the host's clock is certainly ahead, or behind where it is negative; 0 when it may be right."""
        if self.host > self.latest:
            return self.host - self.latest
        return min(0.0, self.host + 1 - self.earliest)


class Examined(Struct, frozen=True, kw_only=True):
    """All that is known of one host that let us in."""

    environment: Environment
    flags: tuple[Flag, ...]
    host: Host
    state: HostState
    facts: Facts
    way: str = ""
    noise: str = ""
    moment: Moment | None = None
    answers: tuple[Asked, ...] = ()
    twin: str = ""  # another host of the environment that is the same application on the same machine

    @property
    def application_speaks(self) -> bool:
        """Whether the application's php could tell how things stand."""
        return self.state.live is not None and not self.state.live.boot_error

    @property
    def env_file(self) -> str:
        """The path of `.env`, links resolved."""
        return self.state.place.partition(":")[2]

    @property
    def env_was_read(self) -> bool:
        """Whether the application can read `.env`; where it can't, Laravel goes on with defaults, without a word."""
        return self.state.live is not None and self.state.live.fault is None

    @property
    def cached(self) -> bool:
        """Whether a config cache stands."""
        return self.state.live is not None and self.state.live.settings is not None

    @property
    def builds_aside(self) -> bool:
        """Whether environments.yaml has the config cache built aside."""
        return any(step.builds for step in self.environment.steps)


def read_facts(events: Iterable[Event]) -> Facts:
    """The facts in the answers to `examine`."""
    told: dict[str, tuple[str, ...]] = {}
    troubles: dict[str, Trouble] = {}
    difference, failed = None, False
    for event in events:
        if event.kind == "fact":
            told[event.text(0)] = (*told.get(event.text(0), ()), event.text(1))
        elif event.kind == "trouble":
            lines = tuple(line for line in event.text(2).splitlines() if line.strip())
            troubles[event.text(0)] = Trouble(event.text(1), lines)
        elif event.kind == "difference":
            difference = read_difference(read_object(event.text(0)))
        elif event.kind == "difference-failed":
            failed = True
    return Facts(told, troubles, difference, failed)
