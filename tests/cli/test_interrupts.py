"""Ctrl-C while modules are being imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

IMPORTED = """
import os, signal
os.kill(os.getpid(), signal.{name})
whole = True
"""
IMPORTING = """
import signal, sys
from rolloutctl.cli.interrupts import heed_interrupts

heed_interrupts()
try:
    import imported
    signal.pause()
except KeyboardInterrupt:
    print(sys.modules["imported"].whole)
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_it_is_heeded_as_soon_as_the_module_is_there(tmp_path: Path, name: str) -> None:
    (tmp_path / "imported.py").write_text(IMPORTED.format(name=name))
    program = f"import sys\nsys.path.append({str(tmp_path)!r})\n{IMPORTING}"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "True\n", "")


def test_one_that_is_ignored_stays_ignored() -> None:
    program = "import signal\nfrom rolloutctl.cli.interrupts import heed_interrupts\nheed_interrupts()\n"
    program += "signal.raise_signal(signal.SIGHUP)"
    ran = subprocess.run(["nohup", sys.executable, "-c", program], capture_output=True, timeout=30, check=False)
    assert ran.returncode == 0
