"""How code and database going back look: the safer step first, then what goes back, and how it ended."""

from __future__ import annotations

from rolloutctl.cli import words
from rolloutctl.cli.render import Page, text
from rolloutctl.rules.deploys import short
from rolloutctl.workflows.code_rollback import CodePlan, CodeRolledBack
from rolloutctl.workflows.database_rollback import DatabasePlan, DatabaseRolledBack
from rolloutctl.workflows.safer_step import SaferStep


def show_code_plan(plan: CodePlan, page: Page) -> None:
    """What is to be reverted, and whence it is known."""
    page.gap()
    page.line((f"{plan.environment} · code back", "bold"), hang=2)
    page.gap()
    _show_safer(plan.safer, page)
    if plan.arrival is not None:
        came = f"{words.local(plan.arrival.at.isoformat())}, {plan.arrival.actor}"
        told = f"Deployed last: {short(plan.arrival.commit)}, {came}"
        before = f"; {short(plan.arrival.before)} was live before" if plan.arrival.before else ""
        page.line(told + before, indent=2, hang=2)
    for note in plan.notes:
        page.line(("! ", "bold yellow"), note, indent=2, hang=2)
    page.gap()
    page.line(f"To revert, on a new branch from origin/{plan.onto}:", indent=2)
    for commit, told in plan.commits:
        page.line((short(commit), "bold"), f"  {told}", indent=4, hang=2)
    page.gap()


def show_code_back(done: CodeRolledBack, page: Page) -> None:
    """The branch, what it changes, and what is next."""
    reverted = done.reverted
    if reverted is None:
        page.line("Nothing was done: this was a dry run.", hang=2)
        return
    for line in reverted.stat:
        page.line((line, "dim"), indent=1, hang=4)
    if reverted.stat:
        page.gap()
    if done.error is not None:
        return
    where = "and pushed" if done.pushed else "here; nothing was pushed"
    page.line(("✓ ", "bold green"), (f"{reverted.branch} is ready ", "bold"), where, hang=2)
    if not done.pushed:
        page.advice(f"push it: git push origin {reverted.branch}", indent=2)
    page.line(f"then: have it merged into {done.plan.onto}, and deployed", indent=2, hang=2)
    page.advice(f"and see: {words.command('deploy', done.plan.environment)}", indent=2)


def show_database_plan(plan: DatabasePlan, page: Page) -> None:
    """What goes back, what is lost with it, and what can't."""
    page.gap()
    page.line((f"{plan.environment.name} · database back", "bold"), f"   batch {plan.batch}, on {plan.host}", hang=2)
    page.gap()
    _show_safer(plan.safer, page)
    for note in plan.notes:
        page.line(("! ", "bold yellow"), note, indent=2, hang=2)
    page.gap()
    for name, down in plan.migrations:
        if down.way == "yes":
            loses = f"drops {words.listed(down.loses)}" if down.loses else "drops nothing that can be seen"
            page.line(("↩ ", "yellow"), (name, "bold"), f"  {loses}", indent=2, hang=4)
        else:
            page.line(("✗ ", "bold red"), (name, "bold"), f"  can't go back: {down.why}", indent=2, hang=4)
    page.gap()
    if plan.stuck:
        return
    lost = "The whole last batch goes back, and what was written into those tables and columns since is lost."
    live = "The code that is live has to get along without them."
    page.line(("! ", "bold yellow"), f"{lost} {live}", indent=2, hang=2)
    page.gap()


def show_database_back(done: DatabaseRolledBack, page: Page) -> None:
    """How it ended, where it ended well."""
    for note in done.notes:
        page.line(("! ", "bold yellow"), note, indent=2, hang=2)
    if done.error is not None:
        return
    where = done.plan.environment.name
    if done.step is None:
        page.line("Nothing was done: this was a dry run.", hang=2)
        return
    count = words.counted(len(done.migrated.done), "migration")
    page.ends(
        text(("✓ ", "bold green"), (f"{count} went back in {where}", "bold"), f", in {done.step.ms / 1000:.1f} s"),
        f"batch {done.plan.batch}",
    )
    for name in done.migrated.done:
        page.line(name, indent=2)
    page.advice(f"the code that expects them goes back by: {words.command('rollback', where, '--code')}", indent=2)


def _show_safer(safer: SaferStep, page: Page) -> None:
    urgent = bool(safer.on) or not safer.known
    page.line(("! ", "bold yellow") if urgent else ("✓ ", "green"), (safer.words, "bold"), indent=2, hang=2)
    for command in safer.commands:
        page.advice(command, indent=4)
