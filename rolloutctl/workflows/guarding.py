"""A guard: a watch that is allowed to switch the flag off, once; then a person decides. It never widens anything."""

from __future__ import annotations

from rolloutctl.contracts import Desk
from rolloutctl.errors import RolloutctlError
from rolloutctl.rules.metrics import Metric
from rolloutctl.rules.plans import Wish
from rolloutctl.rules.verdicts_metrics import Verdict
from rolloutctl.workflows.monitor import Round
from rolloutctl.workflows.toggle import Request, toggle
from rolloutctl.workflows.tools import Done, Options, Tools

_BLIND = 10  # rounds in a row without any data, after which nobody should trust the guard
_LONGEST = 1_000  # characters of a reason
_PATIENCE = 10.0  # seconds for a lock; a switch-off ends whoever only waits


class Guard:
    """Sees each round; `done` is the switch-off, once it has been carried out, and `error` why one could not be."""

    def __init__(self, environment: str, flag: str, tools: Tools, desk: Desk) -> None:
        self.done: Done | None = None
        self.error: RolloutctlError | None = None
        self._environment, self._flag, self._tools, self._desk = environment, flag, tools, desk
        self._without_data = 0

    def see(self, round_: Round) -> bool:
        """Switch the flag off if a metric with `guard` fails; whether that has just been done.

        Where nobody sees the feature anyway the guard stays, for somebody may open it; where no host can be reached it
        tries again with the next round.
        """
        guarded = {metric.name for metric in round_.metrics if metric.guard}
        verdicts = [verdict for verdict in round_.verdicts if verdict.metric in guarded]
        blind = all(verdict.word == "not enough data" for verdict in verdicts)
        self._without_data = self._without_data + 1 if blind else 0
        failing = [verdict for verdict in verdicts if verdict.word == "fail"]
        if self.done is not None or not failing:
            return False
        self.error = None
        request = Request(self._environment, self._flag, Wish(enabled=False), _reason(failing[0]))
        try:
            done = toggle(request, Options(wait=_PATIENCE), self._tools, self._desk)
        except RolloutctlError as error:
            self.error = error
            return False
        if done.result == "unchanged" and done.error is None:
            return False
        self.done = done
        return True

    @property
    def blind(self) -> bool:
        """Whether there was no data for so long that it guards nothing."""
        return self._without_data >= _BLIND


def guards(metrics: tuple[Metric, ...]) -> tuple[str, ...]:
    """The names of the metrics whose failure switches the flag off."""
    return tuple(metric.name for metric in metrics if metric.guard)


def _reason(verdict: Verdict) -> str:
    where = f" on {verdict.host}" if verdict.host else ""
    return f"guard: {verdict.metric}{where}: {verdict.told}"[:_LONGEST]
