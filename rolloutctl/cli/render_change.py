"""How a change looks: the plan before it, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from rolloutctl.cli import words
from rolloutctl.cli.render import Cell, Page, text
from rolloutctl.rules.durations import in_words
from rolloutctl.rules.plans import Edit, HostPlan, Plan
from rolloutctl.workflows.tools import Done

_LONGEST = 60  # columns of one value; a list of companies may be long


def show_plan(plan: Plan, notes: Sequence[str], seconds: float, page: Page) -> None:
    """Who will see it, then key by key and host by host, then what a person should know."""
    page.gap()
    title = text((f"{plan.environment.name} · {plan.flag.name}", "bold"))
    drifted = plan.before == plan.target  # the first host is so already, another isn't
    whom = f"{plan.target}, on every host" if drifted else f"{plan.before} → {plan.target}"
    page.columns([[title, text((whom, "bold"))]], indent=0)
    page.gap()
    page.columns(_rows(plan))
    page.line((_proved(plan, seconds, odd=bool(notes)), "dim"), indent=2)
    if plan.confirm_within:
        page.line(
            f"Provisional: each host goes back by itself in {in_words(plan.confirm_within)}, unless it is confirmed. "
            "One that reboots meanwhile can't: it is left INTERRUPTED, and the next change puts it back.",
            indent=2,
        )
    for note in notes:
        page.line(("! ", "bold yellow"), note, indent=2, hang=2)
    page.gap()


def show_end(done: Done, shown: Sequence[str], dry_run: str, page: Page, *, undo: bool = True) -> None:
    """How it ended, where it ended well; `undo`: whether to say how to take it back.

    `shown` are notes that were seen before, `dry_run` the command without it.
    """
    for note in done.notes:
        if note not in shown:
            page.line(("! ", "bold yellow"), note, indent=2, hang=2)
    if done.error is not None:
        return
    if done.result == "planned":
        page.line("Nothing was changed: this was a dry run.", hang=2)
        page.advice(f"To apply it: {dry_run}", indent=2)
    elif done.result == "unchanged":
        _show_unchanged(done, page)
    else:
        _show_kept(done, page, undo=undo)


def _show_unchanged(done: Done, page: Page) -> None:
    plan = done.plan
    page.line(
        ("✓ ", "bold green"),
        f"{done.word or 'Already so'}: {words.sees(plan.target)} {plan.flag.name} in {plan.environment.name},"
        f" on {_all(len(plan.hosts))}. Nothing was changed.",
        hang=2,
    )


def _show_kept(done: Done, page: Page, *, undo: bool) -> None:
    plan = done.plan
    kept = sum(outcome.result == done.result for outcome in done.hosts)
    page.ends(
        text(
            ("✓ ", "bold green"),
            (f"{done.word}: " if done.word else "", "bold"),
            (f"{words.sees(plan.target)} {plan.flag.name}", "bold"),
            f", on {_of(kept, len(plan.environment.hosts))}, after {done.seconds:.1f} s",
        ),
        f"change {plan.change}",
    )
    if done.result == "provisional":
        page.line(f"provisional: it goes back in {in_words(plan.confirm_within)} unless confirmed", indent=2, hang=2)
        page.advice(f"keep: {words.command('confirm', plan.environment.name)}", indent=2)
        page.advice(f"put back now: {words.command('rollback', plan.environment.name)}", indent=2)
    elif plan.about:
        page.advice(f"where it stands: {words.command('rollout', 'status', plan.flag.name)}", indent=2)
    elif undo and done.result == "kept" and not plan.undoes:
        page.advice(f"undo: {words.command('rollback', plan.environment.name)}", indent=2)
    elif plan.undoes:
        page.line(f"undone: {words.listed(plan.undoes)}", indent=2, hang=2)


def _proved(plan: Plan, seconds: float, *, odd: bool) -> str:
    if plan.narrow:  # what makes it smaller is not held up by a proof
        return "Nothing live was touched yet."
    where = words.counted(len(plan.hosts), "host") + (f", {seconds:.1f} s" if seconds else "")
    if odd:
        return f"Prepared on {where}. Nothing live was touched."
    return f"Proved on {where}: nothing else in .env or the config cache changes. Nothing live was touched."


def _rows(plan: Plan) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    before: HostPlan | None = None
    for host in plan.hosts:
        if before is not None and _same(before, host):
            rows.append([host.name, text(("the same", "dim")), ""])
            continue
        before = host
        for number, edit in enumerate(host.writes):
            rows.append([host.name if number == 0 else "", edit.key, _change(edit)])
        if not host.writes:
            rows.append([host.name, _already(host), ""])
    rows.extend([name, text(("cannot be reached", "yellow")), ""] for name in plan.unreachable)
    return rows


def _same(one: HostPlan, other: HostPlan) -> bool:
    def seen(host: HostPlan) -> object:
        return (host.before, host.effective, [(edit.key, edit.before, edit.after) for edit in host.writes])

    return seen(one) == seen(other)


def _already(host: HostPlan) -> str:
    if host.effective in (None, host.before):
        return "is so already"
    return f".env says so already; the config cache still means {host.effective}"


def _change(edit: Edit) -> Text:
    return text((_value(edit.before), "red"), " → ", (_value(edit.after), "green"))


def _value(value: str | None) -> str:
    if value is None:
        return "(not there)"
    if len(value) > _LONGEST:
        return f"{value[: _LONGEST - 1]}… ({len(value):,} characters)"
    return value or "(empty)"


def _all(hosts: int) -> str:
    return "its host" if hosts == 1 else f"all {hosts} hosts"


def _of(kept: int, hosts: int) -> str:
    return "1 host" if kept == hosts == 1 else f"{kept} of {words.counted(hosts, 'host')}"
