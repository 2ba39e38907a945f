"""A host key that stands in the way, as a value: what a person compares, and what a known_hosts file remembers."""

from __future__ import annotations

from msgspec import Struct


class Stranger(Struct, frozen=True):
    """The key of a host, or of a jump host before it, that no known_hosts file has.

    Args:
        name: the host's name in known_hosts: ``web-1``, ``[web-1]:2222``, or its HostKeyAlias.
        called: what one would say to ssh: ``bastion``; empty where that is the name.
        kind: the type of the key: ``ssh-ed25519``.
        blob: the public key in base64.
        fingerprint: ``SHA256:`` and 43 characters.
        file: the known_hosts file of the person, where it would be remembered.
        hashed: whether names are hashed there (``HashKnownHosts``).
        jump: whether it belongs to a jump host.
    """

    name: str
    kind: str
    blob: str
    fingerprint: str
    file: str
    called: str = ""
    hashed: bool = False
    jump: bool = False
