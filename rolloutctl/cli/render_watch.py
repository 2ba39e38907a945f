"""The picture of a watch on a terminal: what fails, each metric with its curve and its rule, hosts, lines of logs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from msgspec import Struct, field
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from rolloutctl.cli import words
from rolloutctl.cli.render import Part, text
from rolloutctl.cli.sparkline import BLOCKS, PLAIN, sparkline
from rolloutctl.rules.durations import in_days, in_words
from rolloutctl.rules.metrics import Metric
from rolloutctl.rules.verdicts_metrics import Verdict, Word, in_unit, worst
from rolloutctl.workflows.monitor import Round
from rolloutctl.workflows.recent import MOST

MARKS: dict[Word, Part] = {
    "ok": ("✓", "green"),
    "warn": ("!", "bold yellow"),
    "fail": ("✗", "bold red"),
    "not enough data": ("?", "yellow"),
}
_GAP = "   "
_SHORTEST = 8  # columns below which a curve says nothing
_LONGEST_NAME = 24
_TOLD = 3  # lines that a rule may take
_IN_PLAIN = str.maketrans({"✓": "+", "✗": "x", "…": "~", "·": "-", "•": "*", "↑": "^"})


class View(Struct, frozen=True):
    """What there is to be seen: the round, which flag, and what the guard has to say; `once`: no other will follow."""

    round: Round
    flag: str | None = None
    guard: tuple[tuple[Part, ...], ...] = ()
    word: str = ""  # what kind of watch it is
    once: bool = False


class Size(Struct, frozen=True):
    """The room for a picture; no height: as many lines as it takes. `plain`: the terminal has no blocks."""

    width: int
    height: int | None = None
    plain: bool = False


class _Detail(Struct, frozen=True):
    """How much is told: whose rules, how many lines of logs, and whether hosts are told apart."""

    told: frozenset[Word]
    lines: int
    hosts: bool = True


_ALL: frozenset[Word] = frozenset({"ok", "warn", "fail", "not enough data"})
_ODD: frozenset[Word] = frozenset({"warn", "fail", "not enough data"})
_DETAILS = (
    _Detail(_ALL, 8),
    _Detail(_ALL, 4),
    _Detail(_ODD, 4),
    _Detail(frozenset({"fail"}), 3),
    _Detail(frozenset({"fail"}), 0),
    _Detail(frozenset({"fail"}), 0, hosts=False),
    _Detail(frozenset(), 0, hosts=False),
)


def picture(view: View, size: Size) -> list[Text]:
    """The lines of the picture: as much as there is room for."""
    lines: list[Text] = []
    for detail in _DETAILS:
        lines = _Drawn(view, size, detail).lines()
        if size.height is None or len(lines) <= size.height:
            break
    lines = lines[: size.height]
    if size.plain:
        for line in lines:
            line.plain = line.plain.translate(_IN_PLAIN)
    return lines


class _Drawn(Struct):
    view: View
    size: Size
    detail: _Detail
    console: Console = field(default_factory=lambda: Console(width=80))

    def lines(self) -> list[Text]:
        """All of it, from above."""
        round_ = self.view.round
        found = [*self._head(), Text()]
        found += self._metrics()
        for lost in round_.lost:
            told = f"{lost.host} is lost since {lost.since.astimezone():%H:%M}, trying again: {lost.why}"
            found += [Text(), *self._wrapped(text(MARKS["warn"], f" {told}"), 2)]
        for note in round_.told:
            found += [Text(), *self._wrapped(text(MARKS["warn"], f" {note}"), 2)]
        return found + self._logs()

    def _head(self) -> Iterator[Text]:
        round_, view = self.view.round, self.view
        name = text((round_.environment.name, "bold"), f" {_dot(view.flag)}" if view.flag else "")
        yield self._ended(name, f"{round_.at.astimezone():%a %d %b %H:%M:%S}")
        if not view.once:
            yield from self._wrapped(text((f"{view.word}{_course(round_)}", "dim")), 0)
        for parts in view.guard:
            yield from self._wrapped(text(*parts), 2)
        yield Text()
        yield from self._wrapped(_summary(round_), 2)

    def _metrics(self) -> Iterator[Text]:
        rows = [(metric, found) for metric in self.view.round.metrics if (found := self._verdicts(metric))]
        cells = [(metric, each, *_cells(metric, each)) for metric, found in rows for each in [_counts(found)]]
        name = max((min(cell_len(metric.name), _LONGEST_NAME) for metric, *_ in cells), default=0) + 2
        now = max((cell_len(row[2]) for row in cells), default=0)
        usual = max((cell_len(row[3]) for row in cells), default=0)
        usual += len(_GAP) if usual else 0
        room = self.size.width - name - now - usual - 2 * len(_GAP)
        for (metric, counts, now_, usual_), (_, found) in zip(cells, rows, strict=True):
            head = text(MARKS[counts.word], f" {_short(metric.name, _LONGEST_NAME)}")
            line = _padded(head, name) + Text(_GAP) + _padded(text((now_, _style(counts.word))), now)
            line += _padded(text(_GAP if usual_ else "", (usual_, "dim")), usual)
            yield self._cut(line + self._curve(metric, counts, room))
            if counts.word in self.detail.told:
                yield from self._told(counts, found)
            if self.detail.hosts and _differ(found):
                yield from self._hosts(metric, found, name, now)

    def _told(self, counts: Verdict, found: Sequence[Verdict]) -> Iterator[Text]:
        where = f"{counts.host}: " if counts.host and len(found) > 1 and _differ(found) else ""
        told = self._wrapped(text((f"    {where}{counts.told}", "dim")), 4)
        yield from told[:_TOLD]

    def _hosts(self, metric: Metric, found: Sequence[Verdict], name: int, now: int) -> Iterator[Text]:
        for each in found:
            head = text("  ", MARKS[each.word], f" {_short(each.host or 'from here', _LONGEST_NAME)}")
            line = _padded(head, name) + Text(_GAP) + _padded(text(_cells(metric, each)[0]), now)
            yield self._cut(line + Text(_GAP) + text((each.word, _style(each.word))))

    def _curve(self, metric: Metric, counts: Verdict, room: int) -> Text:
        values = self.view.round.curves.get((metric.name, counts.host), ())
        if room < _SHORTEST:
            return Text()
        curve = sparkline(values, min(room, MOST), PLAIN if self.size.plain else BLOCKS)
        return Text(_GAP) + text((curve, _style(counts.word) or "cyan"))

    def _logs(self) -> list[Text]:
        said = [(f"{line.host} ", f"{line.level}: {line.text}", line.at) for line in self.view.round.lines]
        groups = [list(same) for _, same in groupby(said, key=lambda line: line[:2])]
        newest = groups[-self.detail.lines :] if self.detail.lines else []
        found = [Text(), text(("Newest lines of logs that were counted", "dim"))] if newest else []
        for group in newest:
            host, words_, at = group[-1]
            times = f"{len(group)} times " if len(group) > 1 else ""
            head = f"{at.astimezone():%H:%M:%S} {host}{times}"
            found.append(self._cut(text("  ", (head, "dim"), words_)))
        return found

    def _verdicts(self, metric: Metric) -> list[Verdict]:
        return [verdict for verdict in self.view.round.verdicts if verdict.metric == metric.name]

    def _ended(self, left: Text, right: str) -> Text:
        blanks = self.size.width - cell_len(left.plain) - cell_len(right)
        return self._cut(left + Text(" " * max(blanks, len(_GAP))) + text((right, "dim")))

    def _wrapped(self, content: Text, hang: int) -> list[Text]:
        first, *rest = content.wrap(self.console, max(self.size.width - hang, 20)) or [Text()]
        return [first, *(Text(" " * hang) + line for line in rest)]

    def _cut(self, line: Text) -> Text:
        line.truncate(self.size.width, overflow="ellipsis")
        return line


def _course(round_: Round) -> str:
    since = f"since {round_.since.astimezone():%a %H:%M}, " if round_.since else ""
    left = f", {in_days(round_.left)} left" if round_.left is not None else ""
    return f"{since}{words.counted(round_.number, 'round')}, one every {in_words(round_.every)}{left}"


def _summary(round_: Round) -> Text:
    for word in ("fail", "warn", "not enough data"):
        names = dict.fromkeys(verdict.metric for verdict in round_.verdicts if verdict.word == word)
        if names:
            return text(MARKS[word], " ", (f"{word}: {words.listed(names)}", _style(word)))
    return text(MARKS["ok"], " all is as it should be")


def _counts(found: Iterable[Verdict]) -> Verdict:
    counts = worst(found)
    assert counts is not None  # noqa: S101 - a metric without verdicts has no row
    return counts


def _cells(metric: Metric, verdict: Verdict) -> tuple[str, str]:
    now = "-" if verdict.now is None else in_unit(verdict.now, metric.unit)
    usual = "" if verdict.baseline is None else f"usual {in_unit(verdict.baseline, '')}"
    return now, usual


def _differ(found: Iterable[Verdict]) -> bool:
    return len({verdict.word for verdict in found}) > 1


def _style(word: Word) -> str:
    return "" if word == "ok" else MARKS[word][1] if isinstance(MARKS[word], tuple) else ""


def _dot(flag: str) -> str:
    return f"· {flag}"


def _short(name: str, most: int) -> str:
    return name if cell_len(name) <= most else f"{name[: most - 1]}…"


def _padded(cell: Text, width: int) -> Text:
    return cell + Text(" " * max(0, width - cell_len(cell.plain)))
