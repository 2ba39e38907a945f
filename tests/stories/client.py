"""A client in a process of its own, to be killed or to run beside another.

    python -m tests.stories.client ENVIRONMENTS.yaml FLAG FIRST LAST [WAIT]

Adds the companies from FIRST to LAST to a flag, one change for each, and writes a line of JSON for each: the exit
status and what was said.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from rolloutctl.errors import RolloutctlError
from rolloutctl.outside.clock import SystemClock, new_id
from rolloutctl.outside.mirror import FileMirror
from rolloutctl.outside.opening import open_session
from rolloutctl.outside.outsider import ask_outside
from rolloutctl.outside.yaml_file import load
from rolloutctl.rules.plans import Wish
from rolloutctl.rules.work import Origin
from rolloutctl.workflows.toggle import Request, toggle
from rolloutctl.workflows.tools import Options, Tools
from tests.lab.lab import Lab
from tests.stories.operator import Desk

_ROOT = Path(__file__).parents[2]


def start(
    lab: Lab, configuration: Path, flag: str, companies: tuple[int, int], wait: float = 0
) -> subprocess.Popen[str]:
    """Start such a process as an operator of the lab; its stdout is a pipe."""
    first, last = companies
    return subprocess.Popen(
        [sys.executable, "-m", "tests.stories.client", str(configuration), flag, str(first), str(last), str(wait)],
        cwd=_ROOT,
        env={**lab.client_env(), "ROLLOUTCTL_ACTOR": f"{flag}@example.com"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )


def _main(configuration: str, flag: str, first: str, last: str, wait: str) -> None:
    tools = Tools(
        open_session,
        SystemClock(),
        FileMirror(Path(os.environ["XDG_STATE_HOME"]) / "rolloutctl"),
        ask_outside,
        Origin(os.environ["ROLLOUTCTL_ACTOR"], "laptop", "0"),
        load(Path(configuration)),
        new_id,
    )
    for company in range(int(first), int(last) + 1):
        wish = Wish(True, companies=(company,)) if company == 1 else Wish(True, add=(company,))
        try:
            done = toggle(Request("lab", flag, wish), Options(wait=float(wait)), tools, Desk())
        except RolloutctlError as error:
            print(json.dumps([error.exit_status, error.message]), flush=True)  # noqa: T201 - its answer
        else:
            status = done.error.exit_status if done.error else 0
            print(json.dumps([status, done.result]), flush=True)  # noqa: T201 - its answer


if __name__ == "__main__":
    _main(*sys.argv[1:])
