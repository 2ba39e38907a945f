"""What doctor says of a user's rights: to `.env`, to the config cache, and by sudo."""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterable

from rolloutctl.rules.config import Step
from rolloutctl.rules.examined import Examined, Trouble
from rolloutctl.rules.refusals import IN_PLACE, sudoers_line
from rolloutctl.rules.verdicts import SUDOERS, Fix, Verdict, fail, in_yaml, info, ok, on_host, skipped, warn

_OTHERS_READ = 0o004


def env_rights(seen: Examined) -> Iterable[Verdict]:
    """Whether `.env` can be read and written, and keeps its owner."""
    user = seen.state.user
    own = on_host(f"{_ownable(seen)} && sudo chmod u+rw,g+r {shlex.quote(seen.env_file)}")
    if seen.state.sha == "unreadable":
        yield fail(f"{seen.env_file} cannot be read by {user}.", own)
    elif not seen.state.writable and seen.state.trouble:
        yield fail(f"{seen.env_file} cannot be written by {user}.", own)
    elif seen.state.trouble:
        yield _in_place(seen)
    else:
        yield ok(f"{seen.env_file} can be read and written, and keeps its owner")


def env_mode(seen: Examined) -> Iterable[Verdict]:
    """Whether only those read `.env` who have to."""
    try:
        mode = int(seen.facts.one("env-mode"), 8)
    except ValueError:
        yield skipped("the host did not tell")
        return
    if mode & _OTHERS_READ:
        yield warn(
            f"every user of the server can read {seen.env_file} (mode {mode:o}); php-fpm's group is enough.",
            on_host(f"chmod o-r {shlex.quote(seen.env_file)}"),
        )
    else:
        yield ok(f"{mode:o} {seen.facts.one('env-owner')}")
    if seen.facts.one("env-link"):
        yield info(f".env is a link to {seen.facts.one('env-link')}, and stays one")


def cache_rights(seen: Examined) -> Iterable[Verdict]:
    """Whether the config cache can be replaced."""
    locked = seen.facts.one("cache-unwritable")
    if locked:
        path = shlex.quote(posixpath.dirname(locked))
        yield fail(
            f"{locked} cannot be written by {seen.state.user}.",
            on_host(f"sudo chown -R {shlex.quote(seen.state.user)} {path}"),
        )
    elif seen.facts.one("cache"):
        yield ok(f"{seen.facts.one('cache')} can be replaced")
    elif seen.application_speaks:
        yield info(
            "no config cache stands, and none is made: .env is read at each request",
            on_host("php artisan config:cache"),
        )
    else:
        yield skipped("the application does not tell where it is")


def sudo(seen: Examined) -> Iterable[Verdict]:
    """Whether each step may run without a password."""
    refused = {text.partition(" ")[0]: text.partition(" ")[2] for text in seen.facts.all("sudo")}
    absent = {text.partition(" ")[0] for text in seen.facts.all("no-sudo")}
    for number, step in enumerate(seen.environment.steps, 1):
        run = step.run or ""
        if str(number) in absent:
            yield fail(f"`{run}` cannot run: there is no sudo on the host.", on_host("sudo apt-get install sudo"))
        elif refused.get(str(number)) == "":
            yield fail(f"`{run}` cannot run: the program is not there, or not where sudo looks.", _find(run))
        elif str(number) in refused:
            yield fail(
                f"`{run}` is not allowed for {seen.state.user} without a password.",
                Fix(sudoers_line(seen.state.user, run, refused[str(number)]), SUDOERS),
            )
        elif run.startswith("sudo -n "):
            yield ok(f"`{run}` is allowed")
        elif (found := _without_sudo_n(step, seen.state.user)) is not None:
            yield found
    if not any("sudo" in (step.run or "") for step in seen.environment.steps):
        yield ok("no step needs it")


def step_checks(seen: Examined) -> Iterable[Verdict]:
    """Whether each step's own `check:` succeeds."""
    for number, step in enumerate(seen.environment.steps, 1):
        trouble = seen.facts.troubles.get(f"check {number}")
        if trouble is not None:
            text = f"the check of `{step.name}` ends with exit {trouble.status}."
            yield fail(text, _of_check(step.check or "", trouble, seen.state.user), trouble.lines)
        elif step.check:
            yield ok(f"`{step.check}` succeeds")


def _find(run: str) -> Fix:
    words = run.removeprefix("sudo -n ").split()
    name = posixpath.basename(words[2] if words[:1] == ["-u"] else words[0])
    return on_host(f"find / -xdev -name {shlex.quote(name)} -type f")


def _of_check(check: str, trouble: Trouble, user: str) -> Fix:
    if check.startswith("sudo -n ") and any(line.endswith("a password is required") for line in trouble.lines):
        return Fix(sudoers_line(user, check), SUDOERS)
    return on_host(check)


def _without_sudo_n(step: Step, user: str) -> Verdict | None:
    run = step.run or ""
    if run.startswith("systemctl ") and user != "root":
        return warn(
            f"`{run}` runs as {user}, who may not do that as a rule.", in_yaml(f"run: sudo -n {run}", step.name)
        )
    if not run.startswith("sudo "):
        return None
    return warn(
        f"`{run}` would wait for a password instead of failing.",
        in_yaml(f"run: sudo -n {run.removeprefix('sudo ')}", step.name),
    )


def _in_place(seen: Examined) -> Verdict:
    reason = IN_PLACE.get(seen.state.trouble, seen.state.trouble)
    text = f"{seen.env_file} can only be written in place, as {reason}"
    if seen.cached:
        return warn(f"{text}: a power cut in that moment could leave it half written.", _replaceable(seen))
    return fail(f"{text}, and no config cache stands that would hide the moment.", _replaceable(seen))


def _replaceable(seen: Examined) -> Fix:
    path, user = shlex.quote(seen.env_file), shlex.quote(seen.state.user)
    folder = shlex.quote(posixpath.dirname(seen.env_file))
    line = {
        "folder": f"sudo chown {user} {folder}",
        "links": f"cp -p {path} {path}.new && mv {path}.new {path}",
        "mount": "mount the folder instead of the file",
        "acl": f"setfacl -b {path}",
    }.get(seen.state.trouble, _ownable(seen))
    return on_host(line)


def _ownable(seen: Examined) -> str:
    """The command that makes the file the user's, with a group that the user is in; php-fpm reads it by its group."""
    path, user = shlex.quote(seen.env_file), shlex.quote(seen.state.user)
    owner, _, group = seen.facts.one("env-owner").partition(":")
    if group == "root":  # nobody is to become a member of that
        return f"sudo chown {user}: {path}"
    join = f"sudo usermod -aG {group} {user}"
    known = group in seen.facts.one("groups").split()
    if owner == seen.state.user:
        return join
    return f"sudo chown {user} {path}" + ("" if known else f" && {join}")
