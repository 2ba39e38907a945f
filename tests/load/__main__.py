"""Measures a watch by hand, on a lab whose visitors come all the time: docs/monitoring.md has the numbers.

python -m tests.load cost [ROUNDS]      the processor time of a host, and the client's memory
python -m tests.load noise [ROUNDS]     how often normal noise fails a metric
python -m tests.load broken [TIMES]     how soon errors behind a toggle are found, and the flag is off everywhere
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import yaml
from msgspec.structs import replace

from rolloutctl.outside.sample_store import SampleStore
from rolloutctl.workflows.guarding import Guard
from rolloutctl.workflows.monitor import Round, Watch, monitor
from tests.lab.lab import Lab
from tests.lab.servers import program
from tests.load.ground import Meter, Noise, Visitors, metrics
from tests.stories.operator import Operator

_BASELINE = 80  # rounds


@dataclass(slots=True)
class Stage:
    """A lab, an operator who watches it, and what goes on there."""

    lab: Lab
    operator: Operator
    noise: Noise
    every: float

    def watch(self, rounds: int, shown: Callable[[Round], None], *, before: datetime | None = None) -> None:
        """So many rounds; the noise goes on between them."""

        def each(round_: Round) -> None:
            shown(round_)
            self.noise.step(tuple(self.lab.hosts), self.every)

        what = Watch("lab", "customer_portal", self.every, before, ahead=before is None)
        monitor(what, self.operator.tools, each, seconds=rounds * self.every - self.every / 2)


@contextmanager
def staged(hosts: int, every: float, errors: float = 0.0) -> Iterator[Stage]:
    """A lab with so many hosts."""
    with tempfile.TemporaryDirectory(prefix="rl-") as name:
        folder = Path(name)
        noise = Noise(folder, errors=errors)
        with Lab(folder / "lab", hosts=hosts) as lab:
            for key in ("HOME", "XDG_STATE_HOME"):
                os.environ[key] = lab.client_env()[key]
            path = lab.environments_yaml(folder / "environments.yaml", php=program("php"))  # as a server has it
            document = yaml.safe_load(path.read_text())
            document["metrics"] = metrics(folder)
            path.write_text(yaml.safe_dump(document))
            operator = Operator(lab, path)
            operator.tools = replace(operator.tools, samples=SampleStore(folder / "samples"))
            yield Stage(lab, operator, noise, every)


def cost(rounds: int) -> None:
    """What a round costs a host, by its control group, without what the web server needs to answer."""
    with staged(1, 0.5, errors=0.2) as stage:
        meter = Meter(stage.lab.hosts[0])
        marks: list[float] = []
        mine: list[float] = []

        def shown(_round: Round) -> None:
            marks.append(meter.seconds())
            mine.append(time.process_time())

        stage.watch(rounds + 5, shown)
        per = [(later - sooner) * 1000 for sooner, later in pairwise(marks[4:])]
        client = (mine[-1] - mine[4]) * 1000 / (len(mine) - 5)
    meter.close()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    say(f"{len(per)} rounds: host {statistics.fmean(per):.1f} ms each, median {statistics.median(per):.1f}")
    say(f"client: {client:.1f} ms a round, {memory:.0f} MB at most")


def noise(rounds: int) -> None:
    """How often a healthy application fails."""
    with staged(2, 0.5, errors=0.1) as stage, Visitors(tuple(stage.lab.hosts)).there():
        stage.operator.toggle("customer_portal", True)
        words: Counter[tuple[str, str]] = Counter()
        stage.watch(_BASELINE, lambda _round: None)
        now = datetime.now(UTC)
        fails: list[str] = []

        def shown(round_: Round) -> None:
            for verdict in round_.verdicts:
                words[verdict.metric, verdict.word] += 1
                if verdict.word == "fail":
                    fails.append(f"{verdict.metric} on {verdict.host}: {verdict.told}")

        stage.watch(rounds, shown, before=now)
    for (metric, word), count in sorted(words.items()):
        say(f"{metric:14} {word:16} {count}")
    say(f"{rounds} intervals, {len(fails)} failures", *fails[:10])


def broken(times: int) -> None:
    """How soon the flag is off on both hosts, after a toggle behind which each page of the portal fails."""
    for number in range(times):
        with staged(2, 0.5, errors=0.1) as stage, Visitors(tuple(stage.lab.hosts)).there():
            lab, operator = stage.lab, stage.operator
            stage.watch(_BASELINE, lambda _round: None)
            operator.toggle("customer_portal", True)
            now = datetime.now(UTC)
            guard = Guard("lab", "customer_portal", operator.tools, operator.desk)
            seen: list[Round] = []
            begun: list[float] = []
            off: list[float] = []

            def shown(round_: Round) -> None:
                seen.append(round_)  # noqa: B023 - used up within this turn
                if guard.see(round_):  # noqa: B023
                    off.append(time.monotonic())  # noqa: B023
                if len(seen) == 10:  # noqa: B023
                    begun.append(time.monotonic())  # noqa: B023
                    for host in lab.hosts:  # noqa: B023
                        host.make_ill(while_on="customer_portal")

            stage.watch(25, shown, before=now)
            guard.end(20)
            answers = [host.portal() for host in lab.hosts]
            first = next((n for n, round_ in enumerate(seen) if not round_.well), -1)
            took = off[0] - begun[0] if off else float("nan")
            say(f"{number + 1}: found {first - 9} intervals behind the errors, off {took:.1f} s behind them: {answers}")
            done = guard.done
            say(f"   {done.plan.reason}; the switch-off took {done.seconds:.1f} s" if done else "   never switched off")


def say(*lines: str) -> None:
    """To whoever measures."""
    for line in lines:
        print(line, flush=True)  # noqa: T201 - its answer


def main() -> None:
    """Run one of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.load", usage=__doc__)
    parser.add_argument("what", choices=["cost", "noise", "broken"])
    parser.add_argument("count", nargs="?", type=int)
    asked = parser.parse_args()
    act, usual = {"cost": (cost, 60), "noise": (noise, 500), "broken": (broken, 3)}[asked.what]
    act(asked.count or usual)


if __name__ == "__main__":
    main()
