"""How a triage looks: what was measured, what to do and why, and the steps that come next."""

from __future__ import annotations

from collections.abc import Iterable

from rolloutctl.cli import words
from rolloutctl.cli.render import Page
from rolloutctl.cli.render_incident import recorded
from rolloutctl.rules.triage import Suggestion
from rolloutctl.rules.triage_evidence import Measured, evidence
from rolloutctl.rules.triage_steps import Judgement, Scene, Step
from rolloutctl.workflows.triage import Triaged

_DECISIONS = {"switch-off": "Switch {} off.", "keep": "Keep {} on.", "nothing": "Nothing to switch off."}


def show_scene(scene: Scene, page: Page) -> None:
    """Where it is, and who sees it."""
    page.gap()
    who = f"   {words.sees(scene.audience)} it" if scene.audience else ""
    page.line((f"{scene.environment} · {scene.flag}", "bold"), who, hang=2)
    page.gap()


def show_measured(measured: Measured, flag: str, page: Page) -> None:
    """What was measured, a sentence a line."""
    for sentence in evidence(measured, flag) or ("Nothing could be measured.",):
        page.line(sentence, indent=2, hang=2)


def show_suggestion(suggestion: Suggestion | None, page: Page) -> None:
    """How bad it is by that alone."""
    told = (
        f"That suggests {suggestion.severity}." if suggestion else "Nothing of that is wrong: how bad is it for people?"
    )
    page.line(told, indent=2, hang=2)
    page.gap()


def show_judgement(judged: Judgement, page: Page, *, seen: bool) -> None:
    """What to do, and why; what was measured first, unless it has been `seen`."""
    scene = judged.scene
    if not seen:
        show_scene(scene, page)
        show_measured(judged.measured, scene.flag, page)
    page.gap()
    style = "bold red" if judged.verdict.decision == "switch-off" else "bold"
    page.line(("→ ", style), (_DECISIONS[judged.verdict.decision].format(scene.flag), style), hang=2)
    for sentence in judged.verdict.why:
        page.line(sentence, indent=2, hang=2)


def show_notes(notes: Iterable[str], page: Page) -> None:
    """What to know besides."""
    for note in notes:
        page.line(("! ", "bold yellow"), note, indent=2, hang=2)


def show_triaged(triaged: Triaged, page: Page) -> None:
    """The incident, and what comes next; what is odd besides."""
    show_notes(triaged.notes, page)
    judged, environment = triaged.judgement, triaged.environment
    if judged is None:
        page.line(f"Nobody sees any feature in {environment}: there is nothing to switch off.", hang=2)
        page.line("To record an incident all the same, name its flag.", indent=2)
        page.advice(f"How things stand: {words.command('status', environment)}", indent=2)
        return
    if triaged.opened is not None:
        recorded(triaged.opened, page)
    if triaged.after:
        page.gap()
        page.line(("Measured now, with the feature off:" if triaged.is_off else "Measured now:", "bold"))
        show_measured(judged.measured, judged.scene.flag, page)
        if judged.measured.ill and triaged.is_off:
            page.line(
                ("! ", "bold yellow"), "It is ill although the feature is off: the cause is another one.", indent=2
            )
    _show_steps(_left(triaged, judged), page)


def _left(triaged: Triaged, judged: Judgement) -> tuple[Step, ...]:
    """The steps, without the first where that was the switch-off and is done."""
    return judged.steps[1:] if judged.verdict.decision == "switch-off" and triaged.is_off else judged.steps


def _show_steps(steps: tuple[Step, ...], page: Page) -> None:
    page.gap()
    page.line(("What comes next", "bold"))
    for number, step in enumerate(steps, 1):
        what = f"By hand: {step.what[0].lower()}{step.what[1:]}" if step.elsewhere else step.what
        page.line(f"{number:>2}  {what}{':' if step.command else '.'}", hang=4)
        if step.command:
            page.whole(step.command, indent=6)
        if step.warning:
            page.line(("! ", "bold yellow"), step.warning, indent=6, hang=2)
