"""The refusal of a host's key in words, the same whoever looked at the key."""

from __future__ import annotations

from msgspec import Struct

from rolloutctl.errors import WrongHostKey


class RefusedKey(Struct, frozen=True, kw_only=True):
    """A key that is not the known one.

    Args:
        verdict: unknown, changed, revoked, or authority: only a certificate could vouch for it.
        name: the host as known_hosts has it.
        shown: the key's type and fingerprint; empty when that was not heard.
        adds: the command that adds an unknown key to known_hosts.
        pinned: whether environments.yaml pins the host's keys.
        place: the host in a message, where its name alone says too little.
    """

    verdict: str
    name: str
    shown: str
    adds: str
    pinned: bool = False
    place: str = ""

    def error(self) -> WrongHostKey:
        """The error that a person reads."""
        place, shown = self.place or self.name, f": {self.shown}" if self.shown else ""
        message, hint = {
            "unknown": (
                f"The host key of {place} is not known{shown}.",
                f"Compare it with the server's, then: {self.adds}",
            ),
            "revoked": (f"The host key of {place} is revoked{shown}.", "Ask who revoked it."),
            "authority": (
                f"The host key of {place} is vouched for by an authority (@cert-authority in known_hosts), and "
                f"paramiko cannot check that{shown}.",
                "In environments.yaml, set connection: openssh for this host; or pin its key there with known_hosts:.",
            ),
        }.get(
            self.verdict,
            (
                f"THE HOST KEY OF {place} HAS CHANGED{f': it now shows {self.shown}' if self.shown else ''}. "
                "Somebody may stand in between.",
                "The fingerprint in known_hosts: of environments.yaml has to be the new one, if that is right. "
                "Of a server with several keys, each has to be there."
                if self.pinned
                else f"If the server was set up anew: ssh-keygen -R '{self.name}'",
            ),
        )
        error = WrongHostKey(message, hint=hint)
        error.verdict, error.pinned = self.verdict, self.pinned
        return error
