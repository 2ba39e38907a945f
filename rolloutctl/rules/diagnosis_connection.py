"""What doctor says of the way to a host, and of a host that let no session begin."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

from rolloutctl.errors import NotLetIn, Unfit, Unreachable, WrongHostKey
from rolloutctl.rules.config import Host
from rolloutctl.rules.examined import Examined
from rolloutctl.rules.redact import printable
from rolloutctl.rules.verdicts import SUDOERS, Fix, Verdict, fail, here, in_yaml, named, ok, on_host, skipped, warn

REACHABLE, HOST_KEY, AUTHENTICATION, SESSION = "reachable", "host key", "authentication", "session"
_OTHER_USER = re.compile(r"sudo -n -u (\S+)")
_SKEW = 2.0  # seconds
_NOISE = 60  # characters of it that are shown


def of_lost(error: Unreachable, host: Host, environment: str) -> tuple[Verdict, ...]:
    """What kept a host from being looked at, and what is known of it all the same."""
    steps: tuple[Verdict, ...]
    if isinstance(error, WrongHostKey):
        steps = (ok(f"{host.address} answers"), _wrong_key(error, environment))
    elif isinstance(error, NotLetIn):
        steps = (
            ok(f"{host.address} answers"),
            ok("the known one"),
            fail(error.message, Fix(error.hint), error.details),
        )
    elif isinstance(error, Unfit):
        steps = (ok(f"{host.address} answers"), ok("the known one"), ok("let in"), *_unfit(error, host))
    else:
        steps = (fail(error.message, Fix(error.hint), error.details),)
    names = (REACHABLE, HOST_KEY, AUTHENTICATION, *([SESSION] * len(steps)))
    looked = [verdict for name, step in zip(names, steps, strict=False) for verdict in named(name, (step,))]
    left = names[len(looked) : 3]
    return (*looked, *(verdict for name in left for verdict in named(name, (skipped("the step before fails"),))))


def of_reached(seen: Examined) -> tuple[Verdict, ...]:
    """How we came in."""
    if seen.host.connection == "local":
        return named(REACHABLE, (ok("this machine"),))
    return (
        *named(REACHABLE, (ok(f"{seen.host.address} answers"),)),
        *named(HOST_KEY, (ok("the known one"),)),
        *named(AUTHENTICATION, (ok(seen.way or "let in"),)),
    )


def only_openssh(error: Unreachable, host: Host) -> tuple[Verdict, ...]:
    """What failed as environments.yaml has it, and works by the system's own ssh."""
    check = (
        HOST_KEY if isinstance(error, WrongHostKey) else AUTHENTICATION if isinstance(error, NotLetIn) else REACHABLE
    )
    text = f"{error.message} The system's own ssh gets in: let it."
    return named(check, (fail(text, in_yaml("connection: openssh", host.name), error.details),))


def login_shell(seen: Examined) -> Iterable[Verdict]:
    """Whether the login shell keeps quiet where programs talk."""
    said = " ".join(printable(seen.noise).split())
    if said:
        shown = said if len(said) <= _NOISE else said[: _NOISE - 3] + "..."
        yield warn(
            f'it prints on stdout before any command: "{shown}". rolloutctl passes it over; scp and rsync may not.',
            on_host("grep -nE 'echo|printf|cat |fortune|neofetch' ~/.bashrc ~/.profile ~/.zshrc"),
        )
    else:
        yield ok("quiet")


def twins(seen: Examined) -> Iterable[Verdict]:
    """Whether the host is listed once."""
    if seen.twin:
        yield fail(
            f"{seen.twin} and {seen.host.name} are the same application on the same machine.",
            Fix(f"Remove {seen.host.name} from hosts: of {seen.environment.name} in environments.yaml."),
        )
    else:
        yield ok("no other host is this application on this machine")


def clock(seen: Examined) -> Iterable[Verdict]:
    """Whether the host's clock agrees with the operator's: records of several hosts are compared by time."""
    if seen.moment is None:
        yield skipped("the host did not tell its time")
    elif abs(seen.moment.skew) > _SKEW:
        way = "ahead of" if seen.moment.skew > 0 else "behind"
        yield warn(
            f"the host's clock is {abs(seen.moment.skew):.0f} s {way} this machine's; records tell wrong times.",
            on_host("sudo timedatectl set-ntp true"),
        )
    else:
        yield ok("agrees with this machine's")


def _wrong_key(error: WrongHostKey, environment: str) -> Verdict:
    trust = here(shlex.join(["rolloutctl", "trust", environment]))
    fix = trust if error.verdict == "unknown" else Fix(error.hint)
    return fail(error.message, fix, error.details)


def _unfit(error: Unfit, host: Host) -> Iterable[Verdict]:
    if not error.faults:
        yield fail(error.message, _may_become(error, host) or Fix(error.hint), error.details)
    for message, hint in error.faults:
        yield fail(message, Fix(hint))


def _may_become(error: Unfit, host: Host) -> Fix | None:
    """The line of sudoers where `shell:` makes the session another user's, and may not."""
    becomes = _OTHER_USER.match(host.shell or "")
    if not becomes or not host.user or "a password is required" not in error.message:
        return None
    return Fix(f"{host.user} ALL=({becomes[1]}) NOPASSWD: ALL", SUDOERS)
