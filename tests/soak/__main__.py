"""Plays rounds one after the other, on several labs at once, and says how each ended.

python -m tests.soak [SEEDS] [--labs N] [--keep FOLDER]    SEEDS: 200 (the seeds 1 to 200), 40-60; 7-7 is one
python -m tests.soak --show SEED                           the script of a round, to be cut down by hand
python -m tests.soak --play FILE... [--times N]            such scripts, played again
"""

from __future__ import annotations

import argparse
import queue
import signal
import sys
import tempfile
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from tests.lab.lab import missing
from tests.soak.ground import Ground
from tests.soak.invariants import check
from tests.soak.play import Played, play
from tests.soak.script import Script, draw, kept, read


@dataclass(slots=True)
class _Tally:
    """What the rounds so far amount to; rounds run in threads."""

    keep: Path
    all_logs: bool = False  # also of rounds in which all holds
    seconds: list[float] = field(default_factory=list)
    struck: int = 0
    failed: list[int] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, played: Played) -> None:
        """Tell how a round ended, and keep the log of one that failed."""
        script, seconds = played.script, played.seconds
        with self._lock:
            self.seconds.append(seconds)
            self.struck += played.struck
            exits = " ".join(str(ended.status) for ended in played.ended[: len(script.orders)])
            faults = f"{played.struck} of {len(script.blows)} faults"
            said = f"seed {script.seed:6}  {seconds:5.1f} s  {faults}, exits {exits}: "
            path = self.keep / f"seed-{script.seed}.log"
            if played.problems or self.all_logs:
                self.keep.mkdir(parents=True, exist_ok=True)
                path.write_text(played.log())
            if not played.problems:
                print(said + "all holds", flush=True)  # noqa: T201 - its answer
                return
            self.failed.append(script.seed)
            print("\n    ".join((f"{said}FAILED, see {path}", *played.problems)), flush=True)  # noqa: T201 - its answer

    def total(self) -> str:
        """The sum."""
        count = len(self.seconds)
        mean = sum(self.seconds) / count if count else 0
        failed = f"{len(self.failed)} failed: {' '.join(map(str, self.failed))}" if self.failed else "nothing lost"
        return f"{count} rounds, {self.struck} faults, {mean:.1f} s a round: {failed}"


def _work(scripts: queue.SimpleQueue[Script], tally: _Tally) -> None:
    with tempfile.TemporaryDirectory(prefix="soak-") as folder, Ground(Path(folder) / "lab") as ground:
        while True:
            try:
                script = scripts.get_nowait()
            except queue.Empty:
                return
            played = play(script, ground)
            check(played)
            tally.add(played)


def _seeds(text: str) -> Iterable[int]:
    first, _, last = text.partition("-")
    return range(int(first), int(last) + 1) if last else range(1, int(first) + 1)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("seeds", nargs="?", default="30")
    parser.add_argument("--labs", type=int, default=2)
    parser.add_argument("--keep", type=Path, default=Path("build/soak"))
    parser.add_argument("--show", type=int)
    parser.add_argument("--play", type=Path, nargs="+")
    parser.add_argument("--times", type=int, default=1)
    return parser.parse_args()


def _scripts(asked: argparse.Namespace) -> list[Script]:
    if asked.play:
        return [read(path.read_text()) for path in asked.play] * int(asked.times)
    return [*kept(), *(draw(seed) for seed in _seeds(asked.seeds))]


def _play_all(scripts: list[Script], labs: int, tally: _Tally) -> None:
    waiting: queue.SimpleQueue[Script] = queue.SimpleQueue()
    for script in scripts:
        waiting.put(script)
    with ThreadPoolExecutor(labs) as pool:
        workers = [pool.submit(_work, waiting, tally) for _ in range(min(labs, len(scripts)))]
        try:
            wait(workers)
        except KeyboardInterrupt:  # the rounds that are being played end, and no other begins
            while not waiting.empty():
                waiting.get()
        for worker in workers:
            worker.result()


def main() -> int:
    """Play; 1 when a round failed, or was not played."""
    asked = _asked()
    if asked.show is not None:
        print(draw(asked.show).written())  # noqa: T201 - its answer
        return 0
    if absent := missing():
        print(f"The soak needs {', '.join(absent)}; install with: scripts/lab-packages", file=sys.stderr)  # noqa: T201
        return 1
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    for name in (signal.SIGINT, signal.SIGHUP):  # what a shell in the background ignores, the clients here heed
        if signal.getsignal(name) is signal.SIG_IGN:
            signal.signal(name, lambda *_: None)
    tally, scripts = _Tally(asked.keep, all_logs=bool(asked.play)), _scripts(asked)
    _play_all(scripts, asked.labs, tally)
    print(tally.total())  # noqa: T201 - its answer
    return 1 if tally.failed or len(tally.seconds) < len(scripts) else 0


if __name__ == "__main__":
    sys.exit(main())
