"""How schedules look: what is to come, what became of what was due, and what to do about it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from rolloutctl.cli import words
from rolloutctl.cli.render import Page, text
from rolloutctl.cli.render_change import show_end
from rolloutctl.cli.render_error import show_error
from rolloutctl.rules.durations import in_days
from rolloutctl.rules.rollout_dates import told
from rolloutctl.rules.schedules import Schedule
from rolloutctl.workflows.due import Attempt, Report
from rolloutctl.workflows.scheduling import Proposed, Scheduled

_MANY = 5  # schedules to come that are shown


def show_proposed(proposed: Proposed, page: Page) -> None:
    """What is to be agreed to."""
    plan = proposed.plan
    page.gap()
    page.line((f"{plan.environment.name} · {plan.flag.name}", "bold"), f"   {proposed.before} → {plan.target}", hang=2)
    page.line(
        f"at {proposed.written}; on this machine's clock {words.local(proposed.due.isoformat())}", indent=2, hang=2
    )
    for note in proposed.notes:
        page.line(("! ", "bold yellow"), note, indent=2, hang=2)
    page.gap()


def show_scheduled(made: Scheduled, now: datetime, page: Page) -> None:
    """That it was written down, and who carries it out."""
    meant = made.schedule
    if not made.recorded:
        page.line("Nothing was scheduled: this was a dry run.")
        return
    ahead = in_days((meant.due - now).total_seconds())
    page.ends(
        text(("✓ ", "bold green"), (f"Scheduled, in {ahead}: {meant.flag} for {meant.after}", "bold")),
        f"schedule {meant.id}",
    )
    page.advice(f"It takes something that runs this then, such as cron: {words.command('due')}", indent=2)
    page.advice(f"cancel: {words.command('unschedule', meant.environment, meant.id)}", indent=2)


def show_cancelled(meant: Schedule, notes: Iterable[str], page: Page) -> None:
    """That it will not be carried out."""
    page.line(("✓ ", "bold green"), f"Cancelled: {meant} in {meant.environment}.", hang=2)
    for note in notes:
        page.line(("! ", "bold yellow"), note, indent=2, hang=2)


def show_due(meant: Schedule, page: Page) -> None:
    """What is carried out now."""
    page.gap()
    said = f", {words.quoted(meant.reason)}" if meant.reason else ""
    page.line(f"Due since {told(meant.due)}, scheduled by {meant.actor}{said} (schedule {meant.id}):", hang=2)


def show_report(report: Report, shown: Mapping[str, Sequence[str]], page: Page, side: Page) -> None:
    """What became of all that was due. Where nothing was, cron is told nothing, for it would send a mail each time.

    `shown` has, by schedule, the notes that were seen with its plan.
    """
    for attempt in report.attempts:
        _show_attempt(attempt, shown.get(attempt.schedule.id, ()), page, side)
    for name, error in report.unasked:
        show_error(error, side, known=name)
    if report.attempts or report.unasked or not sys.stdout.isatty():
        return
    page.line("Nothing is due." if report.upcoming else "Nothing is due, and nothing is scheduled.")
    for each in report.upcoming[:_MANY]:
        page.line(f"{told(each.due)}   {each.environment} · {each.flag} for {each.after} ({each.id})", indent=2, hang=4)


def _show_attempt(attempt: Attempt, shown: Sequence[str], page: Page, side: Page) -> None:
    meant = attempt.schedule
    if attempt.done is not None:
        show_end(attempt.done, shown, "", page)
    elif attempt.result == "already":
        page.line(f"Schedule {meant.id} was carried out or cancelled elsewhere meanwhile: {meant}.", hang=2)
    elif attempt.error is None:
        page.line(f"Schedule {meant.id} {attempt.result}: {meant}, in {meant.environment}.", hang=2)
    for note in attempt.notes:
        page.line(("! ", "bold yellow"), note, indent=2, hang=2)
    if attempt.error is not None:
        show_error(attempt.error, side)
    if attempt.result == "waits":
        page.line("It stays scheduled: the next rolloutctl due tries again.", indent=2)
