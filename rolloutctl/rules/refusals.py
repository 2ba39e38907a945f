"""Why a host would not prepare, in words: what it means, and the line that mends it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from rolloutctl.rules.host import Event
from rolloutctl.rules.plans import HostPlan, Plan
from rolloutctl.rules.proof import Objection

IN_PLACE = {
    "folder": "its folder can't be written",
    "links": "it has several hard links",
    "mount": "it is a mount point",
    "owner": "its owner or group could not be kept",
    "acl": "it has an access control list",
}
_SUDO = re.compile(r"sudo -n (?:-u (?P<user>\S+) )?")
_SPECIAL = re.compile(r"[,:=\\]")  # sudoers(5): they need a backslash in a command's arguments
_BEHIND_A_BACKSLASH = r"\\\g<0>"


def why_unrecorded(answers: Iterable[Event]) -> str:
    """Why a host did not write a record that it was given; empty when it did."""
    kinds = {event.kind: event for event in answers}
    if "record" in kinds:
        return ""
    refused = kinds.get("refused", Event("refused"))
    return {
        "busy": "another command has its audit log open, and does not end",
        "unwritable": "its audit log can't be written: is the disk full?",
        "state": refused.text(2),
    }.get(refused.text(0)) or "its audit log was not written"


def refusal_in_words(event: Event, plan: Plan, host: HostPlan) -> Objection:
    """What a `refused` answer means."""
    why, number, output = event.text(0), event.text(1), event.text(2)
    user, file = host.state.user, ".env"
    step = _step(plan, number) if why in {"sudo", "no-sudo", "check"} else ""
    said = tuple(line for line in output.splitlines() if line.strip())
    words = {
        "build": ("The new config cache cannot be built.", "Mend what artisan says; nothing live was touched.", said),
        "sudo": (
            f"`{step}` is not allowed for the user {user}: sudo asks for a password.",
            f"Allow it in /etc/sudoers.d/rolloutctl: {sudoers_line(user, step)}",
            (),
        ),
        "no-sudo": (f"`{step}` cannot run: there is no sudo on the host.", "Install sudo, or change the step.", ()),
        "check": (f"The check of the step `{step}` fails.", "Mend what it says.", said),
        "unwritable": (
            f"{file} cannot be written by the user {user}.",
            f"Let {user} own it, or be in its group with mode 0660.",
            (),
        ),
        "unwritable-cache": (
            f"The config cache {output} cannot be written by the user {user}.",
            f"Let {user} own bootstrap/cache, or be in its group with mode 0775.",
            (),
        ),
        "strange-cache": (
            f"In the place of the config cache, at {output}, stands something that is no file of the application's.",
            f"See what it is and who made it: ls -l {output}; then remove it, and php artisan config:cache.",
            (),
        ),
        "in-place": (
            f"{file} can only be written in place, as {IN_PLACE.get(output, output)}, and no config cache stands "
            "that would hide the moment of writing.",
            "Run php artisan config:cache once, or let the file be replaceable.",
            (),
        ),
        "no-php": (
            f"The application's php does not answer (exit {number}{': not found' if number == '127' else ''}).",
            "Set php: in environments.yaml to the host's PHP, for example php8.2.",
            said,
        ),
        "not-aside": (
            "The application ignores APP_CONFIG_CACHE, as Laravel 5.8 and older do: it can build no cache aside.",
            "Use a step `run: php artisan config:cache` instead of builtin: config-cache; "
            "the live cache is kept and put back.",
            (),
        ),
        "other-env": (
            f"The application reads {output}, not the file that would be edited.",
            "Set env_file: in environments.yaml to the file that the application reads.",
            (),
        ),
        "state": (
            f"No record can be written: {output}.",
            "Without a record there is no change. Set state_dir: in environments.yaml, or mend the folder.",
            (),
        ),
        "staging": (
            "The new .env could not be stored on the host: is its disk full?",
            "Make room, then try again.",
            (),
        ),
    }
    message, hint, details = words.get(why, (f"The host refuses: {why}.", "", said))
    return Objection(message, hint, details=details)


def _step(plan: Plan, number: str) -> str:
    steps = {str(count): step for count, step in enumerate(plan.environment.steps, 1)}
    return (steps[number].run or steps[number].name) if number in steps else "one of the steps"


def sudoers_line(user: str, step: str, program: str = "") -> str:
    """The line of sudoers that lets a user run a step such as `sudo -n -u www-data kill -USR2 1`.

    `program` is the path of the command where it is known; sudo compares paths.
    """
    found = _SUDO.match(step)
    runas, command = (found["user"] or "root", step[found.end() :]) if found else ("root", step)
    name, _, arguments = command.partition(" ")
    path = program or (name if name.startswith("/") else f"/usr/bin/{name}")
    return f"{user} ALL=({runas}) NOPASSWD: {path} {_SPECIAL.sub(_BEHIND_A_BACKSLASH, arguments)}".strip()
