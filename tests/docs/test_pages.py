"""What every page promises: its links lead somewhere, its YAML loads, the code that it names is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

from rolloutctl.errors import ConfigurationError
from rolloutctl.outside.yaml_file import load
from tests.docs.pages import DOCS, PACKAGE, PAGES, ROOT, anchors, blocks, links, name_of, read

BASE = """\
version: 1
environments:
  here: {connection: local, app: /var/www/app}
"""
CHECKLISTS = DOCS / "checklists.md"  # whose YAML is of another kind
YAML_BLOCKS = [
    pytest.param(block, id=f"{name_of(page)}-{number}")
    for page in PAGES
    if page != CHECKLISTS
    for number, block in enumerate(blocks(page, "yaml"), 1)
]
NAMED = re.compile(r"`((?:\w+/)*\w+\.(?:py|sh|php))(?:: ([\w.]+))?`")
WALK = sorted(set(NAMED.findall(read(DOCS / "architecture.md"))))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_to_a_file_of_the_project_and_to_a_heading_in_it(page: Path) -> None:
    broken = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("block", YAML_BLOCKS)
def test_every_yaml_block_loads_as_a_configuration_or_as_part_of_one(block: str, tmp_path: Path) -> None:
    part = yaml.safe_load(block) or {}
    whole = yaml.safe_load(BASE)
    as_environment = {**whole, "environments": {"here": {**whole["environments"]["here"], **part}}}
    faults = []
    for candidate in (block, yaml.safe_dump({**whole, **part}), yaml.safe_dump(as_environment)):
        file = tmp_path / "environments.yaml"
        file.write_text(candidate, encoding="utf-8")
        try:
            load(file, {})
        except ConfigurationError as error:
            faults.append(error.details)
        else:
            return
    pytest.fail(f"none of the three readings loads: {faults}")


@pytest.mark.parametrize(("file", "name"), WALK)
def test_the_walk_through_the_code_names_what_is_there(file: str, name: str) -> None:
    path = PACKAGE / file
    assert path.is_file()
    assert not name or name in defined_in(path)


def test_pages_are_wrapped_for_a_wide_terminal() -> None:
    long = [
        f"{name_of(page)}:{number}"
        for page in PAGES
        for number, line in enumerate(read(page).splitlines(), 1)
        if len(line) > 150 and not line.startswith("|")
    ]
    assert long == []


def test_each_page_of_docs_is_linked_from_the_readme() -> None:
    linked = {(ROOT / link.partition("#")[0]).resolve() for link in links(ROOT / "README.md")}
    assert [page.name for page in DOCS.glob("*.md") if page.resolve() not in linked] == []


def defined_in(path: Path) -> set[str]:
    """Functions, classes and methods of a file."""
    text = read(path)
    if path.suffix == ".sh":
        return set(re.findall(r"^(\w+)\(\)", text, re.MULTILINE))
    if path.suffix == ".php":
        return set(re.findall(r"^function (\w+)\(", text, re.MULTILINE))
    names = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names.update(f"{node.name}.{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef))
    return names
