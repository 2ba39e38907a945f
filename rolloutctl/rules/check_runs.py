"""What became of the items that look by themselves: the requests to ask, and a verdict with its evidence in a line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from msgspec import Struct

from rolloutctl.rules.checklists import Item
from rolloutctl.rules.config import Environment, Host
from rolloutctl.rules.durations import write_duration
from rolloutctl.rules.flags import Audience
from rolloutctl.rules.redact import one_line
from rolloutctl.rules.requests import TIMEOUT, target
from rolloutctl.rules.work import OVER, Asked, Ran

Outcome = Literal["passed", "failed", "not looked"]
_LONGEST = 240  # characters of evidence; it becomes the note of a record
_NAMED = 3  # hosts; more are counted


class CheckRun(Struct, frozen=True):
    """One item, and how it ended. Only what passed or failed is worth a record; the rest stays as it was.

    `evidence` is one line: what was seen, or why nothing was. No value of `.env` is in it.
    """

    item: Item
    outcome: Outcome
    evidence: str

    @property
    def told(self) -> bool:
        """Whether it says something of the item."""
        return self.outcome != "not looked"


def requests_of(items: Iterable[Item], environment: Environment, host: Host, server: str) -> tuple[dict[str, Any], ...]:
    """What a host is to ask of itself, each once; `server` is its own address as the connection knows it."""
    if environment.url is None:
        return ()
    where = target(environment.url, host, server)
    return tuple(
        {
            **where,
            "id": item.id,
            "path": item.request.path,
            "headers": dict(item.request.headers),
            "expect": list(item.request.expect),
            "json": dict(item.request.json),
            "within": 0.0,
            "timeout": TIMEOUT,
        }
        for item in items
        if item.request is not None
    )


def hindered(item: Item, environment: Environment, seen: Mapping[str, Audience | None]) -> CheckRun | None:
    """Why nobody needs to look now; None when somebody may. `seen` is what the flag is on each host that answers."""
    why = item.unmet or _not_fitting(item, seen)
    if item.request is not None and environment.url is None:
        why = f"{environment.name} has no url in environments.yaml"
    return _not_looked(item, why) if why else None


def judge_request(item: Item, answers: Mapping[str, Asked | str]) -> CheckRun:
    """The verdict on a request: passed where every host answered as expected, failed where one did not.

    Args:
        item: whose request it was.
        answers: by host; a text says why there is none.
    """
    asked = {name: answer for name, answer in answers.items() if isinstance(answer, Asked)}
    wrong = {name: said for name, answer in asked.items() if (said := _wrong(item, answer))}
    if wrong:
        return CheckRun(item, "failed", _cut("; ".join(f"{name}: {said}" for name, said in wrong.items())))
    silent = [f"{name}: {answer}" for name, answer in answers.items() if isinstance(answer, str)]
    if silent or not asked:
        return _not_looked(item, "; ".join(silent) or "there is no host")
    statuses = "/".join(dict.fromkeys(str(answer.status) for answer in asked.values()))
    slowest = max(answer.ms for answer in asked.values())
    took = f"{slowest:,} ms" + (" at most" if len(asked) > 1 else "")
    return CheckRun(item, "passed", _cut(f"{statuses} on {_listed(asked)}, {took}"))


def judge_command(item: Item, host: str, ran: Ran | str) -> CheckRun:
    """The verdict on a command, from how it ended on a host; a text says why it did not run."""
    if isinstance(ran, str):
        return _not_looked(item, f"{host}: {ran}")
    if ran.lost == "no-room":
        return _not_looked(item, f"{host}: the command {ran.problem}")
    said, trouble = _last_line(ran.shown), _last_line(ran.trouble)
    if ran.status == 0:
        return CheckRun(item, "passed", _cut(_joined(f"exit 0 on {host}", said)))
    if ran.status == OVER:
        return CheckRun(item, "failed", _cut(f"no end within {write_duration(item.timeout)} on {host}"))
    return CheckRun(item, "failed", _cut(_joined(f"exit {ran.status} on {host}", trouble or said)))


def _not_fitting(item: Item, seen: Mapping[str, Audience | None]) -> str:
    """How the flag would have to be, where it is not so; empty where it fits."""
    if item.when == "any":
        return ""
    needs = f"needs the flag {item.when}"
    unknown = [name for name, audience in seen.items() if audience is None]
    wrong = [name for name, audience in seen.items() if audience is not None and not item.fits(audience)]
    if not wrong:
        return f"{needs}, and {_listed(unknown)} can't say what it is" if unknown else ""
    return needs if len(wrong) + len(unknown) == len(seen) else f"{needs}, also on {_listed(wrong)}"


def _wrong(item: Item, answer: Asked) -> str:
    """What is wrong with an answer; empty when nothing is."""
    request = item.request
    if request is None or answer.status is None:
        return answer.error or "no answer"
    if answer.status not in request.expect:
        return f"{answer.status}, expected {' or '.join(map(str, request.expect))}"
    if not answer.ok:
        return f"{answer.status}, {answer.error or 'not as expected'}"
    if answer.ms > request.within * 1000:
        return f"{answer.status} after {answer.ms:,} ms, expected within {write_duration(request.within)}"
    return ""


def _not_looked(item: Item, why: str) -> CheckRun:
    return CheckRun(item, "not looked", _cut(why))


def _joined(ended: str, said: str) -> str:
    return f"{ended}: {said}" if said else ended


def _last_line(text: str) -> str:
    return next((line for each in reversed(text.splitlines()) if (line := one_line(each))), "")


def _listed(hosts: Iterable[str]) -> str:
    names = list(hosts)
    if len(names) > _NAMED:
        return f"{len(names)} hosts"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _cut(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= _LONGEST else line[: _LONGEST - 3] + "..."
