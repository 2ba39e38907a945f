"""What ~/.ssh/config says of a host, resolved by OpenSSH itself: ``ssh -G``."""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from shutil import which

from rolloutctl.errors import Unreachable
from rolloutctl.rules.config import Host


@dataclass(frozen=True, slots=True)
class Route:
    """How to reach a host: the address and port to connect to, the login name, the keys to try."""

    address: str
    port: int
    user: str | None
    keys: tuple[Path, ...]
    known_hosts: tuple[Path, ...]


def resolve(host: Host) -> Route:
    """The way to a host, from environments.yaml first and ~/.ssh/config for the rest.

    Raises:
        Unreachable: the way leads over a jump host or a proxy command.
    """
    home = Path.home() / ".ssh"
    own = (Path(host.key).expanduser(),) if host.key else ()
    said = None if host.connection == "embedded" else _ask_ssh(host)
    if said is None:
        keys = own or tuple(home / f"id_{kind}" for kind in ("ed25519", "ecdsa", "rsa"))
        return Route(host.address, host.port or 22, host.user, keys, (home / "known_hosts",))
    for option in ("proxyjump", "proxycommand"):
        if said.get(option, ["none"])[0] != "none":
            raise Unreachable(
                f"~/.ssh/config leads to {host.address} over {option}, which this version cannot follow.",
                hint="Run rolloutctl where the host is reached directly.",
            )
    return Route(
        address=said["hostname"][0],
        port=int(said["port"][0]),
        user=said["user"][0],
        keys=own or tuple(_at_home(path) for path in said.get("identityfile", ())),
        known_hosts=tuple(_at_home(path) for path in said["userknownhostsfile"][0].split()),
    )


def _ask_ssh(host: Host) -> dict[str, list[str]] | None:
    if which("ssh") is None:
        return None
    command = ["ssh", "-G"]
    command += ["-p", str(host.port)] if host.port else []
    command += ["-l", host.user] if host.user else []
    if (home := Path.home()) != _account_home():  # OpenSSH goes by the account, people and tests by $HOME
        config = home / ".ssh" / "config"
        command += ["-F", str(config) if config.exists() else "none"]
    done = subprocess.run([*command, "--", host.address], capture_output=True, text=True, check=False, timeout=10)
    if done.returncode != 0:
        return None
    said: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        name, _, value = line.partition(" ")
        said.setdefault(name, []).append(value)
    return said


def _account_home() -> Path:
    return Path(pwd.getpwuid(os.getuid()).pw_dir)


def _at_home(path: str) -> Path:
    """A path that ssh resolved to the account's home, below $HOME."""
    found = Path(path).expanduser()
    account = _account_home()
    return Path.home() / found.relative_to(account) if found.is_relative_to(account) else found
