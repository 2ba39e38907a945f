"""The newest values of each metric on each host, as a curve shows them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from datetime import timedelta

from rolloutctl.rules.metrics import Sample
from rolloutctl.workflows.judging import Place
from rolloutctl.workflows.tools import Tools

MOST = 30  # values

Curves = Mapping[tuple[str, str | None], tuple[float | None, ...]]  # by metric and host, the oldest first


class Recent:
    """Keeps so many values that a curve can be drawn, and no more for days."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str | None], deque[float | None]] = {}

    def remember(self, places: Iterable[Place], environment: str, every: float, tools: Tools) -> None:
        """Begin with what was measured shortly before."""
        now = tools.clock.now()
        for metric, host in places:
            samples = tools.samples.of(metric.name, environment, host, now - timedelta(seconds=MOST * every), now)
            self._of(metric.name, host).extend(sample.value for sample in samples)

    def add(self, samples: Iterable[Sample]) -> Curves:
        """Take in a round; all curves as they are now."""
        for sample in samples:
            self._of(sample.metric, sample.host).append(sample.value)
        return {place: tuple(values) for place, values in self._values.items()}

    def _of(self, metric: str, host: str | None) -> deque[float | None]:
        return self._values.setdefault((metric, host), deque(maxlen=MOST))
