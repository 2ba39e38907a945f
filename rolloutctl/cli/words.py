"""The sentences of the front desk: who sees what, how long ago, on which hosts."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rolloutctl.rules.flags import Audience
    from rolloutctl.rules.history import Change

_DAY = 86400  # seconds
_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"))
_SAME = 2  # from so many on, names are joined


def sees(audience: Audience) -> str:
    """`nobody sees`, `companies 15 and 42 see`."""
    return f"{audience} {'see' if audience.limited and len(audience.companies) > 1 else 'sees'}"


def listed(names: Iterable[str]) -> str:
    """`web-1`, `web-1 and web-2`, `web-1, web-2 and web-3`."""
    each = list(names)
    return "".join(each) if len(each) < _SAME else f"{', '.join(each[:-1])} and {each[-1]}"


def either(names: Iterable[str]) -> str:
    """`web-1`, `web-1 or web-2`, `web-1, web-2 or web-3`."""
    each = list(names)
    return "".join(each) if len(each) < _SAME else f"{', '.join(each[:-1])} or {each[-1]}"


def counted(number: int, noun: str) -> str:
    """`1 host`, `3 hosts`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def moment(text: str) -> datetime | None:
    """A record's time, UTC; None for one that can't be read."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def local(text: str) -> str:
    """A record's time on the operator's clock, with its date."""
    found = moment(text)
    return f"{found.astimezone():%Y-%m-%d %H:%M}" if found else text


def local_second(moment: datetime) -> str:
    """A time on the operator's clock, to the second: of an incident each counts."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"


def ago(text: str, now: datetime) -> str:
    """`3 days ago`."""
    found = moment(text)
    if found is None:
        return text
    seconds = (now - found).total_seconds()
    for length, noun in _UNITS:
        if seconds >= length:
            return f"{counted(int(seconds // length), noun)} ago"
    return "just now"


def soaked(seconds: float, wanted: float) -> str:
    """How far a phase's soak is: `day 3 of 7`, `5 h of 24 h`."""
    from rolloutctl.rules.durations import in_days  # noqa: PLC0415 - not for --help

    if wanted >= 2 * _DAY:
        return f"day {min(int(seconds // _DAY) + 1, round(wanted / _DAY))} of {wanted / _DAY:.0f}"
    return f"{in_days(min(seconds, wanted))} of {in_days(wanted)}"


def command(*words: str) -> str:
    """A command of ours, as it can be pasted into a shell."""
    return shlex.join(["rolloutctl", *words])


def toggle_to(environment: str, flag: str, audience: Audience, *, limitable: bool) -> str:
    """The command that gives a flag this audience."""
    words = ["toggle", environment, flag, "true" if audience.enabled else "false"]
    if audience.enabled and limitable:
        words += ["--companies", ",".join(map(str, audience.companies)) or "all"]
    return command(*words)


def quoted(reason: str) -> str:
    """A reason between quotation marks; empty for none."""
    return f'"{reason}"' if reason else ""


def change_in_words(change: Change, now: datetime) -> str:
    """`3 days ago, ops@example.com: customer_portal for companies 15 and 42, "pilot"`."""
    actor = str(change.fields.get("actor") or "somebody")
    what = f"{change.flag} for {change.after}"
    return ", ".join(
        filter(None, (ago(change.time, now), f"{actor}: {what}", quoted(str(change.fields.get("reason") or ""))))
    )


def without(argv: Sequence[str], *options: str) -> list[str]:
    """What was typed, without some options that take no value."""
    return [word for word in argv if word not in options]
