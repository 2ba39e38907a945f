"""What triage measures by itself, all at once and for a few seconds only: a switch-off matters more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Thread
from typing import Generic, TypeVar

from msgspec import Struct

from rolloutctl.errors import RolloutctlError
from rolloutctl.rules.config import Environment, Flag
from rolloutctl.rules.flags import NOBODY, Audience
from rolloutctl.rules.metrics import Metric
from rolloutctl.rules.requests import describe
from rolloutctl.rules.triage_evidence import Failing, Measured
from rolloutctl.rules.work import failures
from rolloutctl.workflows.monitor import Round, Watch, metrics_of, monitor
from rolloutctl.workflows.status import EnvironmentStatus, HostStatus, status
from rolloutctl.workflows.tools import Tools

_NAP = 0.3  # seconds that a wait may overlook a signal
_T = TypeVar("_T")


class Look(Struct, frozen=True):
    """What was answered within the time that there was; None: nothing. `notes` say what was not."""

    status: EnvironmentStatus | None = None
    round: Round | None = None
    notes: tuple[str, ...] = ()

    @property
    def unsure(self) -> bool:
        """Whether some feature is seen by nobody who can say so, and a host can't say."""
        found = self.status
        names = dict.fromkeys(name for host in found.hosts for name in host.flags or {}) if found else ()
        return found is None or not found.reachable or any(seen_in(found, name) is None for name in names)

    @property
    def flags_seen(self) -> tuple[str, ...]:
        """The flags that somebody sees, on any host that could be asked."""
        found = self.status
        names = dict.fromkeys(name for host in found.hosts for name in host.flags or {}) if found else ()
        return tuple(name for name in names if found and (seen_in(found, name) or NOBODY).enabled)


def look_around(environment: Environment, flag: str | None, tools: Tools, seconds: float) -> Look:
    """Ask every host's health and who sees what, and take one sample of each metric, both at the same time.

    Args:
        environment: where.
        flag: the feature; None: all of them, and the hosts are waited for, however long they take.
        tools: the outside.
        seconds: what is not there by then is left behind.
    """
    flags = tools.configuration.flags
    shown = (tools.configuration.flag(flag),) if flag else tuple(flags.values())
    asking = _Asking(lambda: status([environment], shown, tools)[0])
    sampling = _Asking(lambda: _sampled(environment.name, flag, tools))
    begun = tools.clock.monotonic()
    late = []
    if not asking.ends_within(seconds if flag else None):
        late.append("No time was left for the hosts' answers.")
    if not sampling.ends_within(seconds - (tools.clock.monotonic() - begun)):
        late.append("No time was left for the metrics.")
    return Look(asking.found, sampling.found, tuple(filter(None, (*late, asking.trouble, sampling.trouble))))


def measured_of(look: Look, flag: Flag) -> Measured:
    """What a look tells of one feature."""
    hosts = look.status.hosts if look.status else ()
    named = look.status.environment if look.status else None
    reached = [host for host in hosts if host.error is None]
    lost = {host.name: host.error for host in hosts if host.error is not None}
    if look.status and look.status.error is not None:
        lost["hosts"] = look.status.error
    verdicts = look.round.verdicts if look.round else ()
    metrics = {metric.name: metric for metric in look.round.metrics} if look.round else {}
    failing = [verdict for verdict in verdicts if verdict.word == "fail"]
    wrong = {host.name: _wrong_answer(host, flag, named) for host in reached} if named else {}
    return Measured(
        well=tuple(host.name for host in reached if host.healthy),
        unasked=tuple(host.name for host in reached if host.health is None),
        ill={host.name: f"answers {host.health}" for host in reached if host.health and not host.healthy},
        broken={name: words for name, words in wrong.items() if words},
        probed=tuple(host.name for host in reached if host.flags and host.flags[flag.name].probes),
        lost=lost,
        failing=tuple(Failing(each.metric, each.host, each.told, metrics[each.metric].guard) for each in failing),
        unknown=tuple(dict.fromkeys(each.metric for each in verdicts if each.word == "not enough data")),
        metrics=sum(each.word != "not enough data" for each in verdicts),
        errors=max(
            (each.now for each in failing if each.now is not None and _is_share(metrics[each.metric])), default=None
        ),
        audience=seen_in(look.status, flag.name) if look.status else None,
    )


def numbers_of(measured: Measured) -> Mapping[str, float | str]:
    """What was measured and is wrong, as a record keeps it."""
    said: dict[str, float | str] = {f"health on {host}": words for host, words in measured.ill.items()}
    said |= {f"the feature on {host}": words for host, words in measured.broken.items()}
    said |= {f"{each.metric} on {each.host}" if each.host else each.metric: each.told for each in measured.failing}
    return said if measured.errors is None else {**said, "percent of requests that fail": measured.errors}


def seen_in(found: EnvironmentStatus, flag: str) -> Audience | None:
    """Who sees a feature: somebody, where any host has it on, be it only in its file; None where a host can't say.

    So it is where what was written last may not be live.
    """
    states = [host.flags[flag] if host.flags else None for host in found.hosts]
    each = [audience for state in states if state for audience in (state.effective, state.file) if audience]
    unsure = found.error is not None or any(
        state is None or state.unfinished or not (state.effective or state.file) for state in states
    )
    return next((audience for audience in each if audience.enabled), None if unsure else NOBODY)


def _wrong_answer(host: HostStatus, flag: Flag, environment: Environment) -> str:
    """The first of the feature's own requests that is not answered as it should be; empty for none."""
    on_host = (host.flags or {}).get(flag.name)
    wrong = failures(on_host.probes) if on_host else ()
    return f"{describe(wrong[0].id, {flag.name: flag}, environment)} answers {wrong[0]}" if wrong else ""


def _is_share(metric: Metric) -> bool:
    """Whether it says how many of a hundred are bad."""
    return metric.unit in ("%", "percent") and metric.limit is not None and metric.limit.upper


def _sampled(environment: str, flag: str | None, tools: Tools) -> Round | None:
    if not metrics_of(environment, tools):
        return None
    return monitor(Watch(environment, flag), tools, lambda _round: None, once=True)


class _Asking(Generic[_T]):
    """Something asked in a thread that nobody has to wait for."""

    def __init__(self, act: Callable[[], _T]) -> None:
        self.found: _T | None = None
        self.trouble = ""
        self._defect: BaseException | None = None
        self._act = act
        self._thread = Thread(target=self._run, name="triage", daemon=True)
        self._thread.start()

    def ends_within(self, seconds: float | None) -> bool:
        """Wait for it, so long at most; whether it has ended."""
        naps = None if seconds is None else max(1, round(seconds / _NAP))
        while self._thread.is_alive() and naps != 0:
            self._thread.join(_NAP)
            naps = None if naps is None else naps - 1
        if self._defect is not None:
            raise self._defect
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self.found = self._act()
        except RolloutctlError as error:
            self.trouble = error.message
        except BaseException as defect:  # noqa: BLE001 - it is raised again where it is waited for
            self._defect = defect
