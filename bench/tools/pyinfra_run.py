"""pyinfra: the line of BENCH_LINE as one operation."""

from __future__ import annotations

import os

from pyinfra.operations import server  # type: ignore[import-not-found] # in an environment of its own

server.shell(name="change", commands=[os.environ["BENCH_LINE"]])
