"""What is usual before a change, and how to get enough data to tell."""

from __future__ import annotations

from collections.abc import Sequence

from rolloutctl.cli import words
from rolloutctl.cli.render import Cell, Page, Part, text
from rolloutctl.rules.durations import in_words
from rolloutctl.rules.verdicts_metrics import in_unit
from rolloutctl.workflows.learning import Learnt
from rolloutctl.workflows.monitor import Round

_LAST_DAY = "the day before the change"
_SAME_HOURS = "the same hours of the same weekday before"


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


def _watch(environment: str) -> str:
    return words.command("monitor", environment, "--for", "1h")
