"""The fault matrix, as data: what goes wrong, at which moment, on which host, and how a change may end then.

Left out, because they make no sense:
- faults of the application and of disks on "decided" and "keeps": the change has been written, and nothing is asked or
  built any more; what is left is one removal of a folder;
- a restart, a health check or a probe that fails before "restarting": only the first restart of a change could meet it,
  and that is the one of "restarting". Being ill before the change is the moment "before";
- "holding" and "keeps" for a host that is alone, and "keeps" for a switch-off: no host waits for another there;
- a release that moves on the host that is alone: its application lies on disk without releases;
- what only a client can suffer, on "holding": it is the same as "asking" on one of the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

Place = Literal["alone", "canary", "rest"]
Direction = Literal["widen", "narrow"]
Moment = Literal[
    "before",  # the command has not begun
    "preparing",  # the new cache is built aside
    "unlocked",  # prepared, about to take the lock
    "intent",  # locked, about to record "started"
    "swapping",  # "started" is recorded, .env is about to be renamed
    "between",  # .env is the new one, the cache the old one
    "restarting",  # both are new; php-fpm is about to be restarted
    "asking",  # restarted; health and probes are about to be asked
    "holding",  # the canary has committed and waits for the rest
    "deciding",  # told to keep; nothing of that is durable
    "decided",  # kept, durably; the lock is about to be released
    "keeps",  # the arbiter has kept, the others have not been told
]

MEANINGS: dict[str, str] = {
    "done": "all hosts have the new state, exit 0",
    "back": "all hosts have the old state, exit 4",
    "refused": "all hosts have the old state, none was touched, exit 3",
    "person": "exit 5; after the command that the message names all hosts are equal and well",
    "left-old": "the client is gone; all hosts have the old state",
    "left-new": "the client is gone; all hosts have the new state",
    "left-split": "the client is gone; hosts differ, status says so, and the next command settles it",
}
"""How a change may end."""


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of fault at some moments: how a widening and a switch-off may end, and why not only well."""

    kind: str
    moments: str
    widen: str
    narrow: str
    places: str = "alone canary rest"
    why: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """One combination."""

    kind: str
    moment: Moment
    place: Place
    direction: Direction
    endings: frozenset[str]
    why: str

    @property
    def name(self) -> str:
        """For a test's name, and for pytest's -k."""
        kind = "".join(letter if letter.isalnum() else "_" for letter in self.kind)
        return "-".join((kind, self.moment, self.place, self.direction))


_GONE = "a host that nobody reaches may have gone either way, and only it knows"
_UNREACHED = "the switch-off could not be told to that host"
_KEEPS = "the arbiter has kept, and the rest went back before anybody could tell them"
_DEAD = "nobody was there any more to tell the rest"
_ASKED_TO_END = "nothing was begun when the person left"
_OLD_ENV = "its .env still has the old value"
_LOCKED_UP = "nothing can be switched there"
_RESTART = "only a person can mend php-fpm; until then nobody knows what it serves"

ROWS: tuple[Row, ...] = (
    # The network
    Row("connection closed", "preparing unlocked", "refused", "done person", why=_UNREACHED),
    Row("connection closed", "between asking", "back", "done"),
    Row("connection closed", "swapping restarting", "back", "done", "alone rest"),
    Row("connection closed", "holding", "back done", "", "canary"),
    Row("connection closed", "deciding", "done", "done"),
    Row("connection closed", "keeps", "done", "", "canary rest"),
    Row("packets dropped", "preparing", "refused", "done person", "rest", _UNREACHED),
    Row("packets dropped", "between", "back", "done", "alone rest"),
    Row("packets dropped", "deciding", "done", "", "canary"),
    Row("packets dropped", "keeps", "done person", "", "rest", _KEEPS),
    Row("network gone", "between", "person", "person", "rest", _GONE),
    Row("sshd stopped", "before", "refused", "person", why=_UNREACHED),
    Row("sshd stopped", "preparing unlocked", "refused", "person", "canary rest", _UNREACHED),
    Row("sshd stopped", "between", "person", "person", why=_GONE),
    Row("sshd stopped", "asking", "person", "person", "rest", _GONE),
    Row("sshd stopped", "holding", "person", "", "canary", _GONE),
    Row("sshd stopped", "deciding", "person", "person", "alone canary", _GONE),
    Row("sshd stopped", "keeps", "person", "", "canary rest", _GONE),
    # The client
    Row("client killed", "preparing", "left-old", "left-old left-split", why=_DEAD),
    Row("client killed", "unlocked", "left-old", "left-old left-new left-split", why=_DEAD),  # commit comes with lock
    Row("client killed", "between asking", "left-old", "left-new left-split", why=_DEAD),
    Row("client killed", "swapping restarting", "left-old", "left-new left-split", "alone rest", _DEAD),
    Row("client killed", "deciding", "left-new left-split", "left-new left-split", why=_DEAD),
    Row("client killed", "keeps", "left-split left-new", "", "canary", _DEAD),
    *(
        row
        for kind in ("client told to end", "Ctrl-C", "terminal closed")
        for row in (
            Row(kind, "preparing", "refused", "done person refused", "alone rest", _ASKED_TO_END),
            Row(kind, "between asking", "back", "done", "alone rest"),
            Row(kind, "deciding", "done", "done", "alone rest"),
            Row(kind, "keeps", "done", "", "canary"),
        )
    ),
    # The host
    *(
        row
        for kind in ("session killed", "power cut")
        for row in (
            Row(kind, "preparing unlocked", "refused", "done person", "alone rest", _UNREACHED),
            Row(kind, "between", "back", "done"),
            Row(kind, "intent", "back refused", "done", "alone rest"),  # "started" may be on the disk by then
            Row(kind, "swapping restarting asking", "back", "done", "alone rest"),
            Row(kind, "holding", "back", "", "canary"),
            Row(kind, "deciding decided", "done", "done", "alone canary"),
            Row(kind, "keeps", "done", "", "rest"),
        )
    ),
    Row("application's disk full", "preparing intent", "back refused", "done"),
    Row(
        "application's disk full", "swapping between", "back done", "done", "alone rest"
    ),  # what it writes may be there
    Row("disk full on the way back", "restarting", "back", "done", "alone rest"),
    Row("state's disk full", "before", "refused", "done", "alone rest"),
    Row("state's disk full", "unlocked", "refused back", "done", "alone rest"),  # the canary may have it by then
    Row("state's disk full", "between deciding", "back done", "done", "alone rest"),
    Row(".env not writable", "before", "refused", "person", "alone rest", _OLD_ENV),
    Row(".env not writable", "swapping", "back", "person", "alone rest", _OLD_ENV),
    Row("folder not writable", "before", "refused", "person", "alone rest", _LOCKED_UP),
    Row("folder not writable", "swapping", "back", "person", "alone rest", _LOCKED_UP),
    # The application
    *(
        row
        for kind in ("artisan fails", "artisan hangs", "artisan killed")
        for row in (
            Row(kind, "preparing", "refused", "done", "alone rest"),
            Row(kind, "restarting", "back done", "done", "alone rest"),  # the second build may be through
        )
    ),
    Row("restart fails once", "restarting", "back", "done"),
    Row("restart fails", "restarting", "person", "person", why=_RESTART),
    Row("restart hangs once", "restarting", "back", "done", "alone rest"),
    Row("restart hangs", "restarting", "person", "person", "alone rest", _RESTART),
    Row("php-fpm stays down", "restarting", "person", "person", why=_RESTART),
    Row("php-fpm is lost", "restarting", "person", "person", why=_RESTART),
    Row("health 500", "restarting", "back", "done"),
    Row("health garbled", "restarting", "back", "done", "alone rest"),
    Row("health silent", "restarting", "back", "done", "alone rest"),
    Row("health refused", "restarting", "person", "done", why="the site is down, with the feature or without"),
    Row("ill before", "before", "refused", "done", "alone rest"),
    Row("restart does nothing", "restarting", "back", "person", why="the old state is still served there"),
    # Others
    Row("somebody edits .env", "preparing unlocked", "done refused", "done", "alone rest"),
    Row("somebody edits .env", "intent swapping", "back refused done", "done", "alone rest"),
    Row("somebody edits .env", "between asking deciding", "back done", "done", "alone rest"),
    Row("another release", "preparing unlocked", "done refused", "done", "canary rest"),
    Row("another release", "between asking", "back done", "done", "canary rest"),
    Row("clock set back", "preparing between deciding", "done", "done", "alone canary"),
)
"""Every row is played on each of its places, in both directions."""


SAMPLE: dict[str, str] = {
    "client killed": "between alone widen",
    "client told to end": "between alone narrow",
    "Ctrl-C": "asking alone widen",
    "terminal closed": "between alone widen",
    "session killed": "between alone narrow",
    "power cut": "between alone widen",
    "application's disk full": "intent alone widen",
    "disk full on the way back": "restarting alone widen",
    "state's disk full": "before alone narrow",
    ".env not writable": "before alone narrow",
    "folder not writable": "swapping alone widen",
    "artisan killed": "preparing alone widen",
    "php-fpm is lost": "restarting alone widen",
    "health garbled": "restarting alone widen",
    "health refused": "restarting alone narrow",
    "ill before": "before alone narrow",
    "restart does nothing": "restarting alone widen",
    "somebody edits .env": "between alone widen",
    "clock set back": "between alone widen",
}
"""The case of a kind that stands for its others with every run of the tests."""

ELSEWHERE: dict[str, str] = {
    "connection closed": "tests/stories/test_cut_off.py",
    "packets dropped": "tests/stories/test_silence.py",
    "network gone": "half a minute",
    "sshd stopped": "tests/stories/test_switching_off.py",
    "another release": "tests/stories/test_overtaken.py",
    "restart fails once": "tests/stories/test_going_back.py",
    "restart fails": "tests/stories/test_switching_off.py",
    "restart hangs once": "tests/stories/test_going_back.py",
    "restart hangs": "ten seconds",
    "php-fpm stays down": "tests/stories/test_going_back.py",
    "health 500": "tests/stories/test_going_back.py",
    "health silent": "ten seconds",
    "artisan hangs": "ten seconds",
    "artisan fails": "tests/stories/test_refused.py",
}
"""Kinds of which no case is played with every run: what tells the same there, or how long one takes."""


def sample() -> list[Case]:
    """The cases of `SAMPLE`."""
    return [case for case in cases() if SAMPLE.get(case.kind) == f"{case.moment} {case.place} {case.direction}"]


def cases() -> Iterator[Case]:
    """Every combination, in the order of the rows."""
    for row in ROWS:
        for moment in row.moments.split():
            assert moment in get_args(Moment), moment
            for place in row.places.split():
                if moment == "keeps" and place == "alone":
                    continue
                for direction, endings in (("widen", row.widen), ("narrow", row.narrow)):
                    if endings:
                        yield _case(row, moment, place, direction, endings)


def _case(row: Row, moment: str, place: str, direction: str, endings: str) -> Case:
    allowed = frozenset(endings.split())
    assert allowed <= MEANINGS.keys(), allowed
    return Case(row.kind, moment, place, direction, allowed, row.why)  # type: ignore[arg-type] # just looked up
