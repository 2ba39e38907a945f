"""What doctor says of what serves the application: php-fpm, opcache, workers, locks, and the answers themselves."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping

from rolloutctl.rules.diagnosis_tools import NO_FPM, fpm_versions
from rolloutctl.rules.examined import Examined
from rolloutctl.rules.requests import HEALTH, describe, is_about_flag
from rolloutctl.rules.verdicts import Fix, Verdict, fail, here, in_yaml, info, ok, on_host, skipped, warn
from rolloutctl.rules.work import Asked

_OFF = {"off", "0", "no", "false", ""}
_RENEWS = re.compile(r"fpm|octane|opcache|cachetool|apache|httpd|franken|unit\b")
# What tells a kind of worker to take the new configuration, and the step that does.
_WORKERS: Mapping[str, tuple[str, str, str]] = {
    "queue": (
        r"queue:restart|horizon:terminate|supervisorctl|worker",
        "queue workers keep the old flag until they are restarted, and no step does that",
        "- {name: restart queue workers, run: php artisan queue:restart, once: true}",
    ),
    "horizon": (
        r"horizon|queue:restart",
        "Horizon's workers keep the old flag until they are restarted, and no step does that",
        "- {name: restart horizon, run: php artisan horizon:terminate}",
    ),
    "octane": (
        r"octane",
        "Octane keeps the application in memory, and no step reloads it: the flag would not take effect",
        "- {name: reload octane, run: php artisan octane:reload}",
    ),
    "reverb": (
        r"reverb",
        "Reverb keeps the old flag until it is restarted, and no step does that",
        "- {name: restart reverb, run: php artisan reverb:restart, once: true}",
    ),
}


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
    renews = [step for step in seen.environment.steps if _RENEWS.search(step.run or "")]
    if not _confs(seen):
        yield skipped(NO_FPM)
    elif "opcache.validate_timestamps" not in found:
        yield skipped("php-fpm does not tell its settings")
    elif found.get("opcache.enable", "on").lower() in _OFF:
        yield ok("off: a new config cache takes effect at once")
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


def workers(seen: Examined) -> Iterable[Verdict]:
    """Whether long-lived processes are told of a change."""
    running = seen.facts.all("worker")
    steps = " ".join(f"{step.name} {step.run}" for step in seen.environment.steps)
    untold = [_WORKERS[kind] for kind in running if kind in _WORKERS and not re.search(_WORKERS[kind][0], steps)]
    if "horizon" in running:  # its own workers are queue workers too
        untold = [each for each in untold if each is not _WORKERS["queue"]]
    for _, text, fix in untold:
        yield warn(f"{text}.", in_yaml(fix, "steps"))
    if not untold:
        yield ok(f"{', '.join(running)}: told by a step" if running else "none runs")


def locks(seen: Examined) -> Iterable[Verdict]:
    """Whether somebody is at work on the host, or left something."""
    for path in seen.state.deploying:
        yield warn(
            f"a deployment is running, or crashed: no flag is widened while {path} is there.",
            on_host(f"ls -l {shlex.quote(path)}"),
        )
    if seen.state.holder:
        yield warn(f"locked by {seen.state.holder}.", here(shlex.join(["rolloutctl", "status", seen.environment.name])))
    for pending in (each for each in seen.state.pending if not each.alive):
        yield warn(
            f"change {pending.change} was interrupted; the next change settles it first.",
            here(shlex.join(["rolloutctl", "status", seen.environment.name])),
        )
    if not seen.state.deploying and not seen.state.holder and not seen.state.pending:
        yield ok("nobody is at work, nothing is left over")


def health(seen: Examined) -> Iterable[Verdict]:
    """Whether the application is well: an ill one is not widened."""
    asked = next((each for each in seen.answers if each.id == HEALTH), None)
    if asked is not None:
        what = describe(HEALTH, {}, seen.environment)
        yield ok(f"{what} {asked}, {asked.ms} ms") if asked.ok else fail(f"{what} answers {asked}.", _look(seen, asked))
    elif seen.environment.url and seen.environment.health:
        yield skipped("the application's php did not ask")
    else:
        yield skipped("url: or health: is missing")


def probes(seen: Examined) -> Iterable[Verdict]:
    """Whether each probe answers as it should for who sees the feature now."""
    if any(each.id == HEALTH and not each.ok for each in seen.answers):
        yield skipped("the application is ill")
        return
    asked = [each for each in seen.answers if each.id != HEALTH]
    flags = {flag.name: flag for flag in seen.flags}
    for each in (one for one in asked if not one.ok):
        what = describe(each.id, flags, seen.environment)
        flag = flags.get(each.id.rpartition(" ")[0])
        if flag is not None and is_about_flag(each.id, flag):
            text = f"{what} answers {each}, which is not what {flag.name} for {seen.state.in_file(flag)} should give."
            yield warn(text, here(shlex.join(["rolloutctl", "status", seen.environment.name, flag.name])))
        else:
            yield fail(f"{what} answers {each}.", _look(seen, each))
    if not asked:
        yield skipped("none was asked")
    elif all(each.ok for each in asked):
        yield ok(f"{len(asked)} answer as they should")


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


def _look(seen: Examined, asked: Asked) -> Fix:
    if asked.status is None and "connect" in (asked.error or ""):
        return in_yaml("local_address: 127.0.0.1:8080  # where the web server listens", seen.host.name)
    return on_host(f"tail -n 50 {shlex.quote(seen.state.app)}/storage/logs/laravel.log")
