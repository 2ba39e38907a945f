"""How a rollout looks: its phases, each gate with its evidence, and what comes next."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from rolloutctl.cli import words
from rolloutctl.cli.render import Cell, Page, Part, text
from rolloutctl.rules.cohorts import Cohort
from rolloutctl.rules.durations import in_days
from rolloutctl.rules.flags import same_people
from rolloutctl.rules.rollout_dates import told
from rolloutctl.rules.rollout_gates import Gate, audience_in, phase_of, returning, shut
from rolloutctl.rules.rollout_standing import Stay
from rolloutctl.rules.rollouts import Phase
from rolloutctl.workflows.rollout import Report, Row
from rolloutctl.workflows.rollout_looking import Look
from rolloutctl.workflows.rollout_marking import Said
from rolloutctl.workflows.rollout_moving import Move

_MARKS: dict[str, Part] = {
    "done": ("✓", "green"),
    "current": ("●", "bold green"),
    "ahead": ("○", "dim"),
    "left out": ("-", "dim"),
}
_FAR_OFF = 5  # percent points from which it is said how far a share is from the asked one


def show_report(report: Report, page: Page) -> None:
    """Where the rollout stands."""
    look = report.look
    page.gap()
    page.ends(text((f"{look.rollout.flag} in {look.rollout.environment}", "bold"), _state(look)), _days(report))
    _show_phases(report, page)
    if look.target is None:
        for gate in shut(look.gates):
            page.line(("✗ ", "bold red"), f"{gate.name}: {gate.evidence}", indent=2, hang=2)
    elif look.gates:
        page.gap()
        page.line((f"To {look.target.name}:", "bold"), indent=2)
        _show_gates(look.gates, page)
    _show_remarks(look, page)
    if report.next:
        page.gap()
        _show_next(report.next, page)


def show_plan(report: Report, page: Page) -> None:
    """The plan: audience, soak, gates and planned days."""
    look = report.look
    page.gap()
    page.line((f"{look.rollout.flag} in {look.rollout.environment}", "bold"), ", as planned")
    page.gap()
    validate = look.rollout.validate
    rows: list[list[Cell]] = []
    if validate is not None:
        asked = [*(["checklist"] if validate.checklist else []), *_signatures(validate.signoffs)]
        rows.append(["validate", f"in {validate.environment}", "", "", " · ".join(asked) or "nothing asked for"])
    for row in report.rows:
        gates = row.phase.gates
        asked = [*_signatures(gates.signoffs), *gates.metrics, *(f"on in {name}" for name in gates.on_in)]
        soak = in_days(row.phase.soak) if row.phase.soak else ""
        day = _day(row.dates.planned) if row.dates.planned else ""
        rows.append([row.phase.name, _whom(row.phase, row.cohort), day, soak, " · ".join(asked)])
    page.columns(rows, heads=("phase", "who sees it", "from", "soak", "to go on"))
    _show_remarks(look, page)
    page.gap()
    page.advice(f"Where it stands: {words.command('rollout', 'status', look.rollout.flag)}")


def show_move(move: Move, page: Page) -> None:
    """The gates that a step has passed, before its plan is shown."""
    page.gap()
    current = move.look.standing.phase
    way = "on to" if not move.look.back else "again" if move.phase.name == current else "back to"
    page.line((f"{move.look.rollout.flag}: {way} {move.phase.name}", "bold"))
    if move.look.gates:
        _show_gates(move.look.gates, page, overridden=[gate.name for gate in move.overridden])
    if move.cohort is not None and move.audience.limited:
        page.line(_counted(move.cohort), indent=2, hang=2)
    if move.skipped:
        page.line(("! ", "bold yellow"), f"Left out: {words.listed(move.skipped)}.", indent=2, hang=2)
    for note in move.notes:
        page.line(("! ", "bold yellow"), note, indent=2, hang=2)


def show_said(said: Said, flag: str, page: Page) -> None:
    """What was recorded."""
    page.line(("✓ ", "bold green"), said.message, hang=2)
    for note in said.notes:
        page.line(("! ", "bold yellow"), note, indent=2, hang=2)
    page.advice(words.command("rollout", "status", flag), indent=2)


def _state(look: Look) -> str:
    now = look.standing
    if now.aborted is not None:
        why = f': "{now.aborted.note}"' if now.aborted.note else ""
        return f"   aborted {told(now.aborted.at)} by {now.aborted.actor}{why}"
    if now.held is not None:
        return "   held"
    if now.stay is None:
        return "   not begun"
    return "   in its last phase" if now.stay.phase == look.rollout.names[-1] else ""


def _days(report: Report) -> str:
    """`day 10, 23 to go`: since the first phase, and until the last one begins."""
    now, last = report.look.standing, report.rows[-1].dates
    stays = (*now.earlier, *now.stays)
    if now.stay is None:
        return ""
    today = report.look.now.astimezone().date()
    day = f"day {(today - stays[0].at.astimezone().date()).days + 1}"
    return day + (f", {(last.expected - today).days} to go" if last.expected else "")


def _show_phases(report: Report, page: Page) -> None:
    rows = [*_validation(report.look), *(_phase_row(row, report.look) for row in report.rows)]
    page.columns(rows)


def _validation(look: Look) -> list[list[Cell]]:
    validate = look.rollout.validate
    if validate is None:
        return []
    begun = bool(look.standing.stays)
    checks = ""
    if look.checklist is not None:
        done = look.ticks.progress(look.checklist.items)
        checks = f"{done.passed} of {done.total} checks"
    given = [
        f"{role} {_short(look.standing.validated[role].at)}"
        for role in validate.signoffs
        if role in look.standing.validated
    ]
    signed = f"signed: {', '.join(given)}" if given else ""
    mark = _MARKS["done" if begun else "current"]
    return [[text(mark, " validate"), f"in {validate.environment}", checks, signed]]


def _phase_row(row: Row, look: Look) -> list[Cell]:
    name = text(_MARKS[row.state], " ", (row.phase.name, "bold" if row.state == "current" else ""))
    people = f"{row.cohort.people:,} people" if row.cohort and row.cohort.people is not None and _limited(row) else ""
    return [name, _whom(row.phase, row.cohort), people, _when(row, look)]


def _limited(row: Row) -> bool:
    return row.phase.audience is None


def _when(row: Row, look: Look) -> str:
    stay, dates, now = row.stay, row.dates, look.now
    if stay is None or row.state not in {"done", "current"}:
        if dates.expected is not None:
            return ", ".join(filter(None, (_day(dates.expected), _slip(dates.slipped))))
        return {"held": _stopped(look), "skipped": "left out"}.get(dates.unknown, "")
    soaking = row.state == "current" and row.phase.soak
    soaked = words.soaked(stay.soak(now), row.phase.soak) if soaking else ""
    return ", ".join(filter(None, (_short(stay.at), soaked, _slip(dates.slipped), _past(stay))))


def _stopped(look: Look) -> str:
    """What has to come before anybody can say when a phase begins."""
    if look.standing.held is not None:
        return "when it is resumed"
    return "when the drift is over" if look.standing.departed else ""


def _past(stay: Stay) -> str:
    """The gates that were passed by on the way into a phase."""
    overridden = stay.fields.get("overridden")
    gates = [each.get("gate") for each in overridden if isinstance(each, dict)] if isinstance(overridden, list) else []
    return f"past {words.listed(map(str, gates))}" if gates else ""


def _slip(days: int | None) -> str:
    if not days:
        return ""
    return f"{words.counted(abs(days), 'day')} {'late' if days > 0 else 'early'}"


def _whom(phase: Phase, cohort: Cohort | None) -> str:
    if phase.audience is not None:
        return phase.audience
    if cohort is None:
        return f"{phase.percent:g} %" if phase.percent else "unknown"
    return _companies(cohort)


def _counted(cohort: Cohort) -> str:
    """How many see it, and how far that is from what was asked for."""
    many = _companies(cohort)
    if cohort.population:
        many += f" of {cohort.population:,}"
    if cohort.people is not None and cohort.people_in_all is not None:
        many += f", {cohort.people:,} of {cohort.people_in_all:,} people"
    if cohort.share is None:
        return many
    many += f": {cohort.share:.1f} %"
    return many if cohort.asked is None else f"{many}, {cohort.asked:g} % asked for"


def _companies(cohort: Cohort) -> str:
    number = len(cohort.companies)
    return "1 company" if number == 1 else f"{number:,} companies"


def _show_gates(gates: Sequence[Gate], page: Page, overridden: Sequence[str] = ()) -> None:
    rows: list[list[Cell]] = []
    for gate in gates:
        mark: Part = (
            ("✓", "green") if gate.passed else ("?", "yellow") if gate.verdict == "no data" else ("✗", "bold red")
        )
        evidence = gate.evidence
        if gate.opens is not None and not gate.passed:
            evidence += f", opens {told(gate.opens)}"
        if gate.verdict == "no data":
            evidence = f"no data: {evidence}"
        if gate.name in overridden:
            mark, evidence = ("!", "bold yellow"), f"overridden: {evidence}"
        rows.append([text(mark, " ", gate.name), evidence])
    page.columns(rows, indent=4)


def _show_remarks(look: Look, page: Page) -> None:
    if look.trouble:
        page.line(
            ("! ", "bold yellow"),
            f"How many companies a percentage means is not known: {look.trouble}",
            indent=2,
            hang=2,
        )
    for phase in look.rollout.phases:
        cohort = look.cohorts.get(phase.name)
        if cohort is not None and cohort.off is not None and abs(cohort.off) >= _FAR_OFF:
            far = f"{phase.name} is really {cohort.share:.1f} %: no list of whole companies comes closer."
            page.line(("! ", "bold yellow"), far, indent=2, hang=2)
    if look.fault:
        page.line(("! ", "bold yellow"), f"No step waits for the checklist any more: {look.fault}", indent=2, hang=2)
    _show_replanned(look, page)
    unknown = look.ticks.unknown(look.checklist) if look.checklist else 0
    if unknown:
        ticks = f"{words.counted(unknown, 'tick')} of items that the checklist has no more count for nothing."
        page.line(("! ", "bold yellow"), ticks, indent=2, hang=2)
    for name, why in look.lost:
        page.line(("! ", "bold yellow"), f"{name} cannot be reached: {why}", indent=2, hang=2)


def _show_replanned(look: Look, page: Page) -> None:
    """The plan gives the current phase to others than it was begun for; a percentage is of whoever there was then."""
    stay = look.standing.stay
    phase = phase_of(look.rollout, stay.phase) if stay else None
    if stay is None or phase is None or phase.percent is not None:
        return
    planned = audience_in(phase, look.cohorts.get(phase.name))
    if not same_people(planned, stay.audience):
        changed = f"{phase.name} was begun for {stay.audience}, and is planned for {planned} now. To take that over:"
        page.line(("! ", "bold yellow"), changed, indent=2, hang=2)
        page.whole(returning(look.rollout, phase.name), indent=4)


def _show_next(lines: Sequence[str], page: Page) -> None:
    for number, line in enumerate(lines):
        word = "Next" if number == 0 else "Then"
        if line.startswith("From "):
            page.advice(f"{word}, f{line[1:]}", indent=2)
        else:
            bare = line.startswith("rolloutctl ") or not number
            page.advice(f"{word}: {line.removeprefix('Then: ')}" if bare else line, indent=2)


def _signatures(roles: Sequence[str]) -> list[str]:
    return [f"signed by {words.listed(roles)}"] if roles else []


def _day(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b}"


def _short(moment: datetime) -> str:
    local = moment.astimezone()
    return f"{local.day} {local:%b}"
