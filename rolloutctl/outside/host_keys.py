"""Whether a server on the way is the right one: its key against known_hosts and the pinned keys, and what is said."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import paramiko

from rolloutctl.errors import WrongHostKey
from rolloutctl.outside.known_hosts import KnownHosts, Verdict, fingerprint
from rolloutctl.outside.ssh_route import Leg
from rolloutctl.rules.config import Host

_DEFAULT_PORT = 22


@dataclass(frozen=True, slots=True)
class Sighting:
    """The key that one server on the way showed, and what is known of it."""

    name: str  # as known_hosts calls the server
    where: str
    kind: str
    base64: str
    fingerprint: str
    verdict: Verdict
    hop: bool  # a jump host, not the host itself
    pinned: bool  # judged by known_hosts: of environments.yaml, and by no file
    authority: bool  # known_hosts trusts an authority for this name, whose certificates paramiko can't check
    file: Path | None  # where this person's known hosts are kept

    @property
    def line(self) -> str:
        """The line for known_hosts."""
        return f"{self.name} {self.kind} {self.base64}"


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
            where=leg.where,
            kind=key.get_name(),
            base64=key.get_base64(),
            fingerprint=shown,
            verdict=verdict,
            hop=leg.hop,
            pinned=pinned,
            authority=not pinned and any(map(self._known.has_authority, self._names())),
            file=leg.learned,
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
    message, hint = _said(sighting, leg)
    error = WrongHostKey(message, hint=hint)
    error.verdict = sighting.verdict
    return error


def _said(sighting: Sighting, leg: Leg) -> tuple[str, str]:
    name = f"the jump host {leg.name} ({sighting.name})" if leg.hop else sighting.name
    shown = f"{sighting.kind} {sighting.fingerprint}"
    if sighting.verdict == "revoked":
        return f"The host key of {name} is revoked: {shown}.", "Ask who revoked it."
    if sighting.authority:
        return (
            f"The host key of {name} is vouched for by an authority (@cert-authority in known_hosts), and paramiko "
            f"cannot check that: {shown}.",
            "In environments.yaml, set connection: openssh for this host; or pin its key there with known_hosts:.",
        )
    if sighting.verdict == "unknown":
        return f"The host key of {name} is not known: {shown}.", f"Compare it with the server's, then: {_learn(leg)}"
    return (
        f"THE HOST KEY OF {name} HAS CHANGED: it now shows {shown}. Somebody may stand in between.",
        "The fingerprint in known_hosts: of environments.yaml has to be the new one, if that is right."
        if sighting.pinned
        else f"If the server was set up anew: ssh-keygen -R '{sighting.name}', then add the new key.",
    )


def _learn(leg: Leg) -> str:
    """The command that adds the key; where ssh-keyscan does not get, or writes another name, ssh itself asks."""
    if leg.over or leg.command or leg.known_as:
        return leg.ssh
    port = "" if leg.port == _DEFAULT_PORT else f" -p {leg.port}"
    return f"ssh-keyscan{port} {shlex.quote(leg.address)} >> ~/.ssh/known_hosts"


def _is_of(kind: str, wanted: Iterable[str]) -> bool:
    # An RSA key is known as ssh-rsa and signs as rsa-sha2-*.
    return kind in wanted or (kind.startswith("rsa-sha2") and "ssh-rsa" in wanted)
