"""What fits next on a command line that is being typed: commands, options, and what an argument may be."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from rolloutctl.cli import words
from rolloutctl.outside.glance import Glance

Command = Mapping[str, Any]  # as commands.json has it
Look = Callable[[], Glance]
_SAFE: Final = re.compile(r"[\w.,=+/-]+", re.ASCII)  # a word that means itself in every shell
_FEW: Final = 3


class Offer(NamedTuple):
    """A word, and what it stands for."""

    word: str
    about: str = ""


class Typed:
    """The words before the one that is being typed, as far as they tell what comes next."""

    def __init__(self, command: Command, typed: Sequence[str]) -> None:
        self.command = command
        self.arguments: list[str] = []
        self.values: dict[str, str] = {}  # of options, by their name
        self.waiting: str | None = None  # the option whose value comes next
        self.only_arguments = False
        self.lost = False  # a word that is no command
        for word in typed:
            self._take(word)

    def _take(self, word: str) -> None:
        if self.waiting is not None:
            if word != "=":  # bash makes three words of --flag=x
                self.values[self.waiting], self.waiting = word, None
        elif word == "--":
            self.only_arguments = True
        elif word.startswith("-") and not self.only_arguments:
            self._option(word)
        elif self.command["commands"]:
            self.lost = self.lost or word not in self.command["commands"]
            self.command = self.command["commands"].get(word, self.command)
        else:
            self.arguments.append(word)

    def _option(self, word: str) -> None:
        name, given, value = word.partition("=")
        self.values[name] = value
        if self.takes(name) and not given:
            self.waiting = name

    def takes(self, name: str) -> str:
        """What an option takes; nothing for one without a value, or an unknown one."""
        return next((each["takes"] for each in self.command["options"] if name in each["names"]), "")

    def given(self, takes: Sequence[str]) -> str | None:
        """The first word that was given for an argument of one of these kinds."""
        kinds = self.command["arguments"]
        return next((word for kind, word in zip(kinds, self.arguments, strict=False) if kind in takes), None)


def offers(typed: Typed, begun: str, glance: Look) -> list[Offer] | None:
    """What the word that begins so may become; None for a file's path, which shells know better."""
    before = ""
    if typed.waiting is not None:
        begun = begun.removeprefix("=")
        kind = typed.takes(typed.waiting)
    elif begun.startswith("--") and "=" in begun:
        name, _, begun = begun.partition("=")
        before, kind = f"{name}=", typed.takes(name)
    else:
        return _fitting(_words(typed, begun, glance), begun)
    found = _values(kind, typed, glance)
    return None if found is None else [Offer(before + each.word, each.about) for each in _fitting(found, begun)]


def _fitting(found: Sequence[Offer], begun: str) -> list[Offer]:
    return [each for each in found if each.word.startswith(begun) and _SAFE.fullmatch(each.word)]


def _words(typed: Typed, begun: str, glance: Look) -> Sequence[Offer]:
    """Where no option waits for its value: a command, an argument, and options where nothing else can come."""
    kinds = typed.command["arguments"][len(typed.arguments) :]
    if typed.lost:
        return ()
    if begun.startswith("-") and not typed.only_arguments:
        return _options(typed)
    if typed.command["commands"]:
        return [Offer(name, each["help"]) for name, each in typed.command["commands"].items()]
    return (_values(kinds[0], typed, glance) or ()) if kinds else _options(typed)


def _options(typed: Typed) -> list[Offer]:
    new = [each for each in typed.command["options"] if not set(each["names"]) & typed.values.keys()]
    return [Offer(name, each["help"]) for each in new for name in each["names"]]


def _values(kind: str, typed: Typed, glance: Look) -> Sequence[Offer] | None:
    """What may stand where `ENV`, `[FLAG]`, `true|false` and so on is wanted."""
    if kind == "PATH":
        return None
    found = _KINDS.get(kind.strip("[]"))
    return found(typed, glance) if found else ()


def _environments(_typed: Typed, glance: Look) -> list[Offer]:
    return [Offer(*item) for item in glance().names("environments", "url").items()]


def _flags(_typed: Typed, glance: Look) -> list[Offer]:
    return [Offer(*item) for item in glance().names("flags", "description").items()]


def _kinds(_typed: Typed, _glance: Look) -> list[Offer]:
    return [Offer(kind) for kind in ("staging-ready", "production", "phase", "incident", "recovered", "done")]


def _switches(_typed: Typed, _glance: Look) -> list[Offer]:
    return [Offer("true"), Offer("false")]


def _severities(_typed: Typed, _glance: Look) -> list[Offer]:
    about = ("nobody can use it", "a part of it is broken", "a nuisance", "a blemish")
    return list(map(Offer, ("critical", "high", "medium", "low"), about))


def _everyone(_typed: Typed, _glance: Look) -> list[Offer]:
    return [Offer("all", "everyone")]


def _changes(typed: Typed, glance: Look) -> list[Offer]:
    environment, flag = typed.given(("ENV", "[ENV]")), typed.values.get("--flag")
    now = datetime.now(UTC)
    found = [item for item in glance().changes(environment) if flag in (None, item[1].get("flag"))]
    return [Offer(change, _in_words(record, now, several=environment is None)) for change, record in found]


def _schedules(typed: Typed, glance: Look) -> list[Offer]:
    """Those that `status` has shown on this machine."""
    return [
        Offer(name, f"{record.get('flag')} {_audience(record.get('to'))}, at {record.get('written')}")
        for name, record in glance().schedules(typed.given(("ENV",)))
    ]


def _in_words(record: Mapping[str, Any], now: datetime, *, several: bool) -> str:
    """`production · customer_portal for 15 and 42, put back, 3 days ago`; a host may have written anything."""
    where = f"{record.get('environment')} · " if several else ""
    ended = {"kept": "", "reverted": "put back", "started": "not known how it ended"}[record["event"]]
    what = f"{where}{record.get('flag')} {_audience(record.get('to'))}"
    return ", ".join(filter(None, (what, ended, words.ago(str(record.get("time")), now))))


def _audience(to: object) -> str:
    companies = to.get("companies") if isinstance(to, dict) else None
    if not isinstance(to, dict) or not to.get("enabled"):
        return "off"
    if not isinstance(companies, list) or not companies:
        return "on"
    return f"for {words.listed(map(str, companies)) if len(companies) <= _FEW else f'{len(companies)} companies'}"


_KINDS: Final[Mapping[str, Callable[[Typed, Look], list[Offer]]]] = {
    "ENV": _environments,
    "FLAG": _flags,
    "ID": _changes,
    "SCHEDULE": _schedules,
    "KIND": _kinds,
    "true|false": _switches,
    "15,42|all": _everyone,
    "critical|high|medium|low": _severities,
}
