"""The labs on which faults are played, and the table of how they ended."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from tests.faults.matrix import Case, cases
from tests.lab.conftest import fresh, lab, need_packages
from tests.lab.lab import Lab
from tests.stories.conftest import hire

__all__ = ["fresh", "hire", "lab"]


@pytest.fixture(scope="session")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Case], Lab]]:
    """One host whose application lies on disk plainly, and three with releases; each lab starts when it is needed."""
    need_packages()
    labs: dict[bool, Lab] = {}

    def stage(case: Case) -> Lab:
        alone = case.place == "alone"
        if alone not in labs:
            base = tmp_path_factory.mktemp("f")
            started = Lab(base, hosts=1) if alone else Lab(base, hosts=3, layout="deployer")
            labs[alone] = started.__enter__()
        return labs[alone]

    yield stage
    for started in labs.values():
        started.stop()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table, where all of it was played."""
    if not os.environ.get("ROLLOUTCTL_FAULTS"):
        return
    known = {case.name: case for case in cases()}
    rows, endings = list[str](), Counter[str]()
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, ()):
            case = known.get(report.nodeid.partition("[")[2].removesuffix("]"))
            if case is None:
                continue
            told = dict(report.user_properties) if outcome == "passed" else {"ending": "NOT AS ALLOWED"}
            endings[str(told["ending"])] += 1
            rows.append(_line(case, told))
    terminalreporter.write_line("")
    for line in (*sorted(rows), "", *(f"{count:5}  {ending}" for ending, count in endings.most_common())):
        terminalreporter.write_line(line)


def _line(case: Case, told: dict[str, object]) -> str:
    seconds = f"{told['seconds']:5.1f} s" if "seconds" in told else ""
    return (
        f"{case.kind:24} {case.moment:11} {case.place:7} {case.direction:7} {told['ending']!s:15}"
        f" {told.get('exit', '')!s:>3} {seconds}"
    )
