"""How watching looks: a line for each metric on a terminal, one line for each round anywhere else."""

from __future__ import annotations

from rolloutctl.cli import words
from rolloutctl.cli.render import Cell, Page, Part, text
from rolloutctl.cli.render_error import show_error
from rolloutctl.rules.verdicts_metrics import Verdict, Word, in_unit, worst
from rolloutctl.workflows.guarding import Guard
from rolloutctl.workflows.monitor import Round

_MARKS: dict[Word, Part] = {
    "ok": ("✓", "green"),
    "warn": ("!", "bold yellow"),
    "fail": ("✗", "bold red"),
    "not enough data": ("?", "yellow"),
}


def show_round(round_: Round, page: Page) -> None:
    """Each metric: the worst of its hosts, with the rule and the numbers behind it. It takes the place of the last."""
    page.console.clear()
    page.line((round_.environment.name, "bold"), f"   {round_.at.astimezone():%a %d %b %H:%M:%S}   {_summary(round_)}")
    rows: list[list[Cell]] = []
    for metric in round_.metrics:
        found = [verdict for verdict in round_.verdicts if verdict.metric == metric.name]
        count = worst(found)
        if count is None:
            continue
        where = f"{count.host}: " if count.host and _differ(found) else ""
        rows.append([text(_MARKS[count.word], f" {metric.name}"), _now(count, metric.unit), f"{where}{count.told}"])
    page.columns(rows)


def show_guard(guard: Guard, page: Page, *, fired: bool) -> None:
    """What the guard did, in the round in which it did it; and what is wrong with it, in each."""
    done, error = guard.done, guard.error
    if done is not None and fired:
        plan, off = done.plan, sum(outcome.result == "kept" for outcome in done.hosts)
        where = f"on {off} of {words.counted(len(plan.environment.hosts), 'host')}, after {done.seconds:.1f} s"
        page.line(("✗ ", "bold red"), f"The guard has switched {plan.flag.name} off, {where}.", hang=2)
        page.line(f"change {plan.change}, {plan.reason}", indent=2, hang=2)
        page.line("It stays off until a person decides otherwise.", indent=2)
        error = done.error
    if error is not None:
        show_error(error, page)
    if guard.blind:
        page.line(("! ", "bold yellow"), "The guard sees nothing: no metric with guard: true has had data for long.")


def show_line(round_: Round, page: Page) -> None:
    """One line: when, the verdict of all, and each metric with its value."""
    told = []
    for metric in round_.metrics:
        count = worst(verdict for verdict in round_.verdicts if verdict.metric == metric.name)
        if count is not None:
            told.append(
                f"{metric.name} {_now(count, metric.unit)}" + ("" if count.word == "ok" else f" ({count.word})")
            )
    page.line(f"{round_.at:%Y-%m-%dT%H:%M:%SZ}  {_summary(round_)}  {' · '.join(told)}", hang=2)


def _summary(round_: Round) -> str:
    words_ = [verdict.word for verdict in round_.verdicts]
    for word in ("fail", "warn", "not enough data"):
        if words_.count(word):
            names = dict.fromkeys(verdict.metric for verdict in round_.verdicts if verdict.word == word)
            return f"{word}: {words.listed(names)}"
    return "ok"


def _differ(found: list[Verdict]) -> bool:
    return len({verdict.word for verdict in found}) > 1


def _now(verdict: Verdict, unit: str) -> str:
    return "-" if verdict.now is None else in_unit(verdict.now, unit)
