"""docs/checklists.md holds against what the code reads and ships."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from rolloutctl.outside.checklist_files import load_checklist, write_template
from rolloutctl.rules.raw_checklist import ChecklistKeys, ItemKeys
from tests.docs.pages import DOCS, blocks, first_words, read, rows, section

PAGE = DOCS / "checklists.md"


@pytest.mark.parametrize("block", blocks(PAGE, "yaml"))
def test_the_example_loads(block: str, tmp_path: Path) -> None:
    (tmp_path / "list.yaml").write_text(block, encoding="utf-8")
    assert load_checklist(tmp_path / "list.yaml").items


def test_every_key_is_described_and_no_other() -> None:
    described = first_words(read(PAGE))
    assert described == [
        field.encode_name for kind in (ChecklistKeys, ItemKeys) for field in msgspec.structs.fields(kind)
    ]


def test_the_groups_of_the_shipped_list_are_named_with_their_numbers(tmp_path: Path) -> None:
    write_template(tmp_path / "list.yaml", "customer_portal")
    shipped = load_checklist(tmp_path / "list.yaml")
    text = section(PAGE, "The shipped lists")
    assert [row[:2] for row in rows(text)] == [[group.name, str(len(group.items))] for group in shipped.groups]
    assert f"a list of {len(shipped.items)} items, {len(shipped.automatic())} of which look by themselves" in text
    write_template(tmp_path / "other.yaml", "other")
    assert f"one of {len(load_checklist(tmp_path / 'other.yaml').items)} items" in text
