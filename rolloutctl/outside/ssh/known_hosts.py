"""Host keys: what known_hosts files and pinned fingerprints say of the key that a server shows."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

if TYPE_CHECKING:
    import paramiko

Verdict = Literal["known", "unknown", "changed", "revoked"]
SYSTEM_FILES = (Path("/etc/ssh/ssh_known_hosts"), Path("/etc/ssh/ssh_known_hosts2"))
_DEFAULT_PORT = 22
_REVOKED = "@revoked"
_AUTHORITY = "@cert-authority"
_BLANKS = re.compile(r"[ \t]+")


def fingerprint(key: paramiko.PKey) -> str:
    """A key's fingerprint as OpenSSH writes it: ``SHA256:`` and base64 without padding."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")


def name_of(address: str, port: int) -> str:
    """A host's name in known_hosts: the port stands there only when it is not 22."""
    return address if port == _DEFAULT_PORT else f"[{address}]:{port}"


def is_plain(path: Path) -> bool:
    """Whether a file of revoked keys is there and has a key a line; a binary list (KRL) is ssh-keygen's own."""
    try:
        return not path.read_bytes().startswith(b"SSHKRL")
    except OSError:
        return False


class KnownHosts:
    """The lines of some known_hosts files, as sshd(8) describes them, read one by one.

    paramiko's own loader gives up at the first marker, knows no wildcards, and one key for each type. A line that
    can't be read says nothing; an authority's line says nothing about a key. `revoked` are files with a key a line.
    """

    def __init__(self, files: Iterable[Path], revoked: Iterable[Path] = ()) -> None:
        entries = [_entries(path, _version(path)) for path in files]
        entries += [_entries(path, _version(path), f"{_REVOKED} * ") for path in revoked]
        self._entries = tuple(chain.from_iterable(entries))

    def types(self, name: str) -> tuple[str, ...]:
        """The key types known for a host: what to ask the server for, as another type would look like a change."""
        return tuple(dict.fromkeys(entry.kind for entry in self._known(name)))

    def judge(self, name: str, key: paramiko.PKey) -> Verdict:
        """What the files say of a key that this host shows. A key that is revoked for anybody is revoked."""
        shown = key.asbytes()
        if any(entry.marker == _REVOKED and entry.key == shown for entry in self._entries):
            return "revoked"
        known = self._known(name)
        if any(entry.key == shown for entry in known):
            return "known"
        return "changed" if known else "unknown"

    def has_authority(self, name: str) -> bool:
        """Whether an authority may vouch for this host, by a certificate that stands in for a known key."""
        return bool(self._about(name, _AUTHORITY))

    def _known(self, name: str) -> tuple[_Entry, ...]:
        return self._about(name, "")

    def _about(self, name: str, marker: str) -> tuple[_Entry, ...]:
        return tuple(entry for entry in self._entries if entry.marker == marker and entry.is_about(name.lower()))


class _Entry(Struct, frozen=True):
    names: tuple[str, ...]  # patterns in lower case, or one hashed name
    kind: str
    key: bytes
    marker: str
    plain: bool  # names and nothing else

    def is_about(self, name: str) -> bool:
        if self.plain:
            return name in self.names
        if any(each.startswith("!") and _matches(name, each[1:]) for each in self.names):
            return False
        return any(_matches(name, each) for each in self.names)


def _version(path: Path) -> tuple[int, ...]:
    """What is another one once somebody has written into the file."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_ino, found.st_mtime_ns, found.st_size


@lru_cache(maxsize=64)  # many hosts are looked up in the same files
def _entries(path: Path, version: tuple[int, ...], before: str = "") -> tuple[_Entry, ...]:
    return tuple(entry for line in _lines(path) if (entry := _entry(before + line)) is not None)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return []  # a file that is not there knows no host


def _entry(line: str) -> _Entry | None:
    fields = _BLANKS.split(line.strip())
    marker = fields.pop(0) if fields[0].startswith("@") else ""
    if fields[:1] in ([], [""]) or fields[0].startswith("#") or marker not in ("", _REVOKED, _AUTHORITY):
        return None
    try:
        names, kind, key = fields[0], fields[1], base64.b64decode(fields[2], validate=True)
    except (IndexError, ValueError):
        return None
    if not key:
        return None
    plain = not any(sign in names for sign in "*?!|")
    return _Entry(tuple(_lowered(each) for each in names.split(",") if each), kind, key, marker, plain)


def _lowered(name: str) -> str:
    return name if name.startswith("|") else name.lower()


def _matches(name: str, pattern: str) -> bool:
    if pattern.startswith("|1|"):
        return _is_hash_of(name, pattern)
    # A bracket is a bracket here: `[host]:port`.
    return fnmatchcase(name, pattern.replace("[", "[[]"))


def _is_hash_of(name: str, hashed: str) -> bool:
    try:
        salt, wanted = (base64.b64decode(part, validate=True) for part in hashed[len("|1|") :].split("|"))
    except ValueError:
        return False
    return hmac.compare_digest(hmac.digest(salt, name.encode(), "sha1"), wanted)
