"""How the end of `init --github` looks: the files, what is to be set on GitHub, what to know."""

from __future__ import annotations

from rolloutctl.cli import words
from rolloutctl.cli.render import Page, text
from rolloutctl.rules.github_workflows import Setting
from rolloutctl.workflows.init_github import Made

_KINDS = {
    "environment": "Settings > Environments:",
    "variable": "Settings > Secrets and variables > Actions, variables of the repository:",
    "secret": "Settings > Environments, secrets",
}


def show_made(made: Made, page: Page) -> None:
    """What was written, and what a person has to do before it works."""
    page.gap()
    page.columns([[each.path.removeprefix(".github/"), each.purpose] for each in made.workflows.files])
    page.gap()
    for remark in made.workflows.remarks:
        page.line(("! ", "yellow"), remark, indent=2, hang=2)
    page.line(("✓ ", "green"), f"Written below {made.root}/.github", hang=2)
    page.gap()
    page.line("To be set on GitHub, before any of them is pushed:", hang=2)
    for kind, head in _KINDS.items():
        chosen = [each for each in made.workflows.settings if each.kind == kind]
        if chosen:
            page.line((head + _where(chosen), "dim"), indent=2, hang=2)
            page.columns([[text((each.name, "bold")), each.what] for each in chosen], indent=4)
    page.gap()
    page.line("How they are protected, and what they can't do: docs/ci.md", hang=2)


def _where(settings: list[Setting]) -> str:
    return f" of {words.listed(settings[0].environments)}:" if settings[0].environments else ""
