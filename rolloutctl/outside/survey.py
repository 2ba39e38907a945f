"""The client's side of a survey: what `init` asks a server that no environments.yaml knows; survey.sh is the host's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from rolloutctl.contracts import Connection
from rolloutctl.errors import Unfit, Unreachable
from rolloutctl.outside.answers import texts_of
from rolloutctl.outside.command import survey_command
from rolloutctl.outside.opening import connect
from rolloutctl.outside.ssh.keyring import Keyring
from rolloutctl.outside.wire import Wire
from rolloutctl.rules.config import Host
from rolloutctl.rules.host import Event
from rolloutctl.rules.redact import printable
from rolloutctl.rules.survey import Closer, Machine, closer_from, machine_from

_PATIENCE = 60.0  # seconds; the host's php may take 30
# Positions of the tokens that travel as base64, by the kind of answer.
_TEXTS: Mapping[str, tuple[int, ...]] = {
    "application": (0, 2, 4),
    "held": (0,),
    "hello": (0,),
    "invalid": (0, 1, 2),
    "key": (0,),
    "laravel": (0, 1, 2),
    "php": (0, 1),
    "settings": (0, 1, 2),
    "site": (0, 1, 3),
    "unit": (0, 1),
    "volatile": (0,),
}


class HostSurvey:
    """Looks at one host over one connection; changes nothing there. `tree` stands in front of the usual places."""

    def __init__(self, host: Host, connection: Connection, tree: str = "") -> None:
        self._host = host
        self._connection = connection
        self._tree = tree

    def machine(self) -> Machine:
        """The server as a whole, with the applications on it."""
        return machine_from(self._ask(replace(self._host, app="")))

    def application(self, path: str, *, php: str, shell: str | None) -> Closer:
        """One application, by its own PHP, as whoever `shell` makes us."""
        return closer_from(self._ask(replace(self._host, app=path, php=php, shell=shell)))

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def _ask(self, host: Host) -> tuple[Event, ...]:
        wire = Wire(self._connection.start(survey_command(host, self._tree)))
        told: list[Event] = []
        try:
            told.extend(_until_done(wire))
        except Unreachable as error:
            said = printable(wire.last_words()).splitlines() if not told else []
            raise Unfit(
                f"The look at the host was cut off: {said[-1] if said else error.message}.",
                subject=host.name,
                hint="Its login shell has to run `sh`; try: ssh HOST sh -c true",
            ) from error
        finally:
            wire.close()
        return tuple(told)


def survey(host: Host, keyring: Keyring | None = None) -> HostSurvey:
    """Connect, in order to look.

    Raises:
        Unreachable: the host can't be reached, or lets nobody in.
    """
    return HostSurvey(*connect(host, keyring))


def _until_done(wire: Wire) -> Iterator[Event]:
    for tokens in wire.answers(_PATIENCE):
        if tokens[0] == "done":
            return
        if tokens[0] == "missing":
            raise Unreachable(f"the command {tokens[-1]} is missing")
        yield Event(tokens[0], tuple(text.decode(errors="replace") for text in texts_of(tokens, _TEXTS)))
