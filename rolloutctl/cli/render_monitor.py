"""What a watch says in lines: each round on a pipe, what a guard did, and what was learnt before a change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rolloutctl.cli import words
from rolloutctl.cli.render import Cell, Page, Part, text
from rolloutctl.cli.render_error import show_error
from rolloutctl.rules.durations import in_words
from rolloutctl.rules.verdicts_metrics import Verdict, in_unit, worst
from rolloutctl.workflows.learning import Learnt
from rolloutctl.workflows.monitor import Round

if TYPE_CHECKING:
    from rolloutctl.workflows.guarding import Guard

BLIND = "The guard sees nothing: no metric with guard: true has had data for long."
_LAST_DAY = "the day before the change"
_SAME_HOURS = "the same hours of the same weekday before"


class Table:
    """One round on a terminal, as the picture of a watch has it."""

    def __init__(self, page: Page, flag: str | None) -> None:
        self._page, self._flag = page, flag

    def show(self, round_: Round, guard: Guard | None) -> None:
        """All of it, and it stays."""
        from rolloutctl.cli.render_watch import Size, View, picture  # noqa: PLC0415 - lines need none of it

        for line in picture(View(round_, self._flag), Size(self._page.width)):
            self._page.console.print(line, soft_wrap=True)

    def acted(self, round_: Round, guard: Guard) -> None:
        """What the guard did."""
        for parts in fired(guard):
            self._page.line(*parts, hang=2)


def show_line(round_: Round, page: Page) -> None:
    """One line: when, the verdict of all, and each metric with its value."""
    told = []
    for metric in round_.metrics:
        count = worst(verdict for verdict in round_.verdicts if verdict.metric == metric.name)
        if count is not None:
            told.append(
                f"{metric.name} {_now(count, metric.unit)}" + ("" if count.word == "ok" else f" ({count.word})")
            )
    told += [f"{lost.host} lost" for lost in round_.lost]
    page.line(f"{round_.at:%Y-%m-%dT%H:%M:%SZ}  {_summary(round_)}  {' · '.join(told)}", hang=2)


class Lines:
    """Rounds as lines; what a guard does goes beside them."""

    def __init__(self, answer: Page, side: Page) -> None:
        self._answer, self._side = answer, side
        self._said = ""
        self._told: set[str] = set()

    def show(self, round_: Round, guard: Guard | None) -> None:
        """A line; and what the guard is for, when that is new."""
        said = _plain(guarding(guard, round_)) if guard is not None and guard.done is None else ""
        if said and said != self._said:
            self._side.line(said, hang=2)
        self._said = said
        if guard is not None and guard.blind and "blind" not in self._told:
            self._side.line(("! ", "bold yellow"), BLIND, hang=2)
        self._told = {*self._told - {"blind"}, *({"blind"} if guard is not None and guard.blind else ())}
        for note in round_.told:
            if note not in self._told:
                self._side.line(("! ", "bold yellow"), note, hang=2)
                self._told.add(note)
        show_line(round_, self._answer)

    def acted(self, round_: Round, guard: Guard) -> None:
        """What the guard did, or why it could not; each thing once."""
        for parts in fired(guard):
            if (line := _plain([parts])) not in self._told:
                self._side.line(*parts, hang=2)
                self._told.add(line)
        error = guard.error or (guard.done.error if guard.done else None)
        if error is not None and str(error) not in self._told:
            show_error(error, self._side)
            self._told.add(str(error))


def fired(guard: Guard) -> tuple[tuple[Part, ...], ...]:
    """The switch-off in lines; none where there was none."""
    done = guard.done
    if done is None:
        return ()
    plan, off = done.plan, sum(outcome.result == "kept" for outcome in done.hosts)
    where = f"on {off} of {words.counted(len(plan.environment.hosts), 'host')}, after {done.seconds:.1f} s"
    return (
        (("✗ ", "bold red"), (f"The guard has switched {plan.flag.name} off, {where}.", "bold")),
        (f"  change {plan.change}, {plan.reason}",),
        ("  It stays off until a person decides otherwise.",),
        *((f"  {note}",) for note in guard.notes),
    )


def guarding(guard: Guard, round_: Round) -> tuple[tuple[Part, ...], ...]:
    """What there is to be said of a guard in each round: what it is for, or what it did."""
    lines = fired(guard)
    if not lines:
        names = " or ".join(metric.name for metric in round_.metrics if metric.guard)
        why = f", as the plan says for {round_.phase}; --no-guard only watches" if round_.phase else ""
        lines = ((("guard: ", "bold"), f"switches {guard.flag} off, once, when {names} fails{why}"),)
    error = guard.error or (guard.done.error if guard.done else None)
    if error is not None:
        lines = (*lines, (("✗ ", "bold red"), f"It is not off everywhere: {error.message}"))
    if guard.blind:
        lines = (*lines, (("! ", "bold yellow"), BLIND))
    return lines


def show_hint(round_: Round, page: Page) -> None:
    """How to get enough data."""
    names = words.listed(dict.fromkeys(each.metric for each in round_.verdicts if each.word == "not enough data"))
    page.line(("? ", "yellow"), f"Not enough data yet: {names}.", hang=2)
    name = round_.environment.name
    page.advice(f"A verdict takes several samples: from cron each minute, or for an hour: {_watch(name)}", indent=2)
    page.advice(f"What is usual, before a change: {words.command('monitor', name, '--baseline', '24h')}", indent=2)


def show_learnt(learnt: Sequence[Learnt], every: float, environment: str, page: Page) -> None:
    """What a change that is made now is held against, and what is missing."""
    page.gap()
    page.line((f"What is usual in {environment}", "bold"))
    rows: list[list[Cell]] = []
    for each in learnt:
        several = sum(other.metric.name == each.metric.name for other in learnt) > 1
        name = f"{each.metric.name} {each.host}" if several and each.host else each.metric.name
        mark: Part = ("✓", "green") if each.count and not each.missing else ("?", "yellow")
        middle = "-" if each.middle is None else in_unit(each.middle, each.metric.unit)
        rows.append([text(mark, f" {name}"), middle, _beyond(each), str(each.count), _missing(each, every)])
    page.columns(rows, heads=("metric", "median", "worse is", "samples", ""))
    if any(each.told != _SAME_HOURS for each in learnt if each.count):
        page.line("A week or more compares like with like: the same hours of the same weekday.", indent=2, hang=2)


def _beyond(each: Learnt) -> str:
    if each.bound is not None:
        rising = each.metric.worse is not None and each.metric.worse > 1
        return f"{'above' if rising else 'below'} {in_unit(each.bound, each.metric.unit)}"
    return "-" if each.metric.worse is not None else f"not {each.metric.limit}"


def _missing(each: Learnt, every: float) -> str:
    if not each.count:
        return f"no data{f': {each.note}' if each.note else ''}"
    if each.missing:
        return f"{each.missing} more are needed: {in_words(each.missing * every)}"
    if each.beyond:
        return f"{each.beyond} were beyond the limit already"
    return {_LAST_DAY: "of the newest day"}.get(each.told, each.told)


def _plain(lines: Iterable[Sequence[Part]]) -> str:
    return " ".join(part if isinstance(part, str) else part[0] for parts in lines for part in parts)


def _watch(environment: str) -> str:
    return words.command("monitor", environment, "--for", "1h")


def _summary(round_: Round) -> str:
    words_ = [verdict.word for verdict in round_.verdicts]
    for word in ("fail", "warn", "not enough data"):
        if words_.count(word):
            names = dict.fromkeys(verdict.metric for verdict in round_.verdicts if verdict.word == word)
            return f"{word}: {words.listed(names)}"
    return "ok"


def _now(verdict: Verdict, unit: str) -> str:
    return "-" if verdict.now is None else in_unit(verdict.now, unit)
