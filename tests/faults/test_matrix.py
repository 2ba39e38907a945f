"""The fault matrix: a part of it with every run of the tests, all of it when asked (`make faults`)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.matrix import ELSEWHERE, SAMPLE, Case, cases, sample
from tests.faults.playing import Played, play
from tests.lab.disks import may_mount
from tests.lab.lab import Lab

pytestmark = pytest.mark.lab

_WANTED = os.environ.get("ROLLOUTCTL_FAULTS", "")  # all; 2/5: the second of five parts; else a sample
_MOUNTED = {
    "application's disk full",
    "disk full on the way back",
    "state's disk full",
    ".env not writable",
    "folder not writable",
}


def chosen() -> list[Case]:
    """Those to be played here."""
    wanted = list(cases()) if _WANTED else sample()
    if "/" in _WANTED:
        part, parts = map(int, _WANTED.split("/"))
        wanted = wanted[part - 1 :: parts]
    return [case for case in wanted if case.kind not in _MOUNTED or may_mount()]


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in chosen()])
def test_a_fault_ends_as_the_matrix_allows(
    case: Case, stages: Callable[[Case], Lab], tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    played: Played = play(case, stages(case), tmp_path)

    for name, value in (("ending", played.ending), ("exit", played.exit_status), ("seconds", played.seconds)):
        record_property(name, value)
    assert played.ending in case.endings


def test_each_kind_has_a_case_that_stands_for_it_or_is_told_elsewhere() -> None:
    kinds = {case.kind for case in cases()}

    assert sorted(case.kind for case in sample()) == sorted(SAMPLE)
    assert sorted((*SAMPLE, *ELSEWHERE)) == sorted(kinds)
    stories = [path for path in ELSEWHERE.values() if "/" in path]
    assert [path for path in stories if not (Path(__file__).parents[2] / path).exists()] == []
