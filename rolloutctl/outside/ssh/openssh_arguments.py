"""The arguments for OpenSSH's client: what rolloutctl insists on; all else is said by ~/.ssh/config."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from rolloutctl.errors import Unreachable
from rolloutctl.outside.ssh.ssh_config import Said, ask_ssh, at_home, own_configuration, paths_in
from rolloutctl.rules.config import Host

CONNECT = 10  # seconds for the TCP connection, the greeting and the key exchange
_ALIVE = (10, 3)  # seconds between two signs of life, and how many may stay without an answer

# A host's key is always checked. What only serves a person at a terminal, or opens ports here, is left out.
_FIXED = {
    "BatchMode": "yes",
    "StrictHostKeyChecking": "yes",
    "NoHostAuthenticationForLocalhost": "no",
    "UpdateHostKeys": "no",
    "LogLevel": "DEBUG1",
    "ConnectTimeout": str(CONNECT),
    "ServerAliveInterval": str(_ALIVE[0]),
    "ServerAliveCountMax": str(_ALIVE[1]),
    "ClearAllForwardings": "yes",
    "ForwardX11": "no",
    "RemoteCommand": "none",
}
# Prints a line of known_hosts for a key whose fingerprint is pinned, and what the usual files say of revoked ones.
_PINNED = 'f=$1 n=$2 t=$3 k=$4; shift 4; grep -hs ^@revoked "$@"; case $f in {pins}) echo "$n $t $k";; esac'


def arguments(host: Host) -> tuple[str, ...]:
    """All that stands before the command."""
    moved = _moved(host) if own_configuration() else ()
    options = [*_FIXED.items(), *(_pins(host).items() if host.known_hosts else ()), *moved]
    words = (word for name, value in options for word in ("-o", f"{name}={value}"))
    return ("ssh", *own_configuration(), "-T", "-e", "none", *words, *_own(host), "--", host.address)


def environment() -> dict[str, str]:
    """The client's environment: its words in English, and nobody asked for a passphrase in a window."""
    return {**os.environ, "LC_ALL": "C", "SSH_ASKPASS_REQUIRE": "never"}


def typed(host: Host) -> str:
    """What a person types to go there."""
    port = ("-p", str(host.port)) if host.port else ()
    return shlex.join(("ssh", *port, f"{host.user}@{host.address}" if host.user else host.address))


def _own(host: Host) -> Iterable[str]:
    """What environments.yaml says of the host."""
    yield from ("-p", str(host.port)) if host.port else ()
    yield from ("-l", host.user) if host.user else ()
    yield from ("-i", str(Path(host.key).expanduser()), "-o", "IdentitiesOnly=yes") if host.key else ()


def _moved(host: Host) -> Iterable[tuple[str, str]]:
    """Where $HOME is not the account's home, ssh would look for known hosts and keys in the other one."""
    said: Said = {}
    with suppress(Unreachable):  # ssh itself will say what is wrong with its configuration
        said = ask_ssh(host.address, host.user, host.port) or {}
    if said and not host.known_hosts:
        files = (path for line in said.get("userknownhostsfile", ()) for path in paths_in(line))
        yield "UserKnownHostsFile", " ".join(f'"{_percent(str(path))}"' for path in files) or "none"
    if not host.key:
        yield from (("IdentityFile", _percent(str(at_home(line)))) for line in said.get("identityfile", ()))


def _pins(host: Host) -> Mapping[str, str]:
    """Only a key with a pinned fingerprint is the host's; so no file, no DNS and nobody's open connection says more."""
    script = _PINNED.format(pins="|".join(host.known_hosts))
    files = " ".join(f'"{_percent(path)}"' for path in _known_hosts_files(host))
    return {
        "KnownHostsCommand": f"/bin/sh -c '{script}' sh %f %H %t %K {files}",
        "UserKnownHostsFile": "none",
        "GlobalKnownHostsFile": "none",
        "VerifyHostKeyDNS": "no",
        "ControlPath": "none",
    }


def _known_hosts_files(host: Host) -> tuple[str, ...]:
    """The files that ssh would read for the host."""
    said = ask_ssh(host.address, host.user, host.port) or {}
    lines = (*said.get("userknownhostsfile", ()), *said.get("globalknownhostsfile", ()))
    return tuple(str(path) for line in lines for path in paths_in(line))


def _percent(path: str) -> str:
    return path.replace("%", "%%")
