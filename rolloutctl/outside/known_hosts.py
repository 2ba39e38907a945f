"""Host keys: what known_hosts files and pinned fingerprints say of the key that a server shows."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import paramiko

Verdict = Literal["known", "unknown", "changed", "revoked"]
SYSTEM_FILE = Path("/etc/ssh/ssh_known_hosts")


def fingerprint(key: paramiko.PKey) -> str:
    """A key's fingerprint as OpenSSH writes it: ``SHA256:`` and base64 without padding."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")


def name_of(address: str, port: int) -> str:
    """A host's name in known_hosts: the port stands there only when it is not 22."""
    return address if port == 22 else f"[{address}]:{port}"


class KnownHosts:
    """The lines of some known_hosts files, read one by one: paramiko's own loader gives up at the first marker."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._keys = paramiko.HostKeys()
        self._revoked: set[bytes] = set()
        for path in files:
            try:
                lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            except OSError:
                continue  # a file that is not there knows no host
            for number, line in enumerate(lines, 1):
                self._read(line.strip(), number)

    def types(self, name: str) -> tuple[str, ...]:
        """The key types known for a host: what to ask the server for, as another type would look like a change."""
        return tuple(self._keys.lookup(name) or ())

    def judge(self, name: str, key: paramiko.PKey) -> Verdict:
        """What the files say of a key that this host shows."""
        if key.asbytes() in self._revoked:
            return "revoked"
        known = self._keys.lookup(name)
        if not known:
            return "unknown"
        same = known.get(key.get_name())
        return "known" if same is not None and same.asbytes() == key.asbytes() else "changed"

    def _read(self, line: str, number: int) -> None:
        if not line or line.startswith("#"):
            return
        if line.startswith("@"):
            marker, _, rest = line.partition(" ")
            entry = _entry(rest.strip(), number)
            if marker == "@revoked" and entry is not None and entry.key is not None:
                self._revoked.add(entry.key.asbytes())
            return
        entry = _entry(line, number)
        if entry is not None and entry.key is not None:
            for name in entry.hostnames or ():
                self._keys.add(name, entry.key.get_name(), entry.key)


def _entry(line: str, number: int) -> paramiko.hostkeys.HostKeyEntry | None:
    try:
        return paramiko.hostkeys.HostKeyEntry.from_line(line, number)
    except paramiko.hostkeys.InvalidHostKey:
        return None
