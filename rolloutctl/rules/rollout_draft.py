"""A first plan of a rollout, as `init --rollout` writes it: where, by which phases, and its commented lines."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from rolloutctl.rules.config import Configuration
from rolloutctl.rules.proposal_text import scalar

_LIVE, _BEFORE = "production", "staging"  # what environments are called most often


class Draft(Struct, frozen=True, kw_only=True):
    """What is known of a rollout before anybody has planned it; empty where nothing is."""

    flag: str
    limitable: bool  # whether the flag has a list of companies
    environment: str
    validate: str = ""  # the environment where the feature is tried before the first phase
    zone: str = ""
    pilots: tuple[int, ...] = ()
    run: str = ""
    file: str = ""

    @property
    def checklist(self) -> str:
        """The path of its checklist, relative to environments.yaml."""
        return f"checklists/{self.flag}.yaml" if self.validate else ""

    @property
    def listed(self) -> bool:
        """Whether it is known where all companies are listed."""
        return bool(self.run or self.file)


def target_of(configuration: Configuration) -> str:
    """The environment that a rollout is most likely for; empty where that can't be told."""
    if _LIVE in configuration.environments:
        return _LIVE
    protected = [name for name, environment in configuration.environments.items() if environment.protected]
    return protected[0] if len(protected) == 1 else ""


def tried_in(configuration: Configuration, target: str) -> str:
    """The environment in which a feature is most likely tried before the target; empty where there is none."""
    required = configuration.environments[target].requires
    if _BEFORE in configuration.environments and target != _BEFORE:
        return _BEFORE
    return required[0] if required else ""


def lines_of(draft: Draft) -> tuple[str, ...]:
    """The plan as YAML, without the flag's own line. What is not known stands in comments, to be completed."""
    return tuple(_lines(draft))


def _lines(draft: Draft) -> Iterator[str]:
    yield f"environment: {scalar(draft.environment)}"
    yield "# start: YYYY-MM-DD # the day on which the first phase is planned to begin"
    zone = "zone: {} # in which a day begins"
    yield zone.format(scalar(draft.zone)) if draft.zone else f"# {zone.format('Europe/Berlin')}; else UTC"
    yield "# holidays: [YYYY-12-25, YYYY-12-26] # no phase begins on one, nor on a weekend"
    if draft.limitable:
        yield from _companies(draft)
    yield from _validate(draft)
    yield from _timeline(draft)
    yield "phases: # soak and gates: what has to hold before the next one"
    yield from (f"  {line}" for line in _phases(draft))


def _companies(draft: Draft) -> Iterator[str]:
    yield "# All companies, of which a phase takes a percentage: one a line, with the number of its users."
    if draft.run:
        yield f"companies: {{run: {scalar(draft.run)}}} # a shell line, on the first host"
    elif draft.file:
        yield f"companies: {{file: {scalar(draft.file)}}}"
    else:
        yield "# companies: {file: companies.csv} # or run: a shell line that prints them on the first host"


def _validate(draft: Draft) -> Iterator[str]:
    yield "# Before the first phase: where the feature is tried, and who signs off."
    if draft.validate:
        keys = f"environment: {scalar(draft.validate)}, checklist: {scalar(draft.checklist)}, signoffs: [qa, product]"
        yield f"validate: {{{keys}}}"
    else:
        yield f"# validate: {{environment: staging, checklist: checklists/{draft.flag}.yaml, signoffs: [qa, product]}}"


def _timeline(draft: Draft) -> Iterator[str]:
    tried = f"{draft.validate or _BEFORE} validation"
    yield "timeline: # the work before that, in working days back from start: rolloutctl timeline shows it"
    yield "  - {name: development, days: 15}"
    yield f"  - {{name: {scalar(tried)}, days: 5, validation: true}}"
    yield f"  - {{name: {scalar(f'{draft.environment} deployment')}, days: 5}}"


def _phases(draft: Draft) -> Iterator[str]:
    yield "- {name: dark, audience: nobody, soak: 24h}"
    if draft.limitable:
        companies = ", ".join(map(str, draft.pilots))
        yield f"- {{name: pilot, companies: [{companies}], soak: 7d, gates: {{signoffs: [product]}}}}"
        if not draft.listed:
            yield "# These need companies, above:"
        mark = "" if draft.listed else "# "
        yield f"{mark}- {{name: 10%, percent: 10, soak: 7d}}"
        yield f"{mark}- {{name: 50%, percent: 50, soak: 7d, gates: {{signoffs: [product]}}}}"
    else:
        yield "# The flag has no companies_key: it can only go from nobody to everyone."
    yield "- {name: full, audience: everyone}"
