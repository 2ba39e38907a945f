"""What a session reads or runs on a host without changing anything there, however much it has to say."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from rolloutctl.errors import Unreachable
from rolloutctl.outside.conversation import SHORT, Conversation
from rolloutctl.rules.host import Event
from rolloutctl.rules.log_command import LOOK
from rolloutctl.rules.records import Log, Record, read_log
from rolloutctl.rules.work import Ran

_PIECE = 512 * 1024  # bytes that a host sends in one answer, as show_log and piece have it
_LONGEST_LOG = 128 * 2**20  # bytes; in base64 it has to fit what a session may say, see wire.py
_LONGEST_NUMBER = 12  # digits
_MOST_OUTPUT = 8 * 2**20  # bytes of a command's; in base64 it has to fit one line, see wire.py
_FLAG = re.compile(r"[A-Za-z0-9_.-]+")


def whole_log(host: Conversation) -> Log:
    """The audit log, piece by piece: one line of the protocol could not hold it."""
    kept = len(host.said)
    head = _answer(host.ask("log"), "head")
    size = _size(head, host)
    text = "".join(
        _pieces(host.ask("log", str(number), str(min(_PIECE, size - number * _PIECE))))
        for number in range(-(-size // _PIECE))
    )
    host.forget(kept)
    return Log(text, head.text(1))


def records_of(host: Conversation, flag: str) -> tuple[Record, ...]:
    """The records of a flag, which the host looks for: most logs are about other flags."""
    if not _FLAG.fullmatch(flag):
        raise ValueError(flag)
    kept = len(host.said)
    answers = host.ask("find", flag)
    refused = _answer(answers, "refused")
    if refused.texts:
        why = refused.text(2) if refused.text(0) == "state" else "it can't be read, or what was found has no room"
        raise Unreachable(f"its audit log can't be searched: {why}", subject=host.host.name)
    found = _answer(answers, "found")
    more = range(1, -(-_size(found, host) // _PIECE))
    text = found.text(1) + "".join(_pieces(host.ask("find", flag, str(number))) for number in more)
    host.forget(kept)
    return tuple(record for record in read_log(text) if record.flag == flag)


def run(host: Conversation, command: str, seconds: float) -> Ran:
    """A shell line, in the application's folder."""
    limit = math.ceil(seconds)
    host.output = b""
    host.put("line", command.encode())
    answers = host.ask("run", "line", str(limit), str(_MOST_OUTPUT), seconds=limit + SHORT)
    output, host.output = host.output, b""
    for event in answers:
        if event.kind == "refused":
            return Ran(_number(event.text(1)), 0, trouble=event.text(2), lost=event.text(0))
        if event.kind == "ran":
            status, ms, shown, trouble = (event.text(position) for position in range(4))
            return Ran(_number(status), _number(ms), output.decode(errors="replace"), shown, trouble)
    raise Unreachable("the host does not say how the command ended", subject=host.host.name)


def sample(host: Conversation, line: str, requests: Sequence[Mapping[str, Any]], seconds: float) -> Ran:
    """What a watch asks for in one go; `line` may begin with `. "$0.look"` for the look at a log."""
    limit, kept = math.ceil(seconds), len(host.said)
    host.output = b""
    host.keep("watch.look", LOOK.encode())
    if requests:
        host.keep("watch.asked", json.dumps({"requests": requests}, separators=(",", ":")).encode())
    host.keep("watch", line.encode())
    asked = "watch.asked" if requests else "-"
    answers = host.ask("sample", "watch", asked, str(limit), seconds=limit + SHORT)
    output, host.output = host.output, b""
    host.forget(kept)
    for event in answers:
        if event.kind == "sampled":
            return Ran(_number(event.text(0)), _number(event.text(1)), output.decode(errors="replace"))
    raise Unreachable("the host does not say what it measured", subject=host.host.name)


def _answer(answers: tuple[Event, ...], kind: str) -> Event:
    return next((event for event in answers if event.kind == kind), Event(kind))


def _pieces(answers: tuple[Event, ...]) -> str:
    return "".join(event.text(0) for event in answers if event.kind == "records")


def _size(event: Event, host: Conversation) -> int:
    size = event.text(0)
    if not (size.isascii() and size.isdigit() and len(size) < _LONGEST_NUMBER) or int(size) > _LONGEST_LOG:
        raise Unreachable("its audit log has no length, or is too long to be read", subject=host.host.name)
    return int(size)


def _number(text: str) -> int:
    """A number that a host sent; one that is none is no success."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < _LONGEST_NUMBER else -1
