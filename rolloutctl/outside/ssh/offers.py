"""Which keys a server is offered, and in which order: ssh's own, so that the same one lets us in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import paramiko
from msgspec import Struct

from rolloutctl.outside.ssh.agents import Agent
from rolloutctl.outside.ssh.key_files import (
    certificate_in,
    certified,
    kind_of,
    load,
    public_half,
    shown,
    with_certificate,
)
from rolloutctl.outside.ssh.keyring import Keyring
from rolloutctl.outside.ssh.ssh_route import Leg


class Offer(Struct, frozen=True):
    """A key that a server may be offered.

    `blob` is what the server is asked about; None: only the opened file tells. `ready` tells whether the key signs at
    once and without bothering anybody, so that asking first would be a round trip too many. `key` raises Unusable.
    """

    label: str
    blob: bytes | None
    ready: Callable[[], bool]
    key: Callable[[], paramiko.PKey]


class Offers(Struct, frozen=True):
    """All that can be offered on one leg; `passed_over` are files that can't, with the reason."""

    wanted: tuple[Offer, ...]
    passed_over: tuple[str, ...]

    def __iter__(self) -> Iterator[Offer]:
        """Each key once."""
        seen: set[bytes | None] = set()
        for offer in self.wanted:
            if offer.blob is None or offer.blob not in seen:
                seen.add(offer.blob)
                yield offer


def offers_for(leg: Leg, agent: Agent, keyring: Keyring) -> Offers:
    """What to offer: listed certificates, the agent's keys that are also files, its others, then the files."""
    there = [path for path in leg.keys if path.exists() or public_half(path) is not None]
    files = {path: public_half(path) for path in there}
    held = agent.blobs()
    made = _Maker(files, agent, keyring)
    implied = [] if leg.certificates else [path.with_name(f"{path.name}-cert.pub") for path in there]
    own = {blob for blob in (*files.values(), *map(certificate_in, implied)) if blob is not None}
    wanted = [
        *made.certificates(leg.certificates),
        *(made.from_agent(blob) for blob in held if blob in own),
        *(made.from_agent(blob) for blob in held if blob not in own and not leg.only_these),
        *made.certificates(implied),
        *(made.from_file(path) for path in there if path.exists()),
    ]
    return Offers(tuple(wanted), (*_missing(leg, there), *([agent.problem] if agent.problem else [])))


def _missing(leg: Leg, there: list[Path]) -> Iterable[str]:
    # ssh's defaults name seven files, of which few people have more than one or two.
    if len(leg.keys) == 1 and not there:
        yield f"{shown(leg.keys[0])} (there is no such file)"
    for path in leg.certificates:
        if certificate_in(path) is None:
            yield f"{shown(path)} ({'it holds no certificate' if path.exists() else 'there is no such file'})"


class _Maker(Struct, frozen=True):
    """Makes offers of one leg's key files and of the agent's keys."""

    files: dict[Path, bytes | None]
    agent: Agent
    keyring: Keyring

    def from_agent(self, blob: bytes) -> Offer:
        named = next((shown(path) for path, half in self.files.items() if half == blob), "")
        if not named:
            key = next(each for each in self.agent.get_keys() if each.blob == blob)
            named = key.comment or f"{key.get_name()} {key.fingerprint}"
        return Offer(f"{named} from the agent", blob, _never, partial(self.agent.key, blob))

    def from_file(self, path: Path) -> Offer:
        blob = self.files[path]
        key = partial(self.keyring.key, path, load)
        return Offer(shown(path), blob, partial(self._ready, path), key)

    def certificates(self, paths: Iterable[Path]) -> Iterator[Offer]:
        for path in paths:
            certificate = certificate_in(path)
            if certificate is not None and (offer := self._certificate(path, certificate)) is not None:
                yield offer

    def _certificate(self, path: Path, certificate: bytes) -> Offer | None:
        """A certificate, with the private key wherever that is."""
        about = certified(certificate)
        if about in self.agent.blobs():
            return Offer(shown(path), certificate, _never, partial(self.agent.key, about, certificate))
        for file, half in self.files.items():
            if half == about is not None and file.exists():
                key = partial(self._certified, file, certificate)
                return Offer(shown(path), certificate, partial(self._ready, file), key)
        return None

    def _ready(self, file: Path) -> bool:
        """Opening an RSA key takes as long as many round trips, so it is not opened for a mere try."""
        half = self.files[file]
        slow = half is not None and kind_of(half) == "ssh-rsa"
        return self.keyring.holds(file) or (not slow and self.keyring.opens(file, load))

    def _certified(self, file: Path, certificate: bytes) -> paramiko.PKey:
        return with_certificate(self.keyring.key(file, load), certificate)


def _never() -> bool:
    return False
