"""The person's ssh-agent: its keys, asked for over the socket that the configuration names."""

from __future__ import annotations

import socket

import paramiko
from paramiko.agent import AgentKey, AgentSSH

_LISTING = 10.0  # seconds for the list of keys
_SIGNING = 60.0  # seconds for a signature: a hardware key waits for a touch


class Agent(AgentSSH):
    """An agent's keys, in its own order; none where there is no agent.

    paramiko's own goes by SSH_AUTH_SOCK alone, so that IdentityAgent would not be heard.
    """

    def __init__(self, address: str | None) -> None:
        super().__init__()
        self.problem = ""
        if address is None:
            return
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            line.settimeout(_LISTING)
            line.connect(address)
            self._connect(line)  # type: ignore[attr-defined]
            line.settimeout(_SIGNING)
        except (OSError, paramiko.SSHException, ValueError) as error:
            line.close()
            if not isinstance(error, FileNotFoundError | ConnectionRefusedError):
                self.problem = f"the agent at {address} does not answer as one ({error})"

    def key(self, blob: bytes, certificate: bytes | None = None) -> AgentKey:
        """The key with this public half, as one that signs; what it shows is a certificate, where there is one."""
        key = AgentKey(self, blob)
        # Said by us, as of an RSA certificate in the agent paramiko would show the bare key.
        shown = certificate or blob
        kind = paramiko.Message(shown).get_text()
        key.public_blob = paramiko.pkey.PublicBlob(kind, shown)  # type: ignore[assignment]
        return key

    def blobs(self) -> tuple[bytes, ...]:
        """The public halves of all keys."""
        return tuple(key.blob for key in self.get_keys())

    def close(self) -> None:
        """Let the agent go."""
        self._close()  # type: ignore[attr-defined]
