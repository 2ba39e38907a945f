"""What `rollouts` of environments.yaml may hold: each key with its type, default and description."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from rolloutctl.rules import written
from rolloutctl.rules.raw_types import Duration, Keys, Name, Names, Switch, Text, Zone, about, type_of

_DATE = r"^20[0-9]{2}-[0-9]{2}-[0-9]{2}$"  # near enough that days can be added up
PhaseName = Annotated[
    str,
    Meta(pattern="^[A-Za-z0-9][A-Za-z0-9%_.-]{0,63}$"),
    type_of("one word of letters, digits, '%', '.', '_' and '-' (put a number in quotes)"),
]
_Company = Annotated[int, Meta(ge=1)]
Companies = Annotated[list[_Company], type_of("a list of companies' ids, such as [15, 42]")]
SomeCompanies = Annotated[
    list[_Company], Meta(min_length=1), type_of("a list of companies' ids, such as [15, 42], at least one")
]
Percent = Annotated[float, Meta(gt=0, lt=100), type_of("a number above 0 and below 100, such as 10")]
Date = Annotated[str, Meta(pattern=_DATE), type_of("a date such as 2025-11-23", check=written.date)]
Dates = Annotated[
    list[Annotated[str, Meta(pattern=_DATE)]],
    type_of("a list of dates such as [2025-12-25, 2025-12-26]", check=written.dates),
]
WorkingDays = Annotated[int, Meta(ge=1, le=260), type_of("a whole number of working days, 1 to 260")]
Weekdays = Annotated[
    list[Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]],
    type_of("a list of weekdays such as [Sat, Sun]", check=written.weekend),
]


class CompanySourceKeys(Keys):
    """Where the companies are listed, of which a phase takes a percentage: `run`, `file` or `ids`."""

    run: Annotated[
        Text | None,
        about("A shell line, run on the first host in the folder of the application: an id a line, and its users"),
    ] = None
    file: Annotated[
        Text | None, about("A file with an id a line, and its users: absolute, below ~, or relative to this file")
    ] = None
    ids: Annotated[SomeCompanies | None, about("The ids of all companies")] = None
    exclude: Annotated[Companies, about("Companies that no percentage takes in")] = []
    timeout: Annotated[Duration, about("How long `run` may take")] = "30s"


class ValidationKeys(Keys):
    """What comes before the first phase: the feature is tried in another environment, and signed off."""

    environment: Annotated[Name, about("Where the feature is tried before the first phase")]
    checklist: Annotated[
        Text | None, about("A file with what has to be checked there: absolute, below ~, or relative to this file")
    ] = None
    signoffs: Annotated[Names, about("The roles that have to sign off before the first phase")] = []


class GateKeys(Keys):
    """What has to hold before the phase is left for the next one, beside its soak time."""

    signoffs: Annotated[Names, about("The roles that have to sign off")] = []
    metrics: Annotated[Names, about("The metrics that have to be within their limits")] = []
    on_in: Annotated[Names, about("Environments in which the flag has to be on")] = []


class PhaseKeys(Keys):
    """One stretch of the way: `audience`, `companies` or `percent` says who sees the feature."""

    name: Annotated[PhaseName, about("What the phase is called; once in a rollout, and not validate")]
    audience: Annotated[
        Annotated[Literal["nobody", "everyone"], type_of("nobody or everyone")] | None,
        about("nobody, or everyone"),
    ] = None
    companies: Annotated[
        SomeCompanies | None, about("The companies that see the feature; every percentage has them")
    ] = None
    percent: Annotated[
        Percent | None, about("How many of the companies see it, or of their users where those are known")
    ] = None
    soak: Annotated[
        Duration | None, about("How long the phase lasts at least before the next one; default: no time")
    ] = None
    gates: Annotated[GateKeys | None, about("What has to hold before the next phase")] = None
    guard: Annotated[
        Switch, about("Whether `rolloutctl monitor` may switch the flag off, once, while the rollout is in this phase")
    ] = False


class PreparationKeys(Keys):
    """Work before the first phase, such as development: `rolloutctl timeline` gives it its days."""

    name: Annotated[Text, about("What it is called; once in a rollout, and not as a phase")]
    days: Annotated[WorkingDays, about("How many working days it takes; counted back from `start`")]
    validation: Annotated[Switch, about("Whether the feature is tried and signed off meanwhile; one at most")] = False


class RolloutKeys(Keys):
    """A flag's way through phases in one environment."""

    environment: Annotated[Name, about("Where the flag is rolled out")]
    phases: Annotated[list[PhaseKeys], about("The phases, in their order; none is for fewer than the one before it")]
    start: Annotated[Date | None, about("The day on which the first phase is planned to begin")] = None
    zone: Annotated[Zone, about("The zone in which a day begins")] = "UTC"
    holidays: Annotated[Dates, about("Days on which no phase begins")] = []
    weekend: Annotated[Weekdays, about("Weekdays on which no phase begins; default: Sat and Sun")] = field(
        default_factory=lambda: ["Sat", "Sun"]
    )
    shared_roles: Annotated[Switch, about("Whether one person may sign off for several roles")] = False
    companies: Annotated[CompanySourceKeys | None, about("Where the companies are listed")] = None
    validate: Annotated[ValidationKeys | None, about("What comes before the first phase")] = None
    timeline: Annotated[list[PreparationKeys], about("The work before the first phase, in its order")] = []
