"""The host keys on the way to hosts, and the person's own known_hosts file as far as it is written."""

from __future__ import annotations

import base64
import hmac
import os
from pathlib import Path

from rolloutctl.errors import Refused, Unreachable
from rolloutctl.outside.ssh.journey import first_stranger
from rolloutctl.outside.ssh.keyring import Keyring
from rolloutctl.rules.config import Host
from rolloutctl.rules.host_keys import Stranger

_SALT = 20  # bytes, as ssh-keygen -H takes


class KnownHostsFile:
    """`contracts.HostKeys`, by the ways that paramiko goes: no login is needed to see a key, but at jump hosts."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def stranger(self, host: Host) -> Stranger | None:
        """The first key on the way to a host that nobody knows; None when all are known."""
        try:
            return first_stranger(host, self._keyring)
        except Unreachable as error:
            error.subject = host.name
            raise

    def remember(self, stranger: Stranger) -> None:
        """Append the key to the known_hosts file."""
        remember(stranger)


def remember(stranger: Stranger) -> None:
    """Append a key to the known_hosts file that it names, nothing else touched; makes ~/.ssh where there is none.

    Raises:
        Refused: the file can't be written.
    """
    file = Path(stranger.file)
    name = _hashed(stranger.name) if stranger.hashed else stranger.name
    line = f"{name} {stranger.kind} {stranger.blob}\n".encode()
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, line if _ends_with_a_newline(descriptor) else b"\n" + line)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise Refused(
            f"{file} can't be written: {(error.strerror or str(error)).lower()}.",
            subject=stranger.name,
            state="The key was not remembered.",
            hint=f"See: ls -ld {file}",
        ) from error


def _ends_with_a_newline(descriptor: int) -> bool:
    size = os.fstat(descriptor).st_size
    return size == 0 or os.pread(descriptor, 1, size - 1) == b"\n"


def _hashed(name: str) -> str:
    """The name as `HashKnownHosts` writes it: `|1|`, a salt, and the HMAC-SHA1 of the name."""
    salt = os.urandom(_SALT)
    digest = hmac.digest(salt, name.encode(), "sha1")
    return "|1|" + "|".join(base64.b64encode(part).decode() for part in (salt, digest))
