"""The same for several things at once, in threads that a Ctrl-C does not wait for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from rolloutctl.fleet import wait_for

_T = TypeVar("_T")
_R = TypeVar("_R")


def side_by_side(act: Callable[[_T], _R], things: Iterable[_T], *, most: int | None = None) -> list[_R]:
    """What `act` gives for each, in their order; `most` of them at the same time."""
    each = list(things)
    pool = ThreadPoolExecutor(max_workers=max(min(len(each), most or len(each)), 1))
    try:
        futures = [pool.submit(act, thing) for thing in each]
        wait_for(futures)
        return [future.result() for future in futures]
    finally:  # after an interruption nothing new begins, and nobody waits for what hangs
        pool.shutdown(wait=False, cancel_futures=True)
