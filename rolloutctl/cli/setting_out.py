"""Sets out for the hosts before the command line is read: loading what reads it takes as long as to greet a server.

Only where its first words leave no doubt of where they lead. Whatever is wrong is told by whoever reads it: here it
means to stay at home.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from rolloutctl.cli.terminal import TERMINAL

if TYPE_CHECKING:
    from rolloutctl.outside.opening import SessionOpener
    from rolloutctl.rules.config import Configuration, Environment

_STAY = {"--help", "-h", "--", "--at", "--code", "--database"}  # with one of them no host may be wanted
_SWITCH = {"true", "false"}
_GIVEN = {"--yes", "-y", "--confirm"}  # with one of them nobody is asked for a reason
_COMMANDS = {"toggle", "status", "rollback"}


class Departure(Struct):
    """What was set out with: the configuration that `config` (None: not named) leads to, and the sessions."""

    config: Path | None
    configuration: Configuration
    sessions: SessionOpener
    _agreed: threading.Event

    def agreed(self) -> None:
        """The command line is understood: from now on a person may be asked for a passphrase."""
        self._agreed.set()


def set_out(argv: Sequence[str]) -> Departure | None:
    """Set out for where the words lead; None: they may lead nowhere."""
    words, config = list(argv), None
    if words[:1] == ["--config"] and len(words) > 1:
        config, words = Path(words[1]), words[2:]
    if not _COMMANDS.intersection(words[:1]) or any(word.partition("=")[0] in _STAY for word in words):
        return None
    try:
        return _departure(words, config)
    except Exception:  # noqa: BLE001 - whoever reads the command line meets it as well, and has the words for it
        return None


def _departure(words: Sequence[str], config: Path | None) -> Departure | None:
    from rolloutctl.outside.places import find  # noqa: PLC0415 - not for other commands
    from rolloutctl.outside.yaml_file import load  # noqa: PLC0415

    configuration = load(find(config, os.environ, Path.cwd()))
    bound_for = _bound_for(words, configuration)
    if not bound_for:
        return None
    from rolloutctl.outside.opening import SessionOpener  # noqa: PLC0415 - as above
    from rolloutctl.outside.ssh.keyring import Keyring  # noqa: PLC0415

    agreed = threading.Event()

    def passphrase(path: str, *, again: bool) -> str | None:
        agreed.wait()
        return TERMINAL.passphrase(path, again=again)

    sessions = SessionOpener(Keyring(passphrase))
    sessions.set_out(bound_for, configuration.flags.values(), content=words[0] == "toggle")
    return Departure(config, configuration, sessions, agreed)


def _bound_for(words: Sequence[str], configuration: Configuration) -> list[Environment]:
    command, *names = words
    known = configuration.environments
    if command == "toggle":
        sure = len(names) > 2 and names[1] in configuration.flags and names[2] in _SWITCH  # noqa: PLR2004
        asks = names[2:3] == ["true"] and not any(name.partition("=")[0] in _GIVEN for name in names)
        # What is seen while a person is being asked would be old by the time it counts.
        return [known[name] for name in names[:1] if sure and name in known and not (asks and known[name].protected)]
    if command == "status":  # none of its options takes a word
        names = [name for name in names if not name.startswith("-")]
    return [known[name] for name in names[:1] if name in known] if names else list(known.values())
