"""One round on one host: a single line asks for all of its metrics, and its answers become their values."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from msgspec import Struct, field

from rolloutctl.contracts import Session
from rolloutctl.errors import Unreachable
from rolloutctl.rules.config import Environment
from rolloutctl.rules.log_command import settings
from rolloutctl.rules.log_entries import Entry, entries, matching
from rolloutctl.rules.log_following import News, Place, read
from rolloutctl.rules.measuring import Memory, Reading, asked_value, per_minute, reading, request_for, taken_at
from rolloutctl.rules.metrics import FromLog, FromRequest, Metric
from rolloutctl.rules.records import read_object
from rolloutctl.rules.requests import target
from rolloutctl.rules.round_line import (
    ask_command,
    ask_requests,
    is_asked_by_command,
    look_at,
    outputs,
    round_line,
    seconds_for,
    see_changes,
)
from rolloutctl.rules.work import read_answers
from rolloutctl.workflows.tools import Tools

_PIECE = 1_000_000  # bytes of all logs that are read at once
_PIECES = 24  # a log that has more to say waits for the next sample
_SHOWN = 5  # matching entries of a round that may be shown

Readings = dict[str, Reading]  # by metric


class Found(Struct, frozen=True):
    """An entry of a log that a metric counted. Not to be shown as it is: see `Entry.shown`."""

    metric: str
    entry: Entry


class Answered(Struct):
    """What one host answered: a reading for each metric, the newest matching entries, and whether `.env` is another."""

    readings: Readings = field(default_factory=dict)
    found: list[Found] = field(default_factory=list)
    changed: bool = False


class _Look(Struct):
    """A log that is looked at once for all metrics that have read it equally far."""

    file: str
    place: Place
    metrics: list[Metric]
    counts: dict[str, int] = field(default_factory=dict)
    note: str = ""
    blind: bool = False
    more: bool = True

    @property
    def begun(self) -> bool:
        return self.place.of(self.file).begun


class HostRound:
    """The questions for one host. Of its metrics, those that lack a secret are answered here."""

    def __init__(self, session: Session, environment: Environment, metrics: Sequence[Metric], tools: Tools) -> None:
        self._session, self._environment, self._tools = session, environment, tools
        able = [metric for metric in metrics if not metric.lacks]
        self._requests = [metric for metric in able if isinstance(metric.source, FromRequest)]
        self._commands = [metric for metric in able if is_asked_by_command(metric)]
        self._logs = [metric for metric in able if isinstance(metric.source, FromLog)]
        self._answered = Answered({metric.name: Reading(None, metric.lacks) for metric in metrics if metric.lacks})
        self._memories = {m.name: self._memory(m) for m in (*self._commands, *self._logs)}

    def ask(self, at: datetime, mark: str) -> Answered:
        """Ask, as of a moment.

        Raises:
            Unreachable: the connection is lost.
        """
        url = self._environment.url
        if url is None and self._requests:
            self._answered.readings |= {m.name: Reading(None, "the environment has no url") for m in self._requests}
            self._requests = []
        where = target(url, self._session.host, self._session.server) if url is not None else {}
        looks = self._looks()
        begun = [look.begun for look in looks]
        parts = [
            see_changes(self._session.host.env_file, mark),
            *(self._look_at(look, mark, len(looks)) for look in looks),
            *(ask_command(metric, mark) for metric in self._commands),
            *([ask_requests(mark)] if self._requests else []),
        ]
        asked = [request_for(metric, where) for metric in self._requests]
        seconds = seconds_for((*self._commands, *self._requests), len(looks))
        ran = self._session.sample(round_line(parts), asked, seconds)
        told = list(outputs(ran.output, mark, len(parts)))
        self._answered.changed = told.pop(0)[0] == 0
        for look in looks:
            self._read(look, told.pop(0)[1])
        for metric in self._commands:
            self._answered.readings[metric.name] = reading(metric, *told.pop(0), at, self._memories[metric.name])
        if self._requests:
            self._requested(*told.pop(0))
        for look, was_begun in zip(looks, begun, strict=True):
            self._rest(look, mark)
            self._rates(look, at, begun=was_begun)
        return self._answered

    def _looks(self) -> list[_Look]:
        looks: list[_Look] = []
        for metric in self._logs:
            assert isinstance(metric.source, FromLog)  # noqa: S101 - as they were chosen
            place = Place.from_json(str((self._memories[metric.name] or {}).get("place", "")))
            same = (look for look in looks if (look.file, look.place) == (metric.source.file, place))
            if (look := next(same, None)) is not None:
                look.metrics.append(metric)
            else:
                looks.append(_Look(metric.source.file, place, [metric]))
        return looks

    def _look_at(self, look: _Look, mark: str, looks: int) -> str:
        return look_at(settings(look.file, look.place, _PIECE // looks), mark)

    def _read(self, look: _Look, printed: str) -> None:
        news = read(look.place, look.file, printed)
        look.blind, look.more = news.blind, news.more
        look.note = news.note or look.note
        self._count(look, news)

    def _count(self, look: _Look, news: News) -> None:
        if news.blind:
            return
        look.place = news.place
        new = entries(news.text)
        for metric in look.metrics:
            source = metric.source
            assert isinstance(source, FromLog)  # noqa: S101 - as above
            matched = matching(new, source.level or "debug", source.pattern or "")
            look.counts[metric.name] = look.counts.get(metric.name, 0) + len(matched)
            self._answered.found += [Found(metric.name, entry) for entry in matched[-_SHOWN:]]
        del self._answered.found[: -_SHOWN * len(self._logs)]

    def _rest(self, look: _Look, mark: str) -> None:
        """What one look had no room for: the first look at a log, or one at a log that grows fast.

        And the newest entry. Left to the next sample, a burst of errors would be in two of them, or in three.
        """
        for _ in range(_PIECES):
            if look.blind or not look.more:
                break
            self._read(look, self._looked_again(look, mark))
        if look.place.pending and not (look.blind or look.more):
            with suppress(Unreachable):  # the next round meets it, too; this one has its answers
                self._count(look, read(look.place, look.file, self._looked_again(look, mark)))

    def _looked_again(self, look: _Look, mark: str) -> str:
        line = round_line([self._look_at(look, mark, 1)])
        ran = self._session.sample(line, [], seconds_for((), 1))
        return outputs(ran.output, mark, 1)[0][1]

    def _rates(self, look: _Look, at: datetime, *, begun: bool) -> None:
        memory = {"place": look.place.to_json(), "at": at.isoformat()}
        for metric in look.metrics:
            if look.blind:
                found = Reading(None, look.note)
            elif not begun:
                found = Reading(None, "the next sample can tell: it takes two", memory)
            else:
                since = taken_at(self._memories[metric.name] or {})
                found = Reading(per_minute(look.counts.get(metric.name, 0), since, at), look.note, memory)
            self._answered.readings[metric.name] = found

    def _requested(self, status: int, printed: str) -> None:
        answers = read_answers(read_object(printed))
        for metric in self._requests:
            found = asked_value(metric, answers)
            if not answers:
                found = Reading(None, f"the host's php ended with exit {status} instead of asking")
            self._answered.readings[metric.name] = found

    def _memory(self, metric: Metric) -> Memory | None:
        kept = self._tools.samples.recall(metric.name, self._environment.name, self._session.host.name)
        return read_object(kept) or None
