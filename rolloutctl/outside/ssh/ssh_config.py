"""What ~/.ssh/config says of a name, by OpenSSH itself: ``ssh -G``; and what its percent signs stand for."""

from __future__ import annotations

import os
import pwd
import re
import socket
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from rolloutctl.errors import Unreachable

Said = Mapping[str, tuple[str, ...]]  # each option in lower case, with its lines in the order of the configuration
_SYSTEM_WIDE = Path("/etc/ssh/ssh_config")
_PATIENCE = 20.0  # seconds; a `Match exec` may take its time


def ask_ssh(name: str, user: str | None = None, port: int | None = None) -> Said | None:
    """What ssh would do for `ssh NAME`; None where no ssh client is installed.

    Raises:
        Unreachable: ssh cannot read its configuration, or makes nothing of the name.
    """
    command = ["ssh", "-G", *(["-p", str(port)] if port else []), *(["-l", user] if user else [])]
    command += own_configuration()
    try:
        done = subprocess.run(
            [*command, "--", name],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_PATIENCE,
            stdin=subprocess.DEVNULL,
        )
    except (FileNotFoundError, PermissionError):
        return None
    except subprocess.TimeoutExpired as error:
        raise Unreachable(
            f"`ssh -G {name}` did not end within {_PATIENCE:.0f} s.",
            hint="Does a `Match exec` in ~/.ssh/config hang?",
        ) from error
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["it said nothing"])[0].rstrip(".")
        raise Unreachable(f"`ssh -G {name}` fails: {reason}.", hint="See ~/.ssh/config, and the host's address.")
    return _options(done.stdout)


def own_configuration() -> tuple[str, ...]:
    """The arguments that make ssh read ~/.ssh/config: OpenSSH goes by the account's home, people and tests by $HOME."""
    if (home := Path.home()) == account_home():
        return ()
    config = home / ".ssh" / "config"
    return ("-F", str(next((path for path in (config, _SYSTEM_WIDE) if path.exists()), "none")))


def expand(text: str, tokens: Mapping[str, str]) -> str:
    """Put the values for percent signs, as ssh_config(5) names them under TOKENS; an unknown one stays."""
    return re.sub(r"%(.)", lambda found: "%" if found[1] == "%" else tokens.get(found[1], found[0]), text)


def with_environment(text: str) -> str:
    """Put the values for ``${NAME}``; one that isn't set stays."""
    return re.sub(r"\$\{(\w+)\}", lambda found: os.environ.get(found[1], found[0]), text)


def local_tokens() -> dict[str, str]:
    """What the percent signs mean that are about this machine and not about the host."""
    name = socket.gethostname()
    user = pwd.getpwuid(os.getuid()).pw_name
    return {"d": str(Path.home()), "i": str(os.getuid()), "l": name, "L": name.partition(".")[0], "u": user}


def paths_in(line: str) -> tuple[Path, ...]:
    """The files that one line names; ssh leaves out the quotes around one with a blank in it."""
    return tuple(at_home(path) for path in re.split(r" (?=[/~])", line) if path and path != "none")


def at_home(path: str) -> Path:
    """A path that ssh resolved to the account's home, below $HOME."""
    found = Path(path).expanduser()
    account = account_home()
    return Path.home() / found.relative_to(account) if found.is_relative_to(account) else found


@cache
def account_home() -> Path:
    """The home that the account has, whatever $HOME says."""
    return Path(pwd.getpwuid(os.getuid()).pw_dir)


def _options(printed: str) -> Said:
    said: dict[str, tuple[str, ...]] = {}
    for line in printed.splitlines():
        name, _, value = line.partition(" ")
        said[name.lower()] = (*said.get(name.lower(), ()), value)
    return said
