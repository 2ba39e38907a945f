"""The way to a host: over which jump hosts or proxy it leads, and what each leg of it needs to be entered."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from rolloutctl.errors import Unreachable
from rolloutctl.outside.ssh.known_hosts import SYSTEM_FILES, is_plain, name_of
from rolloutctl.outside.ssh.ssh_config import Said, ask_ssh, at_home, expand, local_tokens, paths_in, with_environment
from rolloutctl.rules.config import Host

CONNECT = 10.0  # seconds for a TCP connection, unless ConnectTimeout says otherwise
_DEFAULT_PORT = 22
_MOST_HOPS = 10  # a jump host that leads to itself would be followed for ever
_DEFAULT_KEYS = ("id_rsa", "id_ecdsa", "id_ed25519")
# ProxyJump: [user@]host[:port] or ssh://[user@]host[:port], an IPv6 address in brackets.
_JUMP = re.compile(r"(?:ssh://)?(?:(?P<user>.+)@)?(?P<name>\[[^]]+\]|[^:]+)(?::(?P<port>\d+))?/?$")
# What ssh does for these words of its configuration, paramiko cannot.
_BEYOND = ("bindinterface", "knownhostscommand", "proxyusefdpass")


class Leg(Struct, frozen=True, kw_only=True):
    """One SSH server on the way: a jump host, or the host itself at the end."""

    name: str  # as it is written in environments.yaml or in ProxyJump: what one would say to ssh
    address: str
    port: int = _DEFAULT_PORT
    user: str | None = None
    keys: tuple[Path, ...] = ()
    certificates: tuple[Path, ...] = ()
    only_these: bool = False  # IdentitiesOnly: of the agent's keys, those that are among `keys`
    agent: str | None = None  # the agent's socket
    known_as: str | None = None  # HostKeyAlias
    known_hosts: tuple[Path, ...] = ()
    revoked: tuple[Path, ...] = ()
    command: str | None = None  # ProxyCommand
    family: str = "any"
    source: str | None = None  # BindAddress
    patience: float = CONNECT
    pkcs11: bool = False  # whether there are keys that only ssh itself can use
    learned: Path | None = None  # where this person's known hosts are kept
    hashes: bool = False  # HashKnownHosts: names are hashed there
    hop: bool = False  # a jump host, not the host itself
    over: str = ""  # the jump host before it

    @property
    def where(self) -> str:
        """Its place in a message, with the jump host before it."""
        place = f"{self.address} port {self.port}"
        if self.hop:
            place = f"the jump host {place}" if self.name == self.address else f"the jump host {self.name} ({place})"
            return f"{place} over {self.over}" if self.over else place
        return f"{place} over the jump host {self.over}" if self.over else place

    @property
    def known_name(self) -> str:
        """What it is called in known_hosts."""
        return self.known_as or name_of(self.address, self.port)

    @property
    def ssh(self) -> str:
        """The command by which a person would go there."""
        over = ["-J", self.over] if self.hop and self.over else []
        port = [] if self.port == _DEFAULT_PORT else ["-p", str(self.port)]
        return shlex.join(["ssh", *over, f"{self.user}@{self.name}" if self.user else self.name, *port])


def route_to(host: Host) -> tuple[Leg, ...]:
    """The way to a host, from environments.yaml first and ~/.ssh/config for the rest; the host is its last leg.

    Raises:
        Unreachable: ssh's configuration can't be read, leads in a circle, or asks for what paramiko cannot do.
    """
    said = None if host.connection == "embedded" else ask_ssh(host.address, host.user, host.port)
    legs = [_without_ssh(host)] if said is None else _legs(host.address, said, ())
    if host.key:
        own = Path(host.key).expanduser()
        # A key that nobody can match with the agent's may still be in there.
        matched = own.exists() or own.with_name(f"{own.name}.pub").exists()
        legs[-1] = replace(legs[-1], keys=(own,), only_these=matched)
    hops = [replace(leg, hop=True) for leg in legs[:-1]]
    before = ["", *(hop.name for hop in hops)]
    return tuple(replace(leg, over=over) for leg, over in zip([*hops, legs[-1]], before, strict=True))


def _legs(name: str, said: Said, seen: tuple[str, ...]) -> list[Leg]:
    """The legs to a name, jump hosts first; each jump host is what its own `ssh -G` says."""
    own = _leg(name, said)
    jumps = _one(said, "proxyjump")
    if jumps is None:
        return [own]
    hops: list[Leg] = []
    for jump in expand(jumps, _tokens(name, said)).split(","):
        found = _JUMP.match(jump.strip())
        if found is None:
            raise Unreachable(f"ProxyJump of {name} is no host: {jump}.", hint=f"Try: ssh -G {shlex.quote(name)}")
        hops += _hop(found, first=not hops, seen=(*seen, name))
    return [*hops, own]


def _hop(found: re.Match[str], *, first: bool, seen: tuple[str, ...]) -> list[Leg]:
    name = found["name"].strip("[]")
    if len(seen) > _MOST_HOPS:
        raise Unreachable(
            f"ProxyJump in ~/.ssh/config leads in a circle: {' to '.join(seen[:4])} ...", hint=f"Try: ssh {seen[0]}"
        )
    said = ask_ssh(name, found["user"], int(found["port"]) if found["port"] else None)
    assert said is not None  # noqa: S101 - ssh named this hop a moment ago
    # What comes before a later hop is the hop before it, whatever its own configuration says: as ssh -J does.
    return _legs(name, said, seen) if first else [replace(_leg(name, said), command=None)]


def _leg(name: str, said: Said) -> Leg:
    _refuse_what_is_beyond(name, said)
    tokens = _tokens(name, said)
    command = _one(said, "proxycommand")
    seconds = _one(said, "connecttimeout")
    return Leg(
        name=name,
        address=said["hostname"][0],
        port=int(said["port"][0]),
        user=said["user"][0],
        keys=_files(said, "identityfile", tokens),
        certificates=_files(said, "certificatefile", tokens),
        only_these=_one(said, "identitiesonly") == "yes",
        agent=_agent(said.get("identityagent", ("SSH_AUTH_SOCK",))[0]),
        known_as=_one(said, "hostkeyalias"),
        known_hosts=(*_known(said, "userknownhostsfile"), *_known(said, "globalknownhostsfile")),
        revoked=_known(said, "revokedhostkeys"),
        command=expand(command, tokens) if command else None,
        family=said.get("addressfamily", ("any",))[0],
        source=_one(said, "bindaddress"),
        patience=float(seconds) if seconds else CONNECT,
        pkcs11=_one(said, "pkcs11provider") is not None,
        learned=next(filter(_can_be_kept, _known(said, "userknownhostsfile")), None),
        hashes=_one(said, "hashknownhosts") == "yes",
    )


def _refuse_what_is_beyond(name: str, said: Said) -> None:
    beyond = [option for option in _BEYOND if _one(said, option) not in (None, "no")]
    # A key that is revoked must never pass because its file could not be read.
    beyond += ["revokedhostkeys"] * any(not is_plain(path) for path in _known(said, "revokedhostkeys"))
    for option in beyond:
        raise Unreachable(
            f"~/.ssh/config says {option} {said[option][0]} for {name}, which only ssh itself can follow.",
            hint="In environments.yaml, set connection: openssh for this host.",
        )


def _without_ssh(host: Host) -> Leg:
    home = Path.home() / ".ssh"
    return Leg(
        name=host.address,
        address=host.address,
        port=host.port or _DEFAULT_PORT,
        user=host.user,
        keys=tuple(home / name for name in _DEFAULT_KEYS),
        agent=_agent("SSH_AUTH_SOCK"),
        known_hosts=(home / "known_hosts", home / "known_hosts2", *SYSTEM_FILES),
        learned=home / "known_hosts",
    )


def _one(said: Said, option: str, *nothing: str) -> str | None:
    """An option's first line, unless that says that there is none."""
    value = said.get(option, ("none",))[0]
    return None if value in ("none", "", *nothing) else value


def _tokens(name: str, said: Said) -> dict[str, str]:
    address, port, user = (said[option][0] for option in ("hostname", "port", "user"))
    alias = _one(said, "hostkeyalias") or name
    return local_tokens() | {"h": address, "k": alias, "n": name, "p": port, "r": user}


def _files(said: Said, option: str, tokens: dict[str, str]) -> tuple[Path, ...]:
    lines = (with_environment(expand(line, tokens)) for line in said.get(option, ()) if line != "none")
    return tuple(dict.fromkeys(at_home(line) for line in lines))


def _known(said: Said, option: str) -> tuple[Path, ...]:
    return tuple(path for line in said.get(option, ()) for path in paths_in(line))


def _can_be_kept(path: Path) -> bool:
    """Whether host keys can be remembered there; /dev/null is no such place."""
    return path.is_file() or not path.exists()


def _agent(value: str) -> str | None:
    """The socket that IdentityAgent means: none, the environment's, another variable's, or a path."""
    if value == "none":
        return None
    if value == "SSH_AUTH_SOCK" or value.startswith("$"):
        return os.environ.get(value.strip("${}")) or None
    return str(at_home(value))
