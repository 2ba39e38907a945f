"""The refusal of a host's key in words, the same whoever looked at the key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolloutctl.errors import WrongHostKey
from rolloutctl.rules.config import Host

if TYPE_CHECKING:  # it brings paramiko, which not everybody needs
    from rolloutctl.outside.known_hosts import Verdict


def wrong_key(host: Host, name: str, shown: str, verdict: Verdict, adds: str) -> WrongHostKey:
    """What is wrong with a key.

    Args:
        host: whose `known_hosts` may pin fingerprints.
        name: the host as known_hosts has it.
        shown: the key's type and fingerprint; empty when that was not heard.
        verdict: unknown, changed or revoked.
        adds: the command that adds an unknown key to known_hosts.
    """
    if host.known_hosts and shown and verdict == "unknown":
        verdict = "changed"  # another key is pinned
    message, hint = {
        "unknown": (
            f"The host key of {name} is not known{f': {shown}' if shown else ''}.",
            f"Compare it with the server's, then: {adds}",
        ),
        "revoked": (f"The host key of {name} is revoked{f': {shown}' if shown else ''}.", "Ask who revoked it."),
    }.get(
        verdict,
        (
            f"THE HOST KEY OF {name} HAS CHANGED{f': it now shows {shown}' if shown else ''}. "
            "Somebody may stand in between.",
            _anew(host, name),
        ),
    )
    error = WrongHostKey(message, subject=host.name, hint=hint)
    error.verdict = verdict
    return error


def _anew(host: Host, name: str) -> str:
    if host.known_hosts:
        return "The fingerprint in known_hosts: of environments.yaml has to be the new one, if that is right."
    return f"If the server was set up anew: ssh-keygen -R '{name}', then add the new key."
