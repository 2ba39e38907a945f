"""Ctrl-C, and the end of the terminal, which counts as one: never lost while modules are being imported."""

from __future__ import annotations

import signal
from types import FrameType

_IMPORTING = "<frozen importlib._bootstrap>"
_MOMENT = 0.01  # seconds


def heed_interrupts() -> None:
    """Have every ending by signal raise KeyboardInterrupt, as soon as nothing is being imported.

    Python drops what is raised in the import machinery's own callbacks, and tells of it with a traceback; and hosts are
    being dialed beside the imports, so that whoever sees them hang presses Ctrl-C just then.
    """
    signal.signal(signal.SIGALRM, _interrupt)
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(name) in {signal.SIG_DFL, signal.default_int_handler}:  # nohup has SIGHUP ignored
            signal.signal(name, _interrupt)


def _interrupt(_number: int, frame: FrameType | None) -> None:
    while frame is not None:
        if frame.f_code.co_filename == _IMPORTING:
            signal.setitimer(signal.ITIMER_REAL, _MOMENT)
            return
        frame = frame.f_back
    raise KeyboardInterrupt
