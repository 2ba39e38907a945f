"""What doctor says of php-fpm: what it sets above `.env`, and when a new config cache takes effect in it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping

from rolloutctl.rules.diagnosis_tools import NO_FPM, fpm_versions
from rolloutctl.rules.examined import Examined
from rolloutctl.rules.verdicts import Fix, Verdict, fail, in_yaml, info, ok, on_host, skipped, warn

_OFF = {"off", "0", "no", "false", ""}
_RENEWS = re.compile(r"fpm|octane|opcache|cachetool|apache|httpd|franken|unit\b")


def overrides(seen: Examined) -> Iterable[Verdict]:
    """Whether something stands above `.env`: a variable of the login, of php-fpm, or of its pool."""
    for key in seen.facts.all("login-variable"):
        yield warn(
            f"the login sets {key}: `php artisan config:cache` by hand bakes that in. rolloutctl's own builds don't.",
            on_host(f"grep -n {key} ~/.profile ~/.bashrc /etc/environment /etc/profile.d/*"),
        )
    found = [*_of_fpm(seen), *_of_app_env(seen)]
    yield from found
    if not found and not seen.facts.all("login-variable"):
        yield ok("nothing stands above .env")


def opcache(seen: Examined) -> Iterable[Verdict]:
    """What opcache means for a new config cache: does it take effect, and when."""
    found = _settings(seen)
    forgets = [step for step in seen.environment.steps if step.builtin == "opcache-forget"]
    renews = [step for step in seen.environment.steps if _RENEWS.search(step.run or "")]
    if not _confs(seen):
        yield skipped(NO_FPM)
    elif seen.application_speaks and not seen.cached:
        yield ok("no config cache stands, so it has none to keep")
    elif "opcache.validate_timestamps" not in found:
        yield skipped("php-fpm does not tell its settings")
    elif found.get("opcache.enable", "on").lower() in _OFF:
        yield ok("off: a new config cache takes effect at once")
    elif forgets:
        yield ok(f"{forgets[0].name}: it forgets the old config cache, and php-fpm goes on; new code needs a restart")
    elif renews:
        yield from _renewed(renews[0].name, renews[0].run or "", found)
    elif found["opcache.validate_timestamps"].lower() in _OFF:
        yield fail(
            "opcache.validate_timestamps is off, and no step restarts php-fpm: a new config cache takes no effect.",
            _restart(seen),
        )
    else:
        yield warn(
            "no step restarts php-fpm: a new config cache takes effect seconds later, at each file's own time.",
            _restart(seen),
        )


def requests_in_flight(seen: Examined) -> Iterable[Verdict]:
    """What a restart does to the requests that are being answered."""
    confs = _confs(seen)
    timeout = _settings(seen).get("process_control_timeout", "0")
    if not confs:
        yield skipped(NO_FPM)
    elif timeout.rstrip("smhd") in {"0", ""}:
        yield info(
            f"a restart cuts them: process_control_timeout is 0 in {confs[0]}",
            Fix("process_control_timeout = 10s", f"in {confs[0]} on the host"),
        )
    else:
        yield ok(f"they have {timeout} to end at a restart")


def _of_fpm(seen: Examined) -> Iterable[Verdict]:
    confs = _confs(seen)
    hidden = seen.cached or seen.state.live is None
    judge = warn if hidden else fail
    until = "once no config cache stands" if hidden else "now, as no config cache stands"
    for conf, key, file in (row for row in seen.facts.rows("fpm-env") if len(row) == 3):  # noqa: PLR2004 - conf, key, file
        if conf in confs:
            yield judge(
                f"{file} sets env[{key}]: it beats .env {until}.",
                on_host(f"sudo sed -i 's/^ *env\\[{key}\\]/;&/' {shlex.quote(file)}"),
            )
    if _settings(seen).get("clear_env", "yes").lower() in _OFF:
        for key in dict.fromkeys(row[1] for row in seen.facts.rows("fpm-variable") if row[0] in confs):
            yield judge(
                f"php-fpm runs with the variable {key}, and clear_env is off: it beats .env {until}.",
                on_host(f"systemctl show php{''.join(fpm_versions(seen)[:1])}-fpm -p Environment"),
            )


def _of_app_env(seen: Examined) -> Iterable[Verdict]:
    """Laravel reads `.env.<APP_ENV>` instead of `.env` where a real variable names it."""
    confs = _confs(seen)
    for whose, file in (row for row in seen.facts.rows("app-env") if len(row) == 2):  # noqa: PLR2004 - whose, file
        fix = in_yaml(f"env_file: {file}", seen.environment.name)
        if whose == "login":
            yield warn(f"the login sets APP_ENV: `php artisan` by hand reads {file}, and rolloutctl does not.", fix)
        elif whose in confs:
            yield warn(
                f"php-fpm's pool sets APP_ENV: once no config cache stands, it reads {file} instead of .env.", fix
            )


def _confs(seen: Examined) -> tuple[str, ...]:
    """The configuration files of the php-fpm that may be the application's: those that run, of the right version."""
    if seen.host.connection == "embedded":  # what runs on this machine is not the demo's
        return ()
    versions = fpm_versions(seen)
    running = [row for row in seen.facts.rows("fpm-runs") if len(row) > 1]
    known = running or [row for row in seen.facts.rows("fpm") if len(row) > 1]
    right = [row[0] for row in known if row[1] in versions]
    return tuple(right or (row[0] for row in running))


def _settings(seen: Examined) -> dict[str, str]:
    """php.ini's, and above it those of the pools; where pools differ, the one that is off."""
    confs, found = _confs(seen), dict[str, str]()
    for rows in (seen.facts.rows("fpm-ini"), seen.facts.rows("fpm-set")):
        level: dict[str, str] = {}
        for conf, name, value in (row[:3] for row in rows if len(row) > 2):  # noqa: PLR2004 - conf, name, value
            if conf in confs and level.get(name, "on").lower() not in _OFF:
                level[name] = value
        found |= level
    return found


def _renewed(name: str, run: str, found: Mapping[str, str]) -> Iterable[Verdict]:
    only = "only " if found["opcache.validate_timestamps"].lower() in _OFF else ""
    later = "; a reload returns before it does, so probes are asked until they answer" if "reload" in run else ""
    yield ok(f"{only}the step `{name}` makes a new config cache take effect{later}")
    preload = found.get("opcache.preload", "no")
    if "reload" in run and preload not in {"no", ""}:
        yield info(f"opcache.preload is {preload}: what it holds is renewed by a restart, not by a reload")


def _restart(seen: Examined) -> Fix:
    version = (fpm_versions(seen) or ("8.2",))[0]
    line = f"- {{name: restart php-fpm, run: sudo -n systemctl restart php{version}-fpm, timeout: 30s}}"
    return in_yaml(line, "steps")
