"""What doctor says of what runs on a host now: workers, other people's work, and the application's answers."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping

from rolloutctl.rules.examined import Examined
from rolloutctl.rules.requests import HEALTH, describe, is_about_flag
from rolloutctl.rules.verdicts import Fix, Verdict, fail, here, in_yaml, ok, on_host, skipped, warn
from rolloutctl.rules.work import Asked

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
    if seen.state.working:
        yield warn(f"{seen.state.working} is at work: no flag is widened meanwhile.", here("rolloutctl status"))
    for pending in (each for each in seen.state.pending if not each.alive):
        yield warn(
            f"change {pending.change} was interrupted; the next change settles it first.",
            here(shlex.join(["rolloutctl", "status", seen.environment.name])),
        )
    if not (seen.state.deploying or seen.state.holder or seen.state.working or seen.state.pending):
        yield ok("nobody is at work, nothing is left over")


def left_alone(seen: Examined) -> Iterable[Verdict]:
    """Whether a process outlives the login that started it: what holds a provisional change has to."""
    killed = seen.facts.one("logout-kills")
    if not killed:
        yield ok("what a login leaves behind lives on, as --confirm-within needs it")
        return
    drop_in = "/etc/systemd/logind.conf.d/rolloutctl.conf"
    reread = "sudo systemctl kill -s HUP systemd-logind"
    yield warn(
        f"logind ends all processes of {killed} at logout (KillUserProcesses): a change with --confirm-within"
        " goes back as soon as rolloutctl has left. Others don't need that.",
        on_host(rf"printf '[Login]\nKillExcludeUsers=root {killed}\n' | sudo tee {drop_in}; {reread}"),
    )


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


def _look(seen: Examined, asked: Asked) -> Fix:
    if asked.status is None and "connect" in (asked.error or ""):
        return in_yaml("local_address: 127.0.0.1:8080  # where the web server listens", seen.host.name)
    return on_host(f"tail -n 50 {shlex.quote(seen.state.app)}/storage/logs/laravel.log")
