"""How a percentage becomes a list of companies: ranked by a hash, so that everybody gets the same list."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from fractions import Fraction
from hashlib import sha256
from itertools import accumulate
from typing import Any

from msgspec import Struct

from rolloutctl.rules.flags import Audience, write_companies
from rolloutctl.rules.populations import Population
from rolloutctl.rules.rollouts import Phase

# Characters. Nobody reads such a line in a diff, each record of a change holds it several times, and an application
# that splits and searches it does so in each request.
LONG = 20_000
# Characters. `KEY=list` travels to artisan as one variable, and Linux allows one 131,072 bytes (MAX_ARG_STRLEN in
# execve(2)), with the zero at its end. What is left is for the key, and for companies that are added by hand.
TOO_LONG = 120_000
_WHOLE = 100  # percent


class CohortProblem(ValueError):
    """A phase has no list of companies, and why: a sentence."""


class Cohort(Struct, frozen=True):
    """Who is in a phase. `companies` is empty for everyone and for nobody; a percentage never leaves it empty."""

    companies: tuple[int, ...]  # sorted
    population: int  # companies in all, 0 where nobody listed them
    people: int | None  # None where no users are listed
    people_in_all: int | None
    asked: float | None  # percent
    share: float | None  # percent: of the people where they are listed, else of the companies; None: of neither

    @property
    def off(self) -> float | None:
        """By how many percent points the share misses what was asked for; above 0, it is too much."""
        return None if self.asked is None or self.share is None else self.share - self.asked


def cohort(  # noqa: PLR0913 - pilots, excluded and kept companies are three lists with a word each
    flag: str,
    phase: Phase,
    population: Population | None,
    *,
    pilots: tuple[int, ...],
    exclude: tuple[int, ...],
    keep: tuple[int, ...] = (),
) -> Cohort:
    """Who is in the phase of the flag's rollout; `keep` are the companies that have the feature already.

    A phase that lists its companies has just those. A percentage is a share of all companies, the excluded ones too:
    they are customers. It has the pilots, those of `keep` that are still listed, and of the others as many, in their
    ranking, as bring the share nearest to what was asked for (the fewer, where two are as near). Nobody who is
    excluded is in it.

    Raises:
        CohortProblem: a percentage has nothing to be of, or nobody would be in it: an empty list means everyone.
    """
    if phase.percent is None:
        chosen = tuple(sorted(set(phase.companies)))
    elif population is None:
        raise CohortProblem(f"{phase.percent:g} % of the companies can't be told: no companies are listed.")
    else:
        never = set(exclude)
        sure = (set(pilots) | {company for company in keep if company in population.weights}) - never
        chosen = _percentage(flag, phase.percent, population, sure, never)
    return _counted(phase, chosen, population)


def cohort_fields(cohort: Cohort) -> dict[str, Any]:
    """What a record tells of a cohort beside its companies, which stand in the audience."""
    counted = {"of": cohort.population or None, "people": cohort.people, "people_of": cohort.people_in_all}
    shares = {"asked": cohort.asked, "share": None if cohort.share is None else round(cohort.share, 2)}
    return {name: value for name, value in (counted | shares).items() if value is not None}


def recorded_cohort(audience: Audience, fields: Mapping[str, Any]) -> Cohort:
    """The inverse, of a record in which a host may have written anything."""

    def number(name: str) -> int | None:
        return fields[name] if type(fields.get(name)) is int else None

    def share(name: str) -> float | None:
        told = fields.get(name)
        if not isinstance(told, int | float) or isinstance(told, bool):
            return None
        return float(told) if 0 <= told <= _WHOLE else None

    companies = audience.companies if audience.limited else ()
    return Cohort(companies, number("of") or 0, number("people"), number("people_of"), share("asked"), share("share"))


def ranked(flag: str, companies: Iterable[int]) -> list[int]:
    """The order in which percentages take companies in: that of the sha256 of `flag:company`.

    It depends on nothing else, so a company that comes or goes changes the order of no others, and each flag has an
    order of its own: not always the same customers come first.
    """
    return sorted(companies, key=lambda company: sha256(f"{flag}:{company}".encode()).digest())


def too_long(companies: Collection[int]) -> str | None:
    """What is to be said of a list that is long, or too long to be `carried` at all; None for most."""
    length = len(write_companies(companies))
    if length <= LONG:
        return None
    told = f"The list of {len(companies):,} companies has {length:,} characters"
    if length <= TOO_LONG:
        return f"{told}: see that the application bears it, as it reads the list in each request."
    return f"{told}. More than {TOO_LONG:,} can't be handed to artisan: take a smaller share, or everyone."


def carried(companies: Iterable[int]) -> bool:
    """Whether a list is short enough to be set: artisan gets it as one variable of its environment."""
    return len(write_companies(companies)) <= TOO_LONG


def _percentage(flag: str, percent: float, population: Population, sure: set[int], never: set[int]) -> tuple[int, ...]:
    others = ranked(flag, population.weights.keys() - sure - never)
    if not (sure or others):
        raise CohortProblem(f"{percent:g} % of the companies are none: all are excluded.")
    shares = list(accumulate((population.weights[company] for company in others), initial=population.people(sure)))
    taken = _nearest(shares, Fraction(percent) * population.total / 100)
    return tuple(sorted(sure.union(others[: taken if sure else max(taken, 1)])))


def _nearest(rising: Sequence[int], goal: Fraction) -> int:
    above = bisect_left(rising, goal)
    if above == 0 or (above < len(rising) and rising[above] - goal < goal - rising[above - 1]):
        return above
    return above - 1


def _counted(phase: Phase, chosen: tuple[int, ...], population: Population | None) -> Cohort:
    if population is None:
        whole = {"nobody": 0.0, "everyone": 100.0}
        share = whole.get(phase.audience or "")
        return Cohort(chosen, 0, None, None, phase.percent, share)
    seeing = population.weights if phase.audience == "everyone" else chosen
    reached, total = population.people(seeing), population.total
    people, in_all = (reached, total) if population.weighted else (None, None)
    return Cohort(chosen, len(population.weights), people, in_all, phase.percent, 100 * reached / total)
