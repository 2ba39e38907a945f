"""What will happen in a round, drawn from a seed before it begins: pure data, to be printed, replayed and cut down."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import msgspec

from tests.lab.pausing import Moment

HOSTS = ("web-1", "web-2", "web-3")
PORTAL, BULK = "customer_portal", "bulk_export"
COMPANIES = (7, 15, 42)
SEEN = ("begun", "swapped", "held", "decided")
EXACT: tuple[Moment, ...] = get_args(Moment)
SIGNALS = ("KILL", "TERM", "INT", "HUP")


@dataclass(frozen=True, slots=True)
class Order:
    """A command that an operator gives, `pause` seconds after the one before has ended."""

    operator: int
    pause: float
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Blow:
    """A fault that strikes `after` seconds, or so long after a `moment` of a change on the host; healed after `lasts`.

    Moments that are seen: begun (intent is written), swapped (`.env` is another), held (committed, undecided), decided
    (in the log); and the exact ones of tests/lab/pausing.py, at which the session stands still until it has struck.
    """

    kind: str
    host: str
    operator: int
    after: float
    moment: str
    lasts: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Script:
    """A round. `hosts` has the order of each operator's environments.yaml, where the first is the arbiter.

    `on`: everyone sees both features at its beginning. `found`: what it found once, when it is kept for that;
    `exits`: how its orders have to end then, where that is not left to chance.
    """

    seed: int
    hosts: tuple[tuple[str, ...], ...]
    orders: tuple[Order, ...]
    blows: tuple[Blow, ...]
    on: bool = False
    found: str = ""
    exits: tuple[int, ...] = ()

    def written(self) -> str:
        """As JSON: what `read` takes, after somebody has cut it down."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1).decode()


def read(text: str) -> Script:
    """A script that somebody wrote or cut down."""
    return msgspec.json.decode(text, type=Script)


def kept() -> tuple[Script, ...]:
    """The rounds that found something once, cut down, each in a file."""
    return tuple(read(path.read_text()) for path in sorted((Path(__file__).parent / "found").glob("*.json")))


def draw(seed: int) -> Script:
    """The round of a seed; the same each time."""
    chance = random.Random(seed)  # noqa: S311 - to be drawn again
    operators = chance.choice((2, 2, 3, 3, 4))
    hosts = tuple(tuple(chance.sample(HOSTS, len(HOSTS))) for _ in range(operators))
    orders = [
        Order(operator, round(chance.uniform(0, 1.2), 2), _words(chance))
        for operator in range(operators)
        for _ in range(chance.choice((1, 1, 2) if operators > 2 else (1, 2, 2)))
    ]
    blows = [_blow(chance, operators) for _ in range(chance.choice((1, 2, 2, 3, 3, 4)))]
    first = {(blow.host, blow.moment): blow for blow in reversed(blows)}  # a session stops once at a moment
    struck = tuple(blow for blow in blows if blow.moment not in EXACT or blow is first[blow.host, blow.moment])
    return Script(seed, hosts, tuple(orders), struck, chance.random() < 0.35)


def _words(chance: random.Random) -> tuple[str, ...]:
    words = chance.choices([words for words, _ in _COMMANDS], [weight for _, weight in _COMMANDS])[0](chance)
    if words[0] not in {"toggle", "rollback"}:
        return words
    waits = ("--wait", chance.choice(("3s", "15s", "30s"))) if chance.random() < 0.8 else ()
    shown = ("--json",) if chance.random() < 0.7 else ()
    dry = ("--dry-run",) if chance.random() < 0.06 else ()
    widens = words[3:4] == ("true",) and "--remove-companies" not in words
    brief = ("--confirm-within", chance.choice(("2s", "5s", "9s"))) if widens and chance.random() < 0.2 else ()
    return (*words, *brief, *waits, *shown, *dry)


def _toggle(flag: str, switch: str) -> tuple[str, ...]:
    return ("toggle", "lab", flag, switch)


def _some(chance: random.Random) -> str:
    return ",".join(map(str, sorted(chance.sample(COMPANIES, chance.choice((1, 1, 2))))))


_Words = Callable[[random.Random], tuple[str, ...]]
_COMMANDS: tuple[tuple[_Words, int], ...] = (
    (lambda _: _toggle(PORTAL, "true"), 4),
    (lambda chance: (*_toggle(PORTAL, "true"), "--companies", chance.choice((_some(chance), "all"))), 5),
    (lambda chance: (*_toggle(PORTAL, "true"), "--add-companies", _some(chance)), 3),
    (lambda chance: (*_toggle(PORTAL, "true"), "--remove-companies", _some(chance)), 3),
    (lambda _: _toggle(PORTAL, "false"), 6),
    (lambda _: _toggle(BULK, "true"), 5),
    (lambda _: _toggle(BULK, "false"), 4),
    (lambda _: ("rollback", "lab"), 4),
    (lambda _: ("confirm", "lab"), 3),
    (lambda chance: ("rollback", "lab", "--flag", chance.choice((PORTAL, BULK))), 2),
    (lambda _: ("status", "lab"), 1),
    (lambda chance: ("status", "lab", chance.choice((PORTAL, BULK)), "--check"), 1),
    (lambda _: ("audit", "lab", "--verify"), 1),
    (lambda _: ("health", "lab"), 1),
)


def _blow(chance: random.Random, operators: int) -> Blow:
    kind = chance.choices([kind for kind, _, _ in _KINDS], [weight for _, weight, _ in _KINDS])[0]
    details = next(details for name, _, details in _KINDS if name == kind)
    moment, latest = chance.choice((("", 4.0), *[(chance.choice(SEEN), 0.6)] * 2, *[(chance.choice(EXACT), 0.0)] * 2))
    if (kind, moment) == ("edit .env", "swapping"):
        details = ("append",)  # between two renames nothing can come, and the later one wins
    return Blow(
        kind,
        chance.choice(HOSTS),
        chance.randrange(operators),
        round(chance.uniform(0, latest), 2),
        moment,
        round(chance.choice((chance.uniform(0.1, 1.0), chance.uniform(1.0, 5.0), chance.uniform(5.0, 14.0))), 2),
        chance.choice(details),
    )


_KINDS: tuple[tuple[str, int, tuple[str, ...]], ...] = (
    ("kill the client", 6, SIGNALS),
    ("suspend the client", 2, ("",)),
    ("kill the session", 5, ("KILL", "TERM")),
    ("cut the power", 4, ("",)),  # the whole tree of sessions, at once
    ("suspend the session", 1, ("",)),
    ("cut connections", 5, ("",)),
    ("stop sshd", 4, ("",)),
    ("refuse restarts", 3, ("1", "2", "9")),
    ("break php-fpm", 1, ("",)),
    ("make ill", 3, ("", PORTAL, BULK)),
    ("break artisan", 3, ("syntax", "throws-aside", "hangs")),
    ("edit .env", 6, ("append", "editor", "rename and rebuild")),
    ("fill the state folder", 3, ("",)),
    ("lock for a deployment", 2, ("",)),
    ("deploy", 2, ("",)),
)


def as_json(value: Any) -> str:  # noqa: ANN401 - whatever a log is to hold
    """A value on one line, for a log."""
    return msgspec.json.encode(value).decode()
