"""Runs a hook: a shell line on this machine that gets the change on its stdin, or a POST of it to a URL."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from rolloutctl.rules.redact import one_line

if TYPE_CHECKING:
    from rolloutctl.rules.hooks import Hook

_SHOWN = 200  # characters


def run_hook(hook: Hook, document: Mapping[str, Any]) -> str:
    """Hand a hook the change as JSON; why it failed, in words, or nothing. It never raises what a hook does wrong."""
    if hook.lacks:
        return hook.lacks
    if hook.run is not None:
        return _run(hook, hook.run, json.dumps(document) + "\n")
    if hook.webhook is not None:
        from rolloutctl.outside.webhooks import post  # noqa: PLC0415 - only where something is sent

        return post(hook.webhook, document, headers=hook.headers, secrets=hook.secrets, patience=hook.timeout)
    return "it says neither run nor webhook"


def _run(hook: Hook, line: str, document: str) -> str:
    """Run it in a session of its own, so that what it started ends with it when it takes too long."""
    try:
        process = subprocess.Popen(
            ["/bin/sh", "-c", line],
            cwd=hook.folder,
            env={**os.environ, "ROLLOUTCTL_HOOK": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        return f"it can't be started: {(error.strerror or str(error)).lower()}"
    with process:
        try:
            _, noise = process.communicate(document, timeout=hook.timeout)
        except BaseException as error:  # a Ctrl-C too
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                return f"no end after {hook.timeout:g} s"
            raise
    return _ended(process.returncode, noise)


def _ended(status: int, noise: str) -> str:
    if status == 0:
        return ""
    how = f"exit {status}" if status > 0 else f"ended by signal {-status}"
    last = next((each for each in reversed(noise.splitlines()) if each.strip()), "")
    return how + (f": {one_line(last)[:_SHOWN]}" if last else "")
