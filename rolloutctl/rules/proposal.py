"""What an environments.yaml of a new project is to say: decided from what a survey found and what the person said."""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct, field

from rolloutctl.rules.config import Health
from rolloutctl.rules.raw_types import ENV_KEY, NAME, SETTING
from rolloutctl.rules.survey import Closer, Key, Machine, Site, Unit

PREFIX = "FEATURE_"
_LIST = "_COMPANIES"
_VERSION = re.compile(r"[0-9]+\.[0-9]+")
_LONGEST_NAME = 64
_GUARDED = frozenset({"production", "prod", "live"})
_WEB_USERS = frozenset({"www-data", "nginx", "apache", "http", "www", "nobody"})  # they may not own what guards them


class ProposedFlag(Struct, frozen=True, kw_only=True):
    """One flag. A setting is None where nothing in config/ reads the key; "" leaves it at its default."""

    name: str
    key: str
    companies_key: str | None = None
    config: str | None = ""
    companies_config: str | None = ""
    also: tuple[str, ...] = ()  # further settings that the key decides
    found: bool = True  # in .env


class Proposal(Struct, frozen=True, kw_only=True):
    """All that the file is to say; None, "" or nothing where it can't be known."""

    environment: str
    hosts: tuple[str, ...] = ()  # none: the machine that rolloutctl runs on
    app: str = ""
    url: str = ""
    php: str = "php"
    shell: str = ""
    shell_hint: str = ""  # why somebody might want a shell, where none is written
    local_address: str = ""
    restart: str = ""
    restart_name: str = "restart php-fpm"
    workers: frozenset[str] = frozenset()
    volatile: tuple[str, ...] = ()
    health: Health | None = None
    flags: tuple[ProposedFlag, ...] = ()
    left_out: tuple[str, ...] = field(default=())  # FEATURE_ keys that are neither a switch nor a list of one

    @property
    def protected(self) -> bool:
        """Whether the environment's name says that people depend on it."""
        return self.environment.lower() in _GUARDED


def flags_from(keys: Iterable[Key]) -> tuple[tuple[ProposedFlag, ...], tuple[str, ...]]:
    """The flags that FEATURE_ keys make, each with the list that limits it; and the keys that make none."""
    known = [key for key in keys if re.search(ENV_KEY, key.name) and len(key.name) > len(PREFIX)]
    lists = [key for key in known if _is_list(key)]
    switches = [key for key in known if key not in lists and key.kind != "other"]
    owners = {each.name: _owner(each, switches) for each in lists}
    flags: list[ProposedFlag] = []
    for key in switches:
        name = _name(key.name, {flag.name for flag in flags})
        limit = next((each for each in lists if owners[each.name] == key.name), None)
        flags.append(_flag(name, key, limit))
    taken = {each for flag in flags for each in (flag.key, flag.companies_key)}
    return tuple(flags), tuple(key.name for key in known if key.name not in taken)


def flag_named(word: str, found: Iterable[ProposedFlag]) -> ProposedFlag:
    """The flag that a person means by its name or its key; a new one where none was found."""
    word = word.strip()
    for flag in found:
        if word in (flag.name, flag.key):
            return flag
    name = word.removeprefix(PREFIX).lower() if word.startswith(PREFIX) else word
    return ProposedFlag(name=name, key=word if word.startswith(PREFIX) else key_of(name), found=False)


def key_of(name: str) -> str:
    """The key in `.env` that a flag of this name has where nobody says otherwise."""
    return PREFIX + re.sub("[-.]", "_", name).upper()


def volatile_of(closer: Closer) -> tuple[str, ...]:
    """The settings that differ with each build of the config cache, as far as the file can name them."""
    return tuple(name for name in closer.volatile if re.search(SETTING, name))


def restart_of(machine: Machine, site: Site | None) -> tuple[str, Unit | None]:
    """The command that restarts php-fpm, and its unit; the one that serves the site where there are several."""
    unit = next((each for each in machine.units if site and each.name == site.fpm), None)
    if unit is None:
        same = [each for each in machine.units if _version(each.name) == dict(machine.phps).get("php")]
        unit = (same if len(same) == 1 else [*machine.units, None])[0]
    if unit is None:
        return "", None
    return unit.restart if unit.allowed == "root" else f"sudo -n {unit.restart}", unit


def php_of(machine: Machine, unit: Unit | None) -> str:
    """The command of the PHP that php-fpm runs: `php`, where that is the same version."""
    version = _version(unit.name) if unit else ""
    phps = dict(machine.phps)
    if not version or phps.get("php") == version or f"php{version}" not in phps:
        return "php"
    return f"php{version}"


def site_of(machine: Machine, app: str) -> Site | None:
    """The site that serves an application: the one with TLS and a name before others."""
    served = [site for site in machine.sites if site.root.startswith(f"{app.rstrip('/')}/")]
    return max(served, key=lambda site: (bool(site.name), site.tls), default=None)


def url_of(site: Site | None) -> str:
    """Where people reach a site; empty where it has no name of its own."""
    if site is None or "." not in site.name:
        return ""
    return f"{'https' if site.tls else 'http'}://{site.name}"


def shell_of(closer: Closer, user: str) -> tuple[str, str]:
    """A prefix that makes the session the owner's where only that can write `.env`; else why somebody may want one."""
    found = closer.application
    if found is None or found.owner in ("", user) or found.env == "writable":
        return "", ""
    if found.become and found.owner not in _WEB_USERS:
        return f"sudo -n -u {found.owner}", ""
    return "", f"{user} can't write .env; the application belongs to {found.owner}"


def local_addresses(machine: Machine, url: str) -> tuple[str, ...]:
    """Where else than at its usual port the application may listen on the host, as `local_address` says it."""
    usual = "443" if url.startswith("https") else "80"
    if not url or usual in machine.listens or ":" in url.partition("://")[2]:
        return ()
    return tuple(
        f"http://127.0.0.1{'' if port == '80' else f':{port}'}"
        for port in ("80", "8080", "8000")
        if port in machine.listens
    )


def _is_list(key: Key) -> bool:
    return key.kind == "list" or (key.name.endswith(_LIST) and key.kind != "switch")


def _owner(limit: Key, switches: Iterable[Key]) -> str | None:
    """The switch that a list limits: the longest one whose name it begins with."""
    owners = (key.name for key in switches if limit.name.startswith(f"{key.name}_"))
    return max(owners, key=len, default=None)


def _flag(name: str, key: Key, limit: Key | None) -> ProposedFlag:
    config, also = _setting(key, name)
    companies_config: str | None = ""
    if limit is not None:
        companies_config, _ = _setting(limit, limit.name.removeprefix(PREFIX).lower())
    return ProposedFlag(
        name=name,
        key=key.name,
        companies_key=limit.name if limit else None,
        config=config,
        companies_config=companies_config,
        also=also,
    )


def _setting(key: Key, name: str) -> tuple[str | None, tuple[str, ...]]:
    """The setting that most likely is the flag's own, and the others."""
    usual = f"features.{name}"
    if key.settings is None:
        return (usual if key.held and re.search(SETTING, usual) else None), ()
    known = [path for path in key.settings if re.search(SETTING, path)]
    ranked = sorted(known, key=lambda path: (path != usual, name not in path, path.count("."), known.index(path)))
    return (ranked[0] if ranked else None), (*ranked[1:], *key.also)


def _name(key: str, taken: set[str]) -> str:
    """A flag's name from its key, which people will type."""
    plain = key.removeprefix(PREFIX).lower().strip("_.")[: _LONGEST_NAME - 3] or "feature"
    name, number = plain, 1
    while name in taken or not re.search(NAME, name):
        number += 1
        name = f"{plain}-{number}"
    return name


def _version(unit: str) -> str:
    found = _VERSION.search(unit)
    return found[0] if found else ""
