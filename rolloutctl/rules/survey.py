"""What a look at an unknown server found, as values: its sites, php-fpm, applications, and one application closer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, cast

from msgspec import Struct

from rolloutctl.rules.host import Event

EnvAccess = Literal["writable", "readable", "closed", "absent"]
KeyKind = Literal["switch", "digit", "list", "empty", "other", "unknown"]  # digit: 0 or 1, a switch or a company
_KINDS = ("switch", "digit", "list", "empty", "other")
_ACCESS = ("writable", "readable", "closed")


class Site(Struct, frozen=True):
    """What a web server serves: the folder, the name that people ask for, and by which php-fpm."""

    root: str
    name: str
    tls: bool
    fpm: str


class Unit(Struct, frozen=True):
    """A unit of php-fpm, the command that restarts it, and whether the login may run that: as root, by sudo, or not."""

    name: str
    restart: str
    allowed: Literal["root", "yes", "no"]


class Application(Struct, frozen=True):
    """A folder with an artisan. `become`: the login may run anything as its owner, without a password."""

    path: str
    env: EnvAccess
    owner: str
    become: bool
    deployed_by: str


class Machine(Struct, frozen=True, kw_only=True):
    """The server as a whole. `phps` has the version of each PHP by the command's name."""

    user: str = ""
    sites: tuple[Site, ...] = ()
    units: tuple[Unit, ...] = ()
    phps: tuple[tuple[str, str], ...] = ()
    listens: frozenset[str] = frozenset()
    applications: tuple[Application, ...] = ()


class Key(Struct, frozen=True):
    """A FEATURE_ key of `.env`: never its value, but of what kind that is.

    `settings` are those of config/ that hold it; None: nobody could say. `also` are others that it decides. `held`: the
    live config cache has a setting of its name below `features`.
    """

    name: str
    kind: KeyKind
    settings: tuple[str, ...] | None = None
    also: tuple[str, ...] = ()
    held: bool = False


class Closer(Struct, frozen=True, kw_only=True):
    """One application. `absent` says what is not there; `mute` why its PHP said nothing of its keys."""

    application: Application | None = None
    laravel: str = ""
    php: str = ""
    boot_error: str = ""
    fault: tuple[str, str] | None = None  # the key and the line that phpdotenv rejects
    keys: tuple[Key, ...] = ()
    volatile: tuple[str, ...] = ()  # settings that are others each time
    workers: frozenset[str] = frozenset()
    absent: str = ""
    mute: str = ""


def machine_from(events: Iterable[Event]) -> Machine:
    """What a survey of the whole server said."""
    told = tuple(events)
    return Machine(
        user=next((each.text(0) for each in told if each.kind == "hello"), ""),
        sites=tuple(
            Site(each.text(0), each.text(1), each.text(2) == "tls", each.text(3)) for each in _of("site", told)
        ),
        units=tuple(Unit(each.text(0), each.text(1), _allowed(each.text(2))) for each in _of("unit", told)),
        phps=tuple((each.text(0), each.text(1)) for each in _of("php", told)),
        listens=frozenset(each.text(0) for each in _of("listens", told)),
        applications=tuple(_application(each) for each in _of("application", told)),
    )


def closer_from(events: Iterable[Event]) -> Closer:
    """What a survey of one application said."""
    told = tuple(events)
    laravel = next(iter(_of("laravel", told)), Event("laravel"))
    invalid = next(iter(_of("invalid", told)), None)
    return Closer(
        application=next((_application(each) for each in _of("application", told)), None),
        php=laravel.text(0),
        laravel=laravel.text(1),
        boot_error=laravel.text(2),
        fault=(invalid.text(1), invalid.text(2)) if invalid and invalid.text(0) == "invalid" else None,
        keys=_keys(told),
        volatile=tuple(name for each in _of("volatile", told) for name in _lines(each.text(0))),
        workers=frozenset(each.text(0) for each in _of("worker", told)),
        absent=next((each.text(0) for each in _of("absent", told)), ""),
        mute=next((each.text(0) for each in _of("mute", told)), ""),
    )


def _of(kind: str, told: tuple[Event, ...]) -> tuple[Event, ...]:
    return tuple(each for each in told if each.kind == kind)


def _application(event: Event) -> Application:
    access = event.text(1) if event.text(1) in _ACCESS else "absent"
    return Application(event.text(0), cast(EnvAccess, access), event.text(2), event.text(3) == "yes", event.text(4))


def _allowed(word: str) -> Literal["root", "yes", "no"]:
    return "root" if word == "root" else "yes" if word == "yes" else "no"


def _keys(told: tuple[Event, ...]) -> tuple[Key, ...]:
    """In the order of the file; what only a search for names found has its place too."""
    settings = {each.text(0): each for each in _of("settings", told)}
    held = {each.text(0) for each in _of("held", told)}
    kinds: dict[str, str] = {}
    for each in _of("key", told):
        kinds.setdefault(each.text(0), each.text(1))
    return tuple(
        Key(
            name,
            cast(KeyKind, kind if kind in _KINDS else "unknown"),
            _lines(settings[name].text(1)) if name in settings else None,
            _lines(settings[name].text(2)) if name in settings else (),
            name in held,
        )
        for name, kind in kinds.items()
    )


def _lines(text: str) -> tuple[str, ...]:
    return tuple(filter(None, text.split("\n")))
