"""How a timeline looks: a row for each step, with its days in words and as a bar on a scale of days."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from rich.cells import cell_len

from rolloutctl.cli import words
from rolloutctl.cli.gantt import EXPECTED, PLANNED, REAL, TODAY, Piece, Scale
from rolloutctl.cli.render import Page, Part, text
from rolloutctl.rules.rollout_dates import told
from rolloutctl.rules.timeline import Span, Step, Timeline, day_of, days_of
from rolloutctl.workflows.timeline import Drawn

_MARKS: dict[str, Part] = {
    "done": ("✓", "green"),
    "current": ("●", "bold green"),
    "over by plan": ("○", "dim"),
    "ahead": ("○", "dim"),
    "left out": ("-", "dim"),
}
_STYLES = {"done": "green", "current": "bold green"}
_LEAST = 24  # columns of a bar; with fewer beside the words, the bar stands below them
_MOST = 110  # columns of a screen that is still one look
_PIPE = 100  # columns where nobody says how many there are
_GAP = 2
_NEAR = 31  # days up to which today's line is drawn beside the way


def show_timeline(drawn: Drawn, page: Page) -> None:
    """The whole way, the hosts that could not be asked, and what comes next."""
    way = drawn.timeline
    page.gap()
    page.ends(text((f"{way.rollout.flag} in {way.rollout.environment}", "bold"), _state(way)), _extent(way))
    page.gap()
    if way.dated:
        _chart(way, page)
    else:
        page.columns([[text(_MARKS[step.state], f" {step.name}"), step.length] for step in way.steps])
    page.gap()
    for name, why in drawn.lost:
        page.line(("! ", "bold yellow"), f"{name} cannot be reached: {why}", indent=2, hang=2)
    if way.standing is None:
        page.line(("! ", "bold yellow"), "No record could be read: this is the plan alone.", indent=2, hang=2)
    if way.rollout.start is None:
        where = f"start: YYYY-MM-DD below rollouts.{way.rollout.flag} in environments.yaml"
        page.line(("! ", "bold yellow"), f"No day is planned. To plan them: {where}", indent=2, hang=2)
    page.advice(f"What comes next: {words.command('rollout', 'status', way.rollout.flag)}", indent=2)


def _state(way: Timeline) -> str:
    now = way.standing
    if now is None:
        return ""
    if now.aborted is not None:
        return f"   aborted {told(now.aborted.at)} by {now.aborted.actor}"
    if now.stay is None:
        return "   not begun"
    return "   held" if now.held else f"   in {now.stay.phase}"


def _extent(way: Timeline) -> str:
    """From the first day to the last."""
    spans = [span for step in way.steps if (span := days_of(step, way))]
    return _days((min(first for first, _ in spans), max(last for _, last in spans))) if spans else ""


def _chart(way: Timeline, page: Page) -> None:
    rows = [(step, _when(step, way)) for step in way.steps]
    names = max(cell_len(step.name) for step in way.steps)
    width = min(page.width, _MOST if page.width < _MOST or page.terminal else _PIPE)
    said = max(len(when) for _, when in rows)
    beside = 4 + names + _GAP + said + _GAP
    wide = width - beside >= _LEAST
    begin = beside if wide else 4
    scale = _scale(way, width - begin)
    page.line((scale.heads(), "dim"), indent=begin)
    for step, when in rows:
        bar = (scale.bar(_pieces(step, way), way.today), _STYLES.get(step.state, ""))
        name = (step.name, "bold" if step.state == "current" else "")
        pad = " " * (names - cell_len(step.name) + _GAP)
        if wide:
            page.line(_MARKS[step.state], " ", name, pad, when.ljust(said + _GAP), bar, indent=2)
        else:
            page.line(_MARKS[step.state], " ", name, pad, when, indent=2, hang=4)
            page.line(bar, indent=begin)
    _legend(way, scale, page)


def _scale(way: Timeline, room: int) -> Scale:
    spans = [*filter(None, (span for step in way.steps for span in (step.planned, days_of(step, way))))]
    first, last = min(first for first, _ in spans), max(last for _, last in spans)
    if abs((first - way.today).days) <= _NEAR or abs((way.today - last).days) <= _NEAR:
        first, last = min(first, way.today), max(last, way.today)
    return Scale(first, last, room)


def _pieces(step: Step, way: Timeline) -> Iterator[Piece]:
    """The parts of a bar, the lowest first: what was planned, what is expected, what was."""
    if step.planned is not None:
        yield PLANNED, *step.planned
    if step.forecast is not None:
        yield EXPECTED, *step.forecast
    if step.real is not None:
        begun, ended = step.real
        yield REAL, day_of(way.rollout, begun), day_of(way.rollout, ended) if ended else way.today


def _legend(way: Timeline, scale: Scale, page: Page) -> None:
    """What each sign means that was drawn, and where today is."""
    drawn = "".join(scale.bar(_pieces(step, way), way.today) for step in way.steps)
    meanings = {REAL: "was", EXPECTED: "expected", PLANNED: "planned"}
    known = [f"{sign} {meaning}" for sign, meaning in meanings.items() if sign in drawn]
    known += [f"{TODAY} today, {way.today:%a} {way.today.day} {way.today:%b}"]
    page.line(("   ".join(known), "dim"), indent=4, hang=2)


def _when(step: Step, way: Timeline) -> str:
    """The days in words: `24-30 Nov, 2 days late`, `since 24 Nov`, `20 Oct-7 Nov by plan`."""
    if step.state == "left out":
        return "left out"
    return ", ".join(filter(None, (_on(step, way), _slip(step.slipped_days))))


def _on(step: Step, way: Timeline) -> str:
    if step.real is not None:
        begun, ended = step.real
        first = day_of(way.rollout, begun)
        if ended is not None:
            return _days((first, day_of(way.rollout, ended)))
        until = step.forecast[1] if step.forecast and step.forecast[1] >= way.today else None
        return _days((first, until)) if until else f"since {_day(first)}"
    if step.unknown == "held":
        return "when it goes on"
    if step.forecast is not None:
        return _days(step.forecast)
    return f"{_days(step.planned)} by plan" if step.planned else step.length


def _days(span: Span) -> str:
    first, last = span
    if first == last:
        return _day(first)
    alike = (first.year, first.month) == (last.year, last.month)
    return f"{first.day}-{_day(last)}" if alike else f"{_day(first)}-{_day(last)}"


def _day(day: date) -> str:
    return f"{day.day} {day:%b}"


def _slip(days: int | None) -> str:
    if not days:
        return ""
    return f"{words.counted(abs(days), 'day')} {'late' if days > 0 else 'early'}"
