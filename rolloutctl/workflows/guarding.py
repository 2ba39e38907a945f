"""A guard: a watch that is allowed to switch the flag off, once; then a person decides. It never widens anything."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import datetime, timedelta

from rolloutctl.contracts import Desk
from rolloutctl.errors import RolloutctlError
from rolloutctl.rules.metrics import Metric
from rolloutctl.rules.plans import Wish
from rolloutctl.rules.verdicts_metrics import Verdict
from rolloutctl.workflows.aftermath import Aftermath
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
        self.flag = flag
        self._environment, self._tools, self._desk = environment, tools, desk
        self._without_data, self._alarmed = 0, False
        self._beyond: dict[tuple[str, str | None], deque[datetime]] = {}
        self._aftermath = Aftermath(environment, flag, tools)

    def see(self, round_: Round) -> bool:
        """Switch the flag off if a metric with `guard` fails; whether that has just been done.

        Where nobody sees the feature anyway the guard stays, for somebody may open it; where no host can be reached it
        tries again with the next round.
        """
        guarded = guards(round_.metrics)
        verdicts = [verdict for verdict in round_.verdicts if verdict.metric in guarded]
        blind = all(verdict.word == "not enough data" for verdict in verdicts)
        self._without_data = self._without_data + 1 if blind else 0
        self._note(verdicts, round_)
        if self._without_data == _BLIND and not self._alarmed:
            self._alarmed = True
            self._aftermath.blind(guarded, round_.at - timedelta(seconds=round_.every * (_BLIND - 1)))
        failing = [verdict for verdict in verdicts if verdict.word == "fail"]
        if self.done is not None or not failing:
            return False
        self.error = None
        request = Request(self._environment, self.flag, Wish(enabled=False), _reason(failing[0]))
        try:
            done = toggle(request, Options(wait=_PATIENCE), self._tools, self._desk)
        except RolloutctlError as error:
            self.error = error
            return False
        if done.result == "unchanged" and done.error is None:
            return False
        self.done = done
        self._aftermath.begin(done, failing, self._detected(failing, round_))
        return True

    @property
    def blind(self) -> bool:
        """Whether there was no data for so long that it guards nothing."""
        return self._without_data >= _BLIND

    @property
    def notes(self) -> tuple[str, ...]:
        """What came of recording and announcing the switch-off, as far as that is through."""
        return self._aftermath.notes

    def end(self, seconds: float) -> None:
        """Wait for what is still to be recorded and announced, so long at most."""
        self._aftermath.wait(seconds)

    def _note(self, verdicts: Iterable[Verdict], round_: Round) -> None:
        """When samples were beyond, as far as they can count for a failure."""
        lengths = {metric.name: metric.sustained.of for metric in round_.metrics}
        for verdict in verdicts:
            place = (verdict.metric, verdict.host)
            beyond = self._beyond.setdefault(place, deque(maxlen=lengths[verdict.metric]))
            if verdict.word in {"warn", "fail"}:
                beyond.append(round_.at)
            oldest = round_.at - timedelta(seconds=round_.every * lengths[verdict.metric])
            while beyond and beyond[0] < oldest:
                beyond.popleft()

    def _detected(self, failing: Iterable[Verdict], round_: Round) -> datetime:
        """When the first of the samples was taken that make the failure."""
        times = (self._beyond[verdict.metric, verdict.host] for verdict in failing)
        return min((found[0] for found in times if found), default=round_.at)


def guards(metrics: Iterable[Metric]) -> tuple[str, ...]:
    """The names of the metrics whose failure switches the flag off."""
    return tuple(metric.name for metric in metrics if metric.guard)


def _reason(verdict: Verdict) -> str:
    where = f" on {verdict.host}" if verdict.host else ""
    return f"guard: {verdict.metric}{where}: {verdict.told}"[:_LONGEST]
