"""On which days a rollout's phases begin: as planned, and as it looks now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from rolloutctl.rules.rollouts import Phase, Rollout

_WEEK = 7  # days


class Forecast(Struct, frozen=True, kw_only=True):
    """When one phase begins, in days of the rollout's zone: it was entered, or is expected, or nobody can say."""

    phase: str
    planned: date | None = None
    entered: date | None = None
    expected: date | None = None
    unknown: str = ""  # why no day is expected: `held`, `skipped`, `no start`

    @property
    def day(self) -> date | None:
        """The real day, or the expected one."""
        return self.entered or self.expected

    @property
    def slipped(self) -> int | None:
        """By how many days it is later than planned; below 0, it is earlier."""
        return None if self.day is None or self.planned is None else (self.day - self.planned).days


def planned(rollout: Rollout) -> tuple[date | None, ...]:
    """The day on which each phase is planned to begin; None for all when the rollout has no start.

    Raises:
        ValueError: the weekend is all seven days.
    """
    if rollout.start is None:
        return (None,) * len(rollout.phases)
    return tuple(begin.date() for begin in _begins(rollout, _midnight(rollout, rollout.start), rollout.phases))


def forecast(  # noqa: PLR0913 - what is known of the way so far, folded from the records
    rollout: Rollout,
    now: datetime,
    entered: Mapping[int, datetime],
    *,
    current: int | None,
    soak_left: float,
    held: bool,
) -> tuple[Forecast, ...]:
    """When each phase began, or may begin at the earliest, given that each is left as soon as it has soaked.

    `entered` has a moment for phases by their number, `current` is the number of the one that is on (None: not
    started), `soak_left` the seconds that it still has to soak. An unstarted rollout begins on its start day; when
    that is past, today, or on the next start day. Behind a hold, nobody can say.

    Raises:
        ValueError: the weekend is all seven days, or `now` has no time zone.
    """
    first = 0 if current is None else current + 1
    earliest = _earliest(rollout, now, current, soak_left)
    unknown = "held" if held else "no start" if earliest is None else ""
    behind = [_entered(rollout, index, entered) for index in range(first)]
    if earliest is None or unknown:
        ahead = [Forecast(phase=phase.name, unknown=unknown) for phase in rollout.phases[first:]]
    else:
        ahead = list(_expected(rollout, earliest, rollout.phases[first:]))
    return tuple(replace(each, planned=day) for each, day in zip(behind + ahead, planned(rollout), strict=True))


def is_start_day(rollout: Rollout, moment: datetime) -> str:
    """Why no phase begins on the day of the moment: `a Saturday`, `a holiday (25 Dec)`; empty when one may."""
    day = _local(rollout, moment).date()
    if day in rollout.holidays:
        return f"a holiday ({day.day} {day:%b})"
    return f"a {day:%A}" if day.weekday() in rollout.weekend else ""


def told(moment: datetime) -> str:
    """A moment on the operator's clock: `Thu 3 Dec 09:00`."""
    local = moment.astimezone()
    return f"{local:%a} {local.day} {local:%b %H:%M}"


def next_start_day(rollout: Rollout, moment: datetime) -> datetime:
    """The first moment, from this one on, at which a phase may begin, in the rollout's zone.

    It is the moment itself, or the beginning of the next day that is neither weekend nor holiday.

    Raises:
        ValueError: the weekend is all seven days, or the moment has no time zone.
    """
    local = _local(rollout, moment)
    for _ in range(_WEEK * (len(rollout.holidays) + 2)):  # each week has a weekday; one may not exist (Samoa in 2011)
        if not is_start_day(rollout, local):
            return local
        local = _midnight(rollout, local.date() + timedelta(days=1))
    raise ValueError("no day of the week is left on which a phase may begin")


def _earliest(rollout: Rollout, now: datetime, current: int | None, soak_left: float) -> datetime | None:
    """Before which moment the next phase does not begin, whatever day that is; None where nothing is planned."""
    moment = _local(rollout, now).astimezone(UTC)
    if current is not None:
        return moment + timedelta(seconds=max(0.0, soak_left))
    return None if rollout.start is None else max(moment, _midnight(rollout, rollout.start).astimezone(UTC))


def _entered(rollout: Rollout, index: int, entered: Mapping[int, datetime]) -> Forecast:
    name = rollout.names[index]
    if index not in entered:
        return Forecast(phase=name, unknown="skipped")
    return Forecast(phase=name, entered=_local(rollout, entered[index]).date())


def _expected(rollout: Rollout, earliest: datetime, phases: Sequence[Phase]) -> Iterator[Forecast]:
    for phase, begin in zip(phases, _begins(rollout, earliest, phases), strict=True):
        yield Forecast(phase=phase.name, expected=begin.date())


def _begins(rollout: Rollout, earliest: datetime, phases: Sequence[Phase]) -> Iterator[datetime]:
    """When each of the phases begins, if the first does so as early as it may."""
    moment = earliest
    for phase in phases:
        begin = next_start_day(rollout, moment)
        yield begin
        moment = _soaked(begin, phase.soak)


def _soaked(begin: datetime, seconds: float) -> datetime:
    """When the time has gone by and the clock shows it too: a week ends on its weekday also when a day has 25 hours."""
    span = timedelta(seconds=seconds)
    return max(begin.astimezone(UTC) + span, (begin + span).astimezone(UTC))


def _midnight(rollout: Rollout, day: date) -> datetime:
    """The first moment of the day; where the clock skips it, the first that there is."""
    zone = ZoneInfo(rollout.zone)
    return datetime.combine(day, time(), zone).astimezone(UTC).astimezone(zone)


def _local(rollout: Rollout, moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return moment.astimezone(ZoneInfo(rollout.zone))
