"""A deadline for what has none of its own: libraries that only limit how long they wait for the next byte."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

_T = TypeVar("_T")


def within(seconds: float, act: Callable[[], _T], late: _T) -> _T:
    """What `act` returns, or `late` when it takes longer; then it goes on by itself, and no exit waits for it."""
    future: Future[_T] = Future()
    Thread(target=_done, args=(future, act), name="deadline", daemon=True).start()
    try:
        return future.result(seconds)
    except TimeoutError:
        if future.done():  # its own
            raise
        return late


def _done(future: Future[_T], act: Callable[[], _T]) -> None:
    try:
        future.set_result(act())
    except BaseException as error:  # noqa: BLE001 - whoever waits gets it
        future.set_exception(error)
