"""All that a host is asked for in one round, as one shell line, and its answers told apart again.

A process for each question would be most of what watching costs a host, and a round trip for each most of its time.
In front of each answer stands a mark: a word that nobody could have guessed, and so none of them contains.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from math import ceil

from rolloutctl.rules.metrics import FromCommand, FromMysql, FromRedis, Metric

_MOST = 65_536  # bytes of what one command prints
_STATUS = re.compile("[0-9]{1,3}")
_WORDS = re.compile(r"[\w./-]+( +[\w./:@%+,-][\w./:@%+,=~-]*)*", re.ASCII)
_CUT = 255  # for an answer whose status did not arrive
_LOOK = 15.0  # seconds for the look at one log


def is_asked_by_command(metric: Metric) -> bool:
    """Whether a shell line on a host yields it."""
    return isinstance(metric.source, FromRedis | FromMysql | FromCommand)


def round_line(parts: Iterable[str]) -> str:
    """The line of all parts, one after the other."""
    return "\n".join(("exec 2>/dev/null", *parts))


def ask_command(metric: Metric, mark: str) -> str:
    """A metric's command, within its own time."""
    command = _command(metric)
    shell = "" if _needs_no_shell(metric) else f"sh -c {shlex.quote(command)}"
    run = f"timeout -k 1 {ceil(metric.timeout)} {shell or command} </dev/null 2>/dev/null"
    # The end of it: a number stands there, and the status behind it.
    return f"echo @{mark}; {{ {run}; {_status(mark)}; }} | tail -c {_MOST}"


def ask_requests(mark: str) -> str:
    """The requests, as the session's verb `sample` has them: by a process that lives on, or by one of their own."""
    again = 'echo "$2" >"$3" && IFS= read -r answer <"$4" && printf "%s\\n" "$answer"'
    return f'echo @{mark}; if [ "$1" = asker ]; then {again}; else "$@" </dev/null; fi; {_status(mark)}'


def look_at(settings: str, mark: str) -> str:
    """The look at one log, with the settings of log_command; its LOOK lies beside the line on the host."""
    return f'echo @{mark}; ({settings}; . "$0.look"); {_status(mark)}'


def see_changes(env_file: str, mark: str) -> str:
    """Succeeds where `.env` is newer than when this was asked last, or it never was; no process is started for it."""
    same = f'[ -e "$0.seen" ] && ! [ {shlex.quote(env_file)} -nt "$0.seen" ]'
    return f'echo @{mark}; if {same}; then false; else true >"$0.seen"; fi; {_status(mark)}'


def seconds_for(metrics: Iterable[Metric], looks: int = 0) -> float:
    """How long all of them may take on a host, and so many looks at logs."""
    return sum(metric.timeout + 2 for metric in metrics) + looks * _LOOK


def outputs(text: str, mark: str, count: int) -> tuple[tuple[int, str], ...]:
    """What each of so many parts ended with and printed, in their order, also where the host was cut off."""
    found = []
    for answer in text.split(f"@{mark}\n")[1:]:
        printed, _, last = answer.rstrip("\n").rpartition("\n")
        status, _, end = last.partition(" ")
        found.append((int(status) if end == mark and _STATUS.fullmatch(status) else _CUT, printed))
    return (*found, *[(_CUT, "")] * (count - len(found)))


def _status(mark: str) -> str:
    return f"printf '\\n%s {mark}\\n' \"$?\""


def _needs_no_shell(metric: Metric) -> bool:
    """Whether its client is a program with plain arguments."""
    source = metric.source
    return isinstance(source, FromRedis | FromMysql) and _WORDS.fullmatch(source.client) is not None


def _command(metric: Metric) -> str:
    source = metric.source
    if isinstance(source, FromRedis):
        return f"{source.client} INFO"
    if isinstance(source, FromMysql):
        return f"{source.client} -N -B -e {shlex.quote(source.query)}"
    assert isinstance(source, FromCommand)  # noqa: S101 - as is_asked_by_command says
    return source.run
