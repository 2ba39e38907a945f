"""Where a new entry goes in the text of an environments.yaml."""

from __future__ import annotations

import pytest

from rolloutctl.outside.yaml_tree import read_tree
from rolloutctl.rules.insertion import Insertion, insert

ENTRY = ["new:", "  # a comment", "  a: 1"]


def inserted(text: str) -> Insertion:
    found = insert(text, read_tree(text)[0], "rollouts", ENTRY)
    assert found is not None
    assert found.before + found.after == text
    return found


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a: 1\n", "a: 1\n\nrollouts:\n  new:\n    # a comment\n    a: 1\n"),
        ("a: 1", "a: 1\n\nrollouts:\n  new:\n    # a comment\n    a: 1\n"),
        ("a: 1\n\n", "a: 1\n\nrollouts:\n  new:\n    # a comment\n    a: 1\n"),
        ("a: 1\n# rollouts:\n", "a: 1\n# rollouts:\n\nrollouts:\n  new:\n    # a comment\n    a: 1\n"),
        ("a: 1\r\n", "a: 1\r\n\r\nrollouts:\r\n  new:\r\n    # a comment\r\n    a: 1\r\n"),
    ],
    ids=["at-the-end", "without-an-end-of-line", "behind-a-blank-line", "behind-a-comment", "crlf"],
)
def test_a_section_that_is_missing_is_made_at_the_end(before: str, after: str) -> None:
    assert inserted(before).text == after


@pytest.mark.parametrize(
    ("before", "added"),
    [
        ("rollouts:\n  old: {a: 1}\n", "  new:\n    # a comment\n    a: 1\n"),
        ("rollouts:\n  old: {a: 1}", "\n  new:\n    # a comment\n    a: 1\n"),
        ("rollouts: # by hand\n    old:\n        a: 1\n", "    new:\n      # a comment\n      a: 1\n"),
        ("rollouts:\nold: 1\n", None),
        ("rollouts:\n  # old: {a: 1}\n", "  new:\n    # a comment\n    a: 1\n"),
        ("rollouts:\n  old: {a: 1}\n  # of old\n", "  new:\n    # a comment\n    a: 1\n"),
        ("'rollouts': &x\n  old:\n    a: |\n      # text\n\n      more\n", "  new:\n    # a comment\n    a: 1\n"),
    ],
    ids=["one", "no-end-of-line", "wider", "empty", "commented", "a-comment-of-its-own", "text-of-several-lines"],
)
@pytest.mark.parametrize("rest", ["", "\n\n", "\n# of what comes next\nnext: {b: 2}\n", "# at the margin\n"])
def test_an_entry_goes_to_the_end_of_its_section(before: str, added: str | None, rest: str) -> None:
    if added is None:
        before, added = "rollouts:\n", "  new:\n    # a comment\n    a: 1\n"
    if rest and not before.endswith("\n"):
        before += "\n"
        added = added.removeprefix("\n")
    found = inserted(before + rest)
    assert (found.before, found.inserted, found.after) == (before, added, rest)
    sections = read_tree(found.text)[0].plain()
    assert isinstance(sections, dict)
    assert list(sections["rollouts"])[-1] == "new"
    assert sections["rollouts"]["new"] == {"a": 1}


@pytest.mark.parametrize(
    "text", ["rollouts: {}\n", "rollouts: {old: {a: 1}}\n", "rollouts: {\n  old: 1}\n", "rollouts: ~\n"]
)
def test_a_section_in_braces_is_left_alone(text: str) -> None:
    assert insert(text, read_tree(text)[0], "rollouts", ENTRY) is None
