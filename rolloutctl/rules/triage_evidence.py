"""What was measured when something went wrong with a feature, and how that is told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sized

from msgspec import Struct, field

from rolloutctl.rules.flags import Audience

_SHOWN = 3  # pieces of evidence in a sentence


class Failing(Struct, frozen=True):
    """A metric that fails: where, and the numbers behind it. `guard`: its failure may switch the flag off."""

    metric: str
    host: str | None
    told: str
    guard: bool = False

    def __str__(self) -> str:
        return f"{self.metric}{f' on {self.host}' if self.host else ''}: {self.told}"


class Measured(Struct, frozen=True, kw_only=True):
    """What an environment's hosts answered just now; each host with its words.

    Args:
        well: hosts that say that they are well, or have nothing to ask.
        unasked: those of them whose health was not asked: there is no health check, or nobody there to ask it.
        ill: hosts whose health check fails.
        broken: hosts on which the feature's own probes answer otherwise than they should.
        probed: hosts whose probes of the feature were asked.
        lost: hosts that could not be asked.
        failing: metrics that fail.
        unknown: metrics of which there is not enough data.
        metrics: how many metrics could be judged.
        errors: percent of the requests that fail, where a metric that fails says so.
        audience: who sees the feature; None: nobody knows.
    """

    well: tuple[str, ...] = ()
    unasked: tuple[str, ...] = ()
    ill: Mapping[str, str] = field(default_factory=dict)
    broken: Mapping[str, str] = field(default_factory=dict)
    probed: tuple[str, ...] = ()
    lost: Mapping[str, str] = field(default_factory=dict)
    failing: tuple[Failing, ...] = ()
    unknown: tuple[str, ...] = ()
    metrics: int = 0
    errors: float | None = None
    audience: Audience | None = None

    @property
    def hosts(self) -> int:
        """How many hosts could be asked."""
        return len(self.well) + len(self.ill)


def evidence(measured: Measured, flag: str) -> tuple[str, ...]:
    """What was measured, in sentences; also that it is well, or that nobody could be asked."""
    told = [*_health(measured)]
    if measured.broken:
        told.append(
            f"{flag} itself answers wrongly on {some_of(measured.broken, measured)}: {told_of(measured.broken)}."
        )
    elif measured.probed:
        told.append(f"{flag} itself answers as it should on {all_of(len(measured.probed))}.")
    told.extend(f"{failing}." for failing in measured.failing)
    if measured.metrics and not measured.failing:
        told.append("No metric fails." if measured.metrics > 1 else "The metric does not fail.")
    if measured.unknown:
        told.append(f"Not enough data yet: {', '.join(measured.unknown)}.")
    if measured.lost:
        told.append(f"Could not be asked: {told_of(measured.lost)}.")
    return tuple(told)


def _health(measured: Measured) -> Iterator[str]:
    good = len(measured.well) - len(measured.unasked)
    if good and not measured.ill:
        yield f"Health is good on {all_of(good)}."
    if measured.unasked:
        yield f"No health check was asked on {some_of(measured.unasked, measured)}."
    if measured.ill:
        yield f"Health fails on {some_of(measured.ill, measured)}: {told_of(measured.ill)}."


def told_of(of: Mapping[str, str]) -> str:
    """Each host with its words."""
    return few(f"{host} {words}" for host, words in of.items())


def few(texts: Iterable[str]) -> str:
    """The first ones, and how many more there are."""
    each = list(texts)
    more = len(each) - _SHOWN
    return "; ".join(each[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")


def all_of(hosts: int) -> str:
    """`its host`, `both hosts`, `all 3 hosts`."""
    return {1: "its host", 2: "both hosts"}.get(hosts, f"all {hosts} hosts")


def some_of(of: Sized, measured: Measured) -> str:
    """`1 of 3 hosts`, or all of those that could be asked."""
    whole = max(measured.hosts, len(of))
    return all_of(whole) if len(of) == whole else f"{len(of)} of {whole} hosts"
