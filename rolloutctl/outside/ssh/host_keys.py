"""Whether a server on the way is the right one: its key against known_hosts and the pinned keys, and what is said."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path

import paramiko
from msgspec import Struct

from rolloutctl.errors import WrongHostKey
from rolloutctl.outside.ssh.host_key_words import RefusedKey
from rolloutctl.outside.ssh.known_hosts import KnownHosts, Verdict, fingerprint
from rolloutctl.outside.ssh.ssh_route import Leg
from rolloutctl.rules.config import Host
from rolloutctl.rules.host_keys import Stranger

_DEFAULT_PORT = 22


class Sighting(Struct, frozen=True):
    """The key that one server on the way showed, and what is known of it."""

    name: str  # as known_hosts calls the server
    called: str  # what one would say to ssh
    kind: str
    base64: str
    fingerprint: str
    verdict: Verdict
    hop: bool  # a jump host, not the host itself
    pinned: bool  # judged by known_hosts: of environments.yaml, and by no file
    authority: bool  # known_hosts trusts an authority for this name, whose certificates paramiko can't check
    file: Path | None  # where this person's known hosts are kept
    hashed: bool  # whether names are hashed there

    @property
    def stranger(self) -> Stranger | None:
        """The key as one to be remembered; None where it must not be, or there is no file for it."""
        if self.verdict != "unknown" or self.authority or self.file is None:
            return None
        return Stranger(
            name=self.name,
            kind=self.kind,
            blob=self.base64,
            fingerprint=self.fingerprint,
            file=str(self.file),
            called=self.called,
            hashed=self.hashed,
            jump=self.hop,
        )


class Judge:
    """Judges the keys that one leg's server may show."""

    def __init__(self, host: Host, leg: Leg) -> None:
        self._pins = host.known_hosts
        self._leg = leg
        self._known = KnownHosts(leg.known_hosts, leg.revoked)

    def prefer(self, transport: paramiko.Transport) -> None:
        """Ask for the kinds of host key that are known first: another kind would look like a change."""
        kinds = next(filter(None, map(self._known.types, self._names())), ())
        if kinds:
            options = transport.get_security_options()
            options.key_types = sorted(options.key_types, key=lambda kind: not _is_of(kind, kinds))

    def sight(self, key: paramiko.PKey) -> Sighting:
        """What this key is to us."""
        shown, leg = fingerprint(key), self._leg
        verdict = self._verdict(key)
        pinned = bool(self._pins) and not leg.hop
        # A pin may also be a jump host's: where there is no file, it has no other place.
        if verdict != "revoked" and (pinned or shown in self._pins):
            verdict = "known" if shown in self._pins else "changed"
        return Sighting(
            name=leg.known_name,
            called=leg.name,
            kind=key.get_name(),
            base64=key.get_base64(),
            fingerprint=shown,
            verdict=verdict,
            hop=leg.hop,
            pinned=pinned,
            authority=not pinned and any(map(self._known.has_authority, self._names())),
            file=leg.learned,
            hashed=leg.hashes,
        )

    def _verdict(self, key: paramiko.PKey) -> Verdict:
        name, *bare = self._names()
        verdict = self._known.judge(name, key)
        # As ssh: who is known without a port is known on every port, unless another key is known for that one.
        if verdict == "unknown" and bare and self._known.judge(bare[0], key) == "known":
            return "known"
        return verdict

    def _names(self) -> tuple[str, ...]:
        leg = self._leg
        has_bare = leg.known_as is None and leg.port != _DEFAULT_PORT
        return (leg.known_name, leg.address) if has_bare else (leg.known_name,)


def wrong_key(sighting: Sighting, leg: Leg) -> WrongHostKey:
    """What is said of a key that is not the known one."""
    vouched = sighting.authority and sighting.verdict != "revoked"
    return RefusedKey(
        verdict="authority" if vouched else sighting.verdict,
        name=sighting.name,
        shown=f"{sighting.kind} {sighting.fingerprint}",
        adds=_learn(leg),
        pinned=sighting.pinned,
        place=f"the jump host {leg.name} ({sighting.name})" if leg.hop else "",
    ).error()


def _learn(leg: Leg) -> str:
    """The command that adds the key; where ssh-keyscan does not get, or writes another name, ssh itself asks."""
    if leg.over or leg.command or leg.known_as:
        return leg.ssh
    port = "" if leg.port == _DEFAULT_PORT else f" -p {leg.port}"
    return f"ssh-keyscan{port} {shlex.quote(leg.address)} >> ~/.ssh/known_hosts"


def _is_of(kind: str, wanted: Iterable[str]) -> bool:
    # An RSA key is known as ssh-rsa and signs as rsa-sha2-*.
    return kind in wanted or (kind.startswith("rsa-sha2") and "ssh-rsa" in wanted)
