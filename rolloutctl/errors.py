"""What can go wrong, each with its exit status, the state it leaves behind and the next command.

RolloutctlError            1  a defect of rolloutctl itself
├── UsageError             2  wrong usage
│   └── ConfigurationError 2  environments.yaml is wrong
├── Refused                3  nothing was touched
│   └── Unreachable        3  a host could not be reached
│       ├── Unlisted          which hosts there are could not be learnt
│       ├── NoAnswer          the way does not end at an SSH server: name, network, proxy, greeting
│       ├── WrongHostKey      its key is unknown, changed or revoked
│       ├── NotLetIn          it is the right host, and refuses the login
│       └── Unfit             it lets us in, and no session begins there
├── PutBack                4  failed, and everything is as it was
├── PersonNeeded           5  a host is in doubt, or was not reached by a switch-off
└── Unhealthy              6  the application or a flag is not as it should be
"""

from __future__ import annotations

from typing import ClassVar


class RolloutctlError(Exception):
    """An error that a person reads: what happened, where, the state now, and the next command.

    Args:
        message: what happened, one sentence.
        subject: where: an environment, ``environment · host``, or a file with its line.
        state: the state of the hosts now; empty when `message` says it.
        hint: the next command, or the line that mends it.
        details: further lines, one for each host or fault.
    """

    exit_status: ClassVar[int] = 1
    code: ClassVar[str] = "defect"

    def __init__(
        self,
        message: str,
        *,
        subject: str = "",
        state: str = "",
        hint: str = "",
        details: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.subject = subject
        self.state = state
        self.hint = hint
        self.details = details


class UsageError(RolloutctlError):
    """The command line asks for something that does not exist or does not fit together."""

    exit_status = 2
    code = "usage"


class ConfigurationError(UsageError):
    """environments.yaml is missing or wrong; `details` has a line for each fault found."""

    code = "configuration"


class Refused(RolloutctlError):
    """The change was not begun, or not let through; no host was touched."""

    exit_status = 3
    code = "refused"


class Unreachable(Refused):
    """A host could not be reached, or would not let us in."""

    code = "unreachable"


class Unlisted(Unreachable):
    """Which hosts an environment has could not be learnt from where they are listed."""


class CutOff(Unreachable):
    """The line to a host was cut, or the host's side ended, in the middle of a session."""


class NoAnswer(Unreachable):
    """The way to the host does not end at an SSH server: unknown name, no route, a proxy that fails, no greeting."""


class WrongHostKey(Unreachable):
    """The host's key is not the known one.

    `verdict` is unknown, changed, revoked, or authority: a matter of certificates. `pinned`: environments.yaml says
    which key it should be, and no known_hosts file.
    """

    verdict: str = "unknown"
    pinned: bool = False


class NotLetIn(Unreachable):
    """It is the right host, and it refuses the login."""


class Unfit(Unreachable):
    """The host lets us in, and no session begins there: a login shell, a missing tool, no application.

    `faults` has each thing that is wrong, with its remedy, where the host could tell.
    """

    faults: tuple[tuple[str, str], ...] = ()


class PutBack(RolloutctlError):
    """The change failed, and every host is as it was before."""

    exit_status = 4
    code = "put_back"


class PersonNeeded(RolloutctlError):
    """A host is in doubt, was not reached by a switch-off, or a `once` step failed."""

    exit_status = 5
    code = "person_needed"


class Unhealthy(RolloutctlError):
    """The application, or a flag in it, is not as it should be."""

    exit_status = 6
    code = "unhealthy"
