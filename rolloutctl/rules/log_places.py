"""How far the files of one log have been read: what is kept between two looks, and over a restart."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict, replace

from rolloutctl.rules.hiding import repr_without
from rolloutctl.rules.log_entries import LONGEST_HEADER, MOST_OF_AN_ENTRY, last_start

MARK = 64  # bytes before the place that is read on from, by which a file is known again
HEAD = 256  # bytes at a file's beginning, by which a copy of it is known
MOST_FILES = 500  # of one log
MISSED, GONE = 1, 2
_ID = re.compile(r"\d{1,20}:\d{1,20}")
_LARGEST = 2**62  # a shell's numbers end soon behind it


class LogFile(Struct, frozen=True):
    """One file of a log.

    Args:
        id: device and inode; empty when another file has them now, or what was in it is gone.
        name: its path, when it was seen last.
        offset: bytes of it that were read, or were there before anybody looked.
        mark: what the last bytes before the offset are, digested; empty while that is not known.
        head: what its first bytes are, likewise; `heading` says how many.
        carry: the entry that is not complete yet, without its middle when it is long. Never shown.
        copy: it is a copy of a file that is followed, and not read unless that one loses what is in it.
        gone: it was not there at the last look (MISSED), nor at the one before (GONE).
    """

    id: str
    name: str
    offset: int = 0
    mark: str = ""
    head: str = ""
    heading: int = 0
    carry: bytes = b""
    copy: bool = False
    gone: int = 0

    __repr__ = repr_without("carry")

    @property
    def idle(self) -> bool:
        """Whether it is a copy from which nothing is wanted."""
        return self.copy and not self.mark

    @property
    def whole(self) -> bool:
        """Whether the entry that it ends with looks complete: a line without an end is still being written."""
        return self.carry.endswith(b"\n")

    @property
    def unmarked(self) -> bool:
        """Whether it could not be told from another file that has its inode."""
        return bool(self.offset) and not self.mark and not self.copy and not self.gone

    def fed(self, new: bytes) -> tuple[LogFile, bytes]:
        """The file with the entry that is not complete yet, and the bytes that are complete before it."""
        known = self.carry + new
        start = last_start(known)
        if start < 0:
            start = known.rfind(b"\n") + 1  # no entry at all; but one may have begun in the last line
        return replace(self, carry=_without_middle(known[start:])), known[:start]

    def flushed(self) -> tuple[LogFile, bytes]:
        """The same when nothing more is expected of the entry."""
        return replace(self, carry=b""), self.carry


class Place(Struct, frozen=True):
    """How far a log was read: its files, as they were found.

    `begun` is whether it was looked at before; `again`: the last look was not all, the next belongs to it; `since` is
    when the newest of its files was written to, by the host's clock in seconds since 1970.
    """

    path: str = ""
    files: tuple[LogFile, ...] = ()
    begun: bool = False
    again: bool = False
    since: int = 0

    def of(self, path: str) -> Place:
        """The place in the log with this path; the beginning of all when it is another's."""
        return self if self.path == path else Place(path)

    @property
    def pending(self) -> bool:
        """Whether an entry looks whole, and counts as soon as a look finds that its file has not grown."""
        return any(file.whole for file in self.files)

    def to_json(self) -> str:
        """As text, to be kept where nobody else may read it: it may quote the log."""
        files = [{**asdict(file), "carry": file.carry.decode("latin-1")} for file in self.files]
        flags = {"begun": self.begun, "again": self.again, "since": self.since}
        return json.dumps({"path": self.path, **flags, "files": files})

    @classmethod
    def from_json(cls, text: str) -> Place:
        """The inverse; text that is none of ours is no place at all, so that one begins anew."""
        try:
            kept = json.loads(text)
            files = tuple(_file(each) for each in kept["files"])
            return cls(str(kept["path"]), files, kept["begun"] is True, kept["again"] is True, int(kept["since"]))
        except (ValueError, TypeError, LookupError, RecursionError):
            return cls()


def digest(data: bytes) -> str:
    """A few bytes of a log, without quoting them."""
    return hashlib.sha256(data).hexdigest()[:24]


def is_id(text: str) -> bool:
    """Whether this is device and inode, as a shell line may have them."""
    return _ID.fullmatch(text) is not None


def is_size(number: object) -> bool:
    """Whether this may be a file's size."""
    return type(number) is int and 0 <= number <= _LARGEST


def _file(kept: Mapping[str, Any]) -> LogFile:
    file = LogFile(**{**kept, "carry": kept["carry"].encode("latin-1")})
    texts = (file.id, file.name, file.mark, file.head)
    if not all(isinstance(text, str) for text in texts) or not isinstance(file.copy, bool):
        raise TypeError(kept)
    if not ((is_id(file.id) or not file.id) and all(map(is_size, (file.offset, file.heading, file.gone)))):
        raise ValueError(kept)
    return file


def _without_middle(carry: bytes) -> bytes:
    """At most what is looked at of an entry; its end stays, where the next one's header may have begun."""
    if len(carry) <= MOST_OF_AN_ENTRY:
        return carry
    return carry[: MOST_OF_AN_ENTRY - 2 * LONGEST_HEADER] + b" ... " + carry[-LONGEST_HEADER:]
