"""That docs/reliability.md tells what the matrix allows."""

from __future__ import annotations

from pathlib import Path

from tests.faults.summary import summary

_PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"


def test_the_page_has_every_line_of_the_matrix() -> None:
    page = _PAGE.read_text(encoding="utf-8").splitlines()
    lines = list(summary())

    assert [line for line in lines if line not in page] == [], "\n".join(lines)
