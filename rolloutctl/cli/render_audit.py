"""How the audit log looks: changes newest first, one change host by host, and whether the logs are whole."""

from __future__ import annotations

from collections.abc import Sequence

from rolloutctl.cli import words
from rolloutctl.cli.render import Cell, Page, text
from rolloutctl.rules.config import Environment
from rolloutctl.rules.history import Change
from rolloutctl.rules.provisional import NOT_CONFIRMED
from rolloutctl.rules.records import Record
from rolloutctl.rules.rollout_standing import Mark
from rolloutctl.workflows.audit import Audited, Verified

_STYLES = {"kept": "green", "provisional": "yellow", "reverted": "yellow", "started": "bold red"}


def show_changes(changes: Sequence[Change], audits: Sequence[Audited], page: Page) -> None:
    """A line a change, newest first; the environment is named where there are several."""
    several = len(audits) > 1
    if not changes:
        page.line("No changes yet.")
    else:
        heads = ("time", "change", *(["environment"] if several else []), "flag", "from → to", "outcome", "by", "why")
        rows = [_row(change, several=several) for change in changes]
        if page.fits(rows, heads=heads, indent=0):
            page.columns(rows, heads=heads, indent=0)
        else:
            for change in changes:
                _show_short(change, page, several=several)
    for each in audits:
        for name, error in each.unreachable:
            page.line(("! ", "bold yellow"), f"{each.environment} · {name} could not be asked: {error}", hang=2)


def show_marks(marks: Sequence[Mark], page: Page, *, several: bool) -> None:
    """What was recorded beside changes, newest first; nothing where nothing was. `several`: name the environment."""
    if not marks:
        return
    page.gap()
    page.line("Beside changes:")
    heads = ("time", *(["environment"] if several else []), "flag", "what", "by", "why")
    rows = [_mark_row(mark, several=several) for mark in marks]
    if page.fits(rows, heads=heads, indent=0):
        page.columns(rows, heads=heads, indent=0)
        return
    for time, *where, what, actor, why in rows:
        named = " · ".join(filter(None, where))
        page.line(f"{time}  ", (named, "bold"), f"  {what}" if named else what, hang=2)
        page.line(", ".join(filter(None, (actor, why))), indent=2, hang=2)


def show_change(change: Change, audits: Sequence[Audited], page: Page) -> None:
    """All that is recorded of one change, host by host."""
    page.line((f"{change.environment} · {change.flag}", "bold"), f"   {change.before} → {change.after}", hang=2)
    page.line(f"change {change.id}, {change.outcome}, {words.local(change.time)}, by {_by(change)}", indent=2, hang=2)
    for told in filter(None, (_reason(change), _undoes(change))):
        page.line(told, indent=2, hang=2)
    page.gap()
    records = [
        r for each in audits if each.environment == change.environment for r in each.records if r.change == change.id
    ]
    page.columns([_record_row(record) for record in records])


def show_undone(environment: Environment, undone: Sequence[Change], page: Page) -> None:
    """The changes that a rollback is about to undo."""
    page.gap()
    page.line(f"To undo in {environment.name}:")
    for change in undone:
        who = f"change {change.id}, {words.local(change.time)}, by {_by(change)}"
        told = f"{who}: {change.flag} {change.before} → {change.after}"
        page.line(", ".join(filter(None, (told, _reason(change)))), indent=2, hang=2)


def show_verdicts(verdicts: Sequence[Verified], page: Page) -> None:
    """A line a host; below them what to do where something is wrong."""
    rows: list[list[Cell]] = []
    for verdict in verdicts:
        mark = (
            text(("✓ ", "green"), verdict.environment) if verdict.ok else text(("✗ ", "bold red"), verdict.environment)
        )
        sound = f"{words.counted(verdict.records, 'record')}, nothing changed or lost"
        told = "; ".join(filter(None, (sound, verdict.note))) if verdict.ok else verdict.problem
        rows.append([mark, verdict.name, told or "broken"])
    if rows:
        page.columns(rows, indent=0)
    for hint in dict.fromkeys(line for verdict in verdicts for line in verdict.hint.splitlines()):
        page.advice(hint, indent=2)


def _row(change: Change, *, several: bool) -> list[Cell]:
    where: list[Cell] = [change.environment] if several else []
    rest = " · ".join(filter(None, (_reason(change), _undoes(change))))
    return [
        words.local(change.time),
        change.id,
        *where,
        change.flag,
        f"{change.before} → {change.after}",
        _outcome(change),
        _by(change),
        rest,
    ]


def _mark_row(mark: Mark, *, several: bool) -> list[str]:
    where = [str(mark.fields.get("environment") or "")] if several else []
    flag = str(mark.fields.get("flag") or "")  # a deployment, or a task, is about none
    return [words.local(mark.at.isoformat()), *where, flag, mark.what, mark.actor, words.quoted(mark.note)]


def _show_short(change: Change, page: Page, *, several: bool) -> None:
    where = f"{change.environment} · {change.flag}" if several else change.flag
    page.line(
        f"{words.local(change.time)}  {change.id}  ", (where, "bold"), f"  {change.before} → {change.after}", hang=2
    )
    rest = ", ".join(filter(None, (f"{_outcome(change)}", _by(change), _reason(change), _undoes(change))))
    page.line(rest, indent=2, hang=2)


def _outcome(change: Change) -> Cell:
    more = _dissent(change) or _unconfirmed(change)
    return text((change.outcome, _STYLES.get(change.outcome, "")), f" ({more})" if more else "")


def _dissent(change: Change) -> str:
    if change.dissenters:
        return f"otherwise on {words.listed(change.dissenters)}"
    return f"may not be live on {words.listed(change.lame)}" if change.lame else ""


def _unconfirmed(change: Change) -> str:
    return "not confirmed" if change.outcome_fields.get("cause") == NOT_CONFIRMED else ""


def _by(change: Change) -> str:
    return str(change.fields.get("actor") or "somebody")


def _reason(change: Change) -> str:
    return words.quoted(str(change.fields.get("reason") or ""))


def _undoes(change: Change) -> str:
    return f"undoes {words.listed(change.undoes)}" if change.undoes else ""


def _record_row(record: Record) -> list[Cell]:
    steps = " · ".join(
        f"{step.get('name')} {step.get('ms')} ms" + ("" if step.get("ok") else " failed") for step in record.steps
    )
    until = f"until {words.local(str(record.data['until']))}" if record.data.get("until") else ""
    told = " · ".join(filter(None, (str(record.data.get("cause") or ""), _decider(record), until, steps)))
    time, host = words.local(str(record.data.get("time", ""))), str(record.data.get("host", ""))
    return [host, time, text((record.event, _STYLES.get(record.event, ""))), told]


def _decider(record: Record) -> str:
    """Who decided it, where that was another command than the one that made the change."""
    by = record.data.get("decided_by")
    return f"by {by.get('actor') or 'somebody'}" if isinstance(by, dict) else ""
