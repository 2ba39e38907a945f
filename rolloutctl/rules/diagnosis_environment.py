"""What doctor says of an environment as a whole: what environments.yaml leaves unproved, and whether it is open."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from rolloutctl.errors import Unlisted
from rolloutctl.rules.config import Environment, Flag
from rolloutctl.rules.freeze import standing
from rolloutctl.rules.verdicts import Fix, Verdict, fail, in_yaml, info, named, ok, warn

_STEPS = (
    "steps: [{name: config cache, builtin: config-cache}, "
    "{name: restart php-fpm, run: sudo -n systemctl restart php8.2-fpm}]"
)


def of_environment(environment: Environment, flags: Iterable[Flag], now: datetime) -> tuple[Verdict, ...]:
    """Each thing once, not for each host."""
    return (
        *named("secrets", _secrets(environment)),
        *named("url", _url(environment)),
        *named("health", _health(environment)),
        *named("steps", _steps(environment)),
        *named("probes", _probes(tuple(flags))),
        *named("open", _open(environment, now)),
    )


def of_unlisted(error: Unlisted) -> tuple[Verdict, ...]:
    """Nobody knows which hosts there are."""
    return named("hosts", (fail(error.message, Fix(error.hint), error.details),))


def _secrets(environment: Environment) -> Iterable[Verdict]:
    for missing in environment.unmet:
        text = f"what needs a secret can't be asked, so nothing is widened: {missing}."
        yield fail(text, Fix("set the variable, or its line in the .env beside environments.yaml"))


def _url(environment: Environment) -> Iterable[Verdict]:
    if environment.url is None:
        yield warn(
            "missing: nothing is asked, so nothing proves that a change took effect.",
            in_yaml("url: https://www.example.com", environment.name),
        )
    else:
        yield ok(environment.url)


def _health(environment: Environment) -> Iterable[Verdict]:
    if environment.health is None:
        yield warn(
            "missing: nothing proves that the application is well.",
            in_yaml("health: {path: /up}", environment.name),
        )
    else:
        yield ok(environment.health.path)


def _steps(environment: Environment) -> Iterable[Verdict]:
    if environment.steps:
        yield ok(", ".join(step.name for step in environment.steps))
    else:
        yield warn(
            "none: where a config cache stands, an edit of .env takes no effect.",
            in_yaml(_STEPS, environment.name),
        )


def _probes(flags: tuple[Flag, ...]) -> Iterable[Verdict]:
    found = [verdict for flag in flags for verdict in _probes_of(flag)]
    yield from found or [ok("each flag has one")]


def _probes_of(flag: Flag) -> Iterable[Verdict]:
    place, path = f"flags: {flag.name}", f"/{flag.name.replace('_', '-')}"
    telling = [probe for probe in flag.probes if not probe.always]
    if not telling:
        line = f"probes: [{{path: {path}, off: [404], on: [200, 302]}}]"
        yield info(f"{flag.name} has no probe: nothing proves who sees it", in_yaml(line, place))
    elif flag.companies_key and all(set(probe.limited) & set(probe.off) for probe in telling if probe.limited):
        line = f'- {{path: {telling[0].path}, headers: {{X-Company: "{{company}}"}}, limited: [200]}}'
        text = f"no probe of {flag.name} tells a list of companies from nobody: a limited flag is not proved"
        yield info(text, in_yaml(line, f"probes: of {flag.name}, with the header that says whose request it is"))


def _open(environment: Environment, now: datetime) -> Iterable[Verdict]:
    freeze = standing(environment.freeze, now)
    if freeze is not None:
        yield info(f"frozen until {freeze.ends_after(now):%a %d %b %H:%M %Z}: nothing is widened; switching off works")
    if environment.protected:
        yield info("protected: switching on asks for its name and a reason")
    if freeze is None and not environment.protected:
        yield ok("changes are let through")
