"""`connection: local`: the host is the machine that rolloutctl runs on."""

from __future__ import annotations

from rolloutctl.outside.process_channel import ProcessChannel, started
from rolloutctl.rules.config import Host


class LocalConnection:
    """Starts commands under /bin/sh, as sshd does under the login shell."""

    way = "on this machine"

    def __init__(self) -> None:
        self._channels: list[ProcessChannel] = []

    def start(self, command: str) -> ProcessChannel:
        """Start a command."""
        self._channels.append(ProcessChannel(started(["/bin/sh", "-c", command])))
        return self._channels[-1]

    def close(self) -> None:
        """See out what was started."""
        for channel in self._channels:
            channel.close()


def connect(_host: Host) -> LocalConnection:
    """Nothing has to be connected."""
    return LocalConnection()
