"""A rollout as environments.yaml plans it: a flag's way through phases, with audiences, soak times and gates."""

from __future__ import annotations

from datetime import date
from typing import Literal

from msgspec import Struct, field

WEEKEND = (5, 6)  # Monday is 0


class CompanySource(Struct, frozen=True, kw_only=True):
    """Where the companies are listed: `ids` here, `file` beside environments.yaml, or what `run` prints on a host.

    A line has a company's id and perhaps its weight, the number of its users.
    """

    ids: tuple[int, ...] = ()
    file: str | None = None  # its path, absolute or below ~
    run: str | None = None  # a shell line, run on the first host in the folder of the application
    exclude: tuple[int, ...] = ()  # companies that no percentage takes in
    timeout: float = 30.0  # seconds that `run` may take


class Gates(Struct, frozen=True, kw_only=True):
    """What has to hold before the phase is left for the next one, beside its soak time."""

    signoffs: tuple[str, ...] = ()  # roles
    metrics: tuple[str, ...] = ()
    on_in: tuple[str, ...] = ()  # environments in which the flag has to be on


class Phase(Struct, frozen=True, kw_only=True):
    """One stretch of the way. Exactly one of `audience`, `companies` and `percent` says who sees the feature."""

    name: str
    audience: Literal["nobody", "everyone"] | None = None
    companies: tuple[int, ...] = ()
    percent: float | None = None  # above 0, below 100: of the companies, or of their users where weights are known
    soak: float = 0.0  # seconds
    gates: Gates = field(default_factory=Gates)
    guard: bool = False  # whether a monitor may switch the flag off while the rollout is in it


class Validation(Struct, frozen=True, kw_only=True):
    """What comes before the first phase: the feature is tried in another environment, and signed off."""

    environment: str
    checklist: str | None = None  # the path of its file, absolute or below ~
    signoffs: tuple[str, ...] = ()  # roles


class Preparation(Struct, frozen=True, kw_only=True):
    """Work that comes before the first phase, planned in working days back from the rollout's start."""

    name: str
    days: int  # above 0; weekends and holidays are none
    validation: bool = False  # whether this is when the feature is tried and signed off


class Rollout(Struct, frozen=True, kw_only=True):
    """The plan of one flag's rollout in one environment. There is at most one for a flag."""

    flag: str
    environment: str
    start: date | None = None  # when the first phase is planned to begin
    companies: CompanySource | None = None
    validate: Validation | None = None
    timeline: tuple[Preparation, ...] = ()  # what comes before the first phase, in its order
    phases: tuple[Phase, ...]
    holidays: tuple[date, ...] = ()
    weekend: tuple[int, ...] = WEEKEND  # weekdays on which no phase begins
    zone: str = "UTC"  # in which a day begins
    shared_roles: bool = False  # whether one person may sign off for several roles

    @property
    def pilots(self) -> tuple[int, ...]:
        """The companies that phases name: every percentage takes them in."""
        return tuple(sorted({company for phase in self.phases for company in phase.companies}))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the phases, in their order."""
        return tuple(phase.name for phase in self.phases)
