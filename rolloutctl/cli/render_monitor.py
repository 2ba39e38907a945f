"""What a watch says in lines: each round on a pipe, and what a guard did."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rolloutctl.cli import words
from rolloutctl.cli.render import Page, Part
from rolloutctl.cli.render_error import show_error
from rolloutctl.rules.verdicts_metrics import Verdict, in_unit, worst
from rolloutctl.workflows.monitor import Round

if TYPE_CHECKING:
    from rolloutctl.workflows.guarding import Guard

BLIND = "The guard sees nothing: no metric with guard: true has had data for long."


class Table:
    """One round on a terminal, as the picture of a watch has it."""

    def __init__(self, page: Page, flag: str | None) -> None:
        self._page, self._flag = page, flag

    def show(self, round_: Round, guard: Guard | None) -> None:
        """All of it, and it stays."""
        from rolloutctl.cli.render_watch import Size, View, picture  # noqa: PLC0415 - lines need none of it

        for line in picture(View(round_, self._flag, once=True), Size(self._page.width)):
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
        said = _plain(guarding(guard, round_)[:1]) if guard is not None and guard.done is None else ""
        if said and said != self._said:
            self._side.line(said, hang=2)
        self._said = said
        if guard is not None and guard.blind:
            self._once(("! ", "bold yellow"), BLIND)
        else:
            self._told.discard(_plain([(("! ", ""), BLIND)]))
        for note in (*round_.told, *(guard.notes if guard is not None else ())):
            self._once(("! ", "bold yellow"), note)
        show_line(round_, self._answer)

    def acted(self, round_: Round, guard: Guard) -> None:
        """What the guard did, or why it could not; each thing once."""
        for parts in fired(guard):
            self._once(*parts)
        for note in guard.notes:
            self._once("  ", note)
        error = guard.error or (guard.done.error if guard.done else None)
        if error is not None and str(error) not in self._told:
            show_error(error, self._side)
            self._told.add(str(error))

    def _once(self, *parts: Part) -> None:
        line = _plain([parts])
        if line not in self._told:
            self._side.line(*parts, hang=2)
            self._told.add(line)


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
    return (*lines, *((f"  {note}",) for note in guard.notes))


def _plain(lines: Iterable[Sequence[Part]]) -> str:
    return "".join(part if isinstance(part, str) else part[0] for parts in lines for part in parts)


def _summary(round_: Round) -> str:
    words_ = [verdict.word for verdict in round_.verdicts]
    for word in ("fail", "warn", "not enough data"):
        if words_.count(word):
            names = dict.fromkeys(verdict.metric for verdict in round_.verdicts if verdict.word == word)
            return f"{word}: {words.listed(names)}"
    return "ok"


def _now(verdict: Verdict, unit: str) -> str:
    return "-" if verdict.now is None else in_unit(verdict.now, unit)
