"""Following a log without losing a line or counting one twice, whatever becomes of its files.

Every file with the log's name, or one that a rotation makes of it, is known by device and inode and has an offset of
its own. So a renamed file is read to its end, also when a process goes on writing to it, and a new one from its
beginning. A file is the same one as before only if the bytes before its offset are; else it was truncated, or has
another's inode. A file that begins like one that is followed is its copy: of use once the original was truncated.
"""

from __future__ import annotations

import re

from msgspec import Struct
from msgspec.structs import replace

from rolloutctl.rules.hiding import repr_without
from rolloutctl.rules.log_command import command
from rolloutctl.rules.log_listing import Listing, Seen, listing_of
from rolloutctl.rules.log_places import GONE, HEAD, MARK, MISSED, MOST_FILES, LogFile, Place, digest

__all__ = ["News", "Place", "command", "read"]


_FEWEST = 32  # bytes by which a copy is known; an entry's date alone has 22
_GHOSTS = 4  # what was truncated and may turn up in a copy yet


class News(Struct, frozen=True):
    """What one look brought.

    Args:
        place: where the next look goes on.
        text: whole entries, oldest first within each file. It may quote secrets: never shown.
        more: whether there is more to be read at once. A host that always has more is to be left at some time.
        note: what a person should know; empty when there is nothing.
        blind: nothing is known about the log, or not all; so what was not found may be there.
    """

    place: Place
    text: str = ""
    more: bool = False
    note: str = ""
    blind: bool = False

    __repr__ = repr_without("text")


def read(place: Place, path: str, output: str) -> News:
    """What is new, by the output of `command` for the same path and place.

    The first look begins at the end of the files that are there. An entry is complete when the next one begins, or
    its last line has an end and the file has not grown since the last look.
    """
    listing = listing_of(output, path)
    if listing is None:
        return News(place, note="what the host says of the log can't be understood", blind=True)
    place = place.of(path)
    if not place.begun:
        return _first(path, listing)
    look = _Look(place, listing)
    look.all()
    return look.news()


def _first(path: str, listing: Listing) -> News:
    """All files as they are, to be read from their ends on."""
    note = "; ".join(listing.troubles)
    if listing.blind:
        return News(Place(path), note=note, blind=True)
    seen = sorted(listing.seen, key=lambda each: each.modified)
    files = tuple(LogFile(each.id, each.name, each.size) for each in seen)
    more = any(file.unmarked for file in files)
    live = _names(path)
    since = max((each.modified for each in seen if live.fullmatch(each.name)), default=0)
    return News(Place(path, files, begun=True, again=more, since=since), more=more, note=note)


class _Look:
    """One look at a log that is followed: `files` is what will be known of them, in the order of their last news."""

    def __init__(self, place: Place, listing: Listing) -> None:
        self._place, self._listing = place, listing
        self._present = listing.same | {each.id for each in listing.seen}
        self._files = {file.id: file for file in place.files if file.id}
        self._ghosts = [file for file in place.files if not file.id]  # what is nowhere any more, unless in a copy
        self._live = _names(place.path)
        self._text: list[bytes] = []
        self._notes = list(listing.troubles)
        self._behind = False

    def all(self) -> None:
        """Take in what was seen."""
        for each in self._listing.seen:
            if each.id in self._files:
                self._known(self._files.pop(each.id), each)
        for each in self._listing.seen:
            if each.id not in self._files:
                self._fresh(each)
        self._chase()
        self._settle()

    def news(self) -> News:
        """What came of it."""
        files = (*self._ghosts[-_GHOSTS:], *self._files.values())
        place = Place(self._place.path, files[-MOST_FILES:], begun=True, since=self._since())
        more = self._behind and replace(self._place, again=False) != place  # a look that got nowhere is not repeated
        text = b"".join(self._text).decode(errors="replace")
        note = "; ".join(self._notes)
        return News(replace(place, again=more), text, more, note, self._listing.blind)

    def _known(self, file: LogFile, seen: Seen) -> None:
        """A file with news. It is put back as the newest one."""
        file = replace(file, gone=0)
        if file.idle:
            self._put(replace(file, name=seen.name, offset=seen.size))
        elif self._is_another(file, seen):
            self._anew(file, seen)
        elif seen.data is None or seen.start + len(seen.data) < file.offset:
            self._behind |= seen.size > file.offset
            self._put(replace(file, name=seen.name))
        else:
            self._put(self._feed(replace(file, name=seen.name, copy=False), seen))

    def _is_another(self, file: LogFile, seen: Seen) -> bool:
        """Whether what was read of a file is not in it."""
        if seen.size < file.offset:
            return True
        if not file.mark:  # a name that a rotation gave is not taken away again
            return bool(file.offset) and self._is_live(seen.name) and not self._is_live(file.name)
        if seen.data is None or seen.start + len(seen.data) < file.offset:
            return False
        return digest(_before(file.offset, seen)) != file.mark

    def _anew(self, file: LogFile, seen: Seen) -> None:
        """A file that was truncated, or a new one in the place of one that was removed."""
        if file.copy:  # it was not what it had seemed to be
            self._put(LogFile(seen.id, seen.name, seen.size, copy=True))
            return
        self._ghosts.append(replace(file, id="", gone=GONE))
        if self._is_live(file.name) and file.name == seen.name:
            self._notes.append(f"{seen.name} was truncated, and is read from its beginning")
        anew = LogFile(seen.id, seen.name)
        if seen.data is not None and not seen.start:
            self._put(self._feed(anew, seen))
        else:
            self._behind |= seen.size > 0
            self._put(anew)

    def _fresh(self, seen: Seen) -> None:
        """A file that was not there before."""
        if seen.data is None and seen.size:
            self._behind = True  # not known until its beginning is
            return
        original = self._original(seen)
        if seen.modified < self._place.since and not self._is_live(seen.name):
            self._put(LogFile(seen.id, seen.name, seen.size, copy=original is not None))  # unpacked, or brought back
        elif original is None:
            self._put(self._feed(LogFile(seen.id, seen.name), seen))
        else:
            copy = LogFile(seen.id, seen.name, seen.size, head=original.head, heading=original.heading, copy=True)
            self._put(copy)

    def _since(self) -> int:
        return max([self._place.since, *(each.modified for each in self._listing.seen if self._is_live(each.name))])

    def _original(self, seen: Seen) -> LogFile | None:
        data = seen.data or b""
        return next((file for file in (*self._ghosts, *self._files.values()) if _begins_like(data, file)), None)

    def _chase(self) -> None:
        """Read on in a copy what was lost from where it was."""
        lost = [file for file in self._files.values() if file.gone and self._is_gone(file) and not file.copy]
        for original in [*self._ghosts, *lost]:
            copies = [file for file in self._files.values() if _is_copy(file, original)]
            if copies:
                best = max(copies, key=lambda file: file.offset)
                self._behind |= best.offset > original.offset
                self._drop(original)
                self._put(replace(original, id=best.id, name=best.name, copy=True, gone=0))

    def _drop(self, original: LogFile) -> None:
        if original.id:
            del self._files[original.id]
        else:
            self._ghosts.remove(original)

    def _settle(self) -> None:
        """Entries of files that have not grown are complete; files that are gone are remembered, if they come back."""
        told = {each.id for each in self._listing.seen}
        for file in reversed((*self._ghosts, *self._files.values())):
            if file.id and file.id in told:
                continue
            # A line without an end is still being written, however long that takes.
            waits = self._place.again or (not file.gone and not file.whole)
            settled, complete = (file, b"") if waits else file.flushed()
            self._text.insert(0, complete)
            if file.id:
                self._files[file.id] = self._missed(settled)
        if not self._place.again:
            self._ghosts = [file.flushed()[0] for file in self._ghosts]

    def _missed(self, file: LogFile) -> LogFile:
        """A file without news. One that is not there may have been renamed just now: the next look tells."""
        if not self._is_gone(file):
            return replace(file, gone=file.gone if self._listing.blind else 0)
        if self._is_live(file.name):
            self._behind |= not file.gone
            if file.gone == MISSED:
                self._notes.append(f"{file.name} is gone; what was written to it at last may be lost")
        return replace(file, gone=MISSED if not file.gone else GONE)

    def _feed(self, file: LogFile, seen: Seen) -> LogFile:
        """The file behind what was read of it."""
        data, end = seen.data or b"", seen.start + len(seen.data or b"")
        head = seen.head or (b"" if seen.start else data)
        new = data[file.offset - seen.start :]
        self._behind |= end < seen.size
        file, complete = file.fed(new)
        self._text.append(complete)
        if file.heading < HEAD and head:
            file = replace(file, head=digest(head[:HEAD]), heading=len(head[:HEAD]))
        return replace(file, offset=end, mark=digest(data[-MARK:]) if end else "")

    def _put(self, file: LogFile) -> None:
        self._files.pop(file.id, None)
        self._files[file.id] = file

    def _is_gone(self, file: LogFile) -> bool:
        return file.id not in self._present and not self._listing.blind

    def _is_live(self, name: str) -> bool:
        return self._live.fullmatch(name) is not None


def _names(path: str) -> re.Pattern[str]:
    """What the log's own files are called, before a rotation renames them."""
    home = "/.*/" if path.startswith("~/") else ""
    rest = path[2:] if home or path.startswith("./") else path
    return re.compile(home + "[^/]*".join(map(re.escape, rest.split("*"))), re.DOTALL)


def _before(offset: int, seen: Seen) -> bytes:
    end = offset - seen.start
    return (seen.data or b"")[max(0, end - MARK) : end]


def _begins_like(data: bytes, file: LogFile) -> bool:
    return file.heading >= _FEWEST and len(data) >= file.heading and digest(data[: file.heading]) == file.head


def _is_copy(file: LogFile, original: LogFile) -> bool:
    return file.idle and bool(original.mark) and file.head == original.head and file.offset >= original.offset
