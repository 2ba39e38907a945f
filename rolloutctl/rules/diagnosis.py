"""The checks of doctor in their order, from the way to a host up to what its application answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rolloutctl.errors import Unreachable
from rolloutctl.rules import diagnosis_connection as connection
from rolloutctl.rules import diagnosis_flags as flags
from rolloutctl.rules import diagnosis_rights as rights
from rolloutctl.rules import diagnosis_running as running
from rolloutctl.rules import diagnosis_server as server
from rolloutctl.rules import diagnosis_tools as tools
from rolloutctl.rules.config import Host
from rolloutctl.rules.examined import Examined
from rolloutctl.rules.verdicts import Verdict, named, skipped

Check = Callable[[Examined], Iterable[Verdict]]

CHECKS: tuple[tuple[str, Check], ...] = (
    ("login shell", connection.login_shell),
    ("listed once", connection.twins),
    ("tools", tools.tools),
    ("php", tools.php),
    ("php-fpm", tools.php_fpm),
    (".env", rights.env_rights),
    (".env mode", rights.env_mode),
    ("application", flags.application),
    ("phpdotenv", flags.phpdotenv),
    ("flags", flags.keys),
    ("overrides", server.overrides),
    ("settings", flags.settings),
    ("config cache", rights.cache_rights),
    ("build", flags.builds),
    ("waiting edits", flags.waiting),
    ("sudo", rights.sudo),
    ("step checks", rights.step_checks),
    ("opcache", server.opcache),
    ("requests in flight", server.requests_in_flight),
    ("workers", running.workers),
    ("locks", running.locks),
    ("logout", running.left_alone),
    ("records", tools.state_folder),
    ("room", tools.room),
    ("clock", connection.clock),
    ("health", running.health),
    ("probes", running.probes),
)


def diagnose(seen: Examined, refused: Unreachable | None = None) -> tuple[Verdict, ...]:
    """All verdicts on a host that was looked at; `refused` is what its own connection said before another got in."""
    way = connection.only_openssh(refused, seen.host) if refused else connection.of_reached(seen)
    return (*way, *(verdict for name, check in CHECKS for verdict in named(name, check(seen))))


def diagnose_lost(error: Unreachable, host: Host, environment: str) -> tuple[Verdict, ...]:
    """All verdicts on a host that could not be looked at."""
    left = (verdict for name, _ in CHECKS for verdict in named(name, (skipped("no session began"),)))
    return (*connection.of_lost(error, host, environment), *left)
