"""How the end of `init --rollout` looks: the phases that were planned, what is to be known, the next command."""

from __future__ import annotations

from collections.abc import Iterator

from rolloutctl.cli import words
from rolloutctl.cli.invocation import Invocation
from rolloutctl.cli.render import Page
from rolloutctl.rules.durations import write_duration
from rolloutctl.rules.flags import companies_in_words
from rolloutctl.rules.rollouts import Phase
from rolloutctl.workflows.init_rollout import Planned


def show_planned(planned: Planned, invocation: Invocation, page: Page) -> None:
    """The phases, the files, and what to do next."""
    rollout = planned.rollout
    page.gap()
    page.line(f"{rollout.flag} in {rollout.environment}")
    page.gap()
    page.columns([list(row) for row in _rows(planned)])
    page.gap()
    for remark in _remarks(planned):
        page.line(("! ", "yellow"), remark, indent=2, hang=2)
    page.line(("✓ ", "green"), f"Written into {planned.path}", hang=2)
    config = ("--config", str(invocation.config)) if invocation.config else ()
    page.advice(f"Next: {words.command(*config, 'rollout', 'plan', rollout.flag)}", indent=2)


def _rows(planned: Planned) -> Iterator[tuple[str, str, str, str]]:
    validate = planned.rollout.validate
    if validate is not None:
        yield "validate", validate.environment, planned.draft.checklist, _signed(validate.signoffs)
    for phase in planned.rollout.phases:
        soak = f"for {write_duration(phase.soak)}" if phase.soak else ""
        yield phase.name, _seen_by(phase), soak, _signed(phase.gates.signoffs)


def _seen_by(phase: Phase) -> str:
    if phase.percent is not None:
        return f"{phase.percent:g}% of all"
    return companies_in_words(phase.companies) if phase.companies else phase.audience or ""


def _signed(roles: tuple[str, ...]) -> str:
    return f"signed off by {words.listed(roles)}" if roles else ""


def _remarks(planned: Planned) -> Iterator[str]:
    """What a person should know, or complete, before the first phase."""
    draft = planned.draft
    if not draft.limitable:
        yield f"{draft.flag} has no companies_key: it can only go from nobody to everyone."
    elif not draft.listed:
        yield "Where all companies are listed isn't known: the phases for 10% and 50% stand in comments until it is."
    if not draft.validate:
        yield f"No environment is known in which it is tried before {draft.environment}: no checklist, no sign-off."
    if planned.checklist_made is False:
        yield f"{draft.checklist} was there already, and was left as it is."
