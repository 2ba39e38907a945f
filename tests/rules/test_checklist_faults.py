"""How each mistake in a checklist is told: its line, what is wrong, and what stands there."""

from __future__ import annotations

from pathlib import Path

import pytest

from rolloutctl.errors import ConfigurationError
from rolloutctl.outside.checklist_files import load_checklist

_ITEM = "checklist.groups[0].items[0]"
_TEXT = "must be text (put a number in quotes)"
_NAMED = "must be letters, digits, '.', '_' and '-', a letter or digit first"
_VERSION = "version must be the number 1, the only format that this rolloutctl reads"
_WITHIN = f"{_ITEM}.request.within must be how long the answer may take, as 3s"
_DURATION = f"{_ITEM}.timeout must be a duration such as 30s, 10m, 24h or 7d"
_STATUS = f"{_ITEM}.request.expect must be an HTTP status or a list of them: 200, or [200, 302]"


def told(text: str, folder: Path) -> list[str]:
    """The faults of a file, without its name."""
    path = folder / "portal.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load_checklist(path, environ={})
    assert caught.value.subject == str(path)
    assert caught.value.hint == "What a checklist may hold: docs/checklists.md."
    assert all(line.startswith("portal.yaml:") for line in caught.value.details)
    return [line.removeprefix("portal.yaml:") for line in caught.value.details]


def with_item(*lines: str) -> str:
    """A file whose one item begins on line 6, after its id, and has the lines from 7 on."""
    head = ["version: 1", "title: Portal", "groups:", "  - name: access", "    items:", "      - id: login"]
    return "\n".join([*head, *(f"        {line}" for line in lines), ""])


def with_groups(*lines: str) -> str:
    """A file whose groups begin on line 4."""
    return "\n".join(["version: 1", "title: Portal", "groups:", *(f"  {line}" for line in lines), ""])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1: the file is empty"),
        ("[a]\n", "1: checklist must be a mapping: a list"),
        ("version: 1\ntitle: [\n", "2: expected the node content, but found '<stream end>': title: ["),
        ("version: 2\nfoo: bar\n", f"1: {_VERSION}: 2"),
        ("version: 1\ngroups: []\ntitle: x\n", "2: checklist.groups has nothing in it"),
        ("version: 1\ngroups:\ntitle: x\n", "2: checklist.groups has nothing in it"),
        ("version: 1\ngroups: {a: b}\ntitle: x\n", "2: checklist.groups must be a list: a mapping"),
        ("version: 1\ntitle: x\n", "1: checklist needs the key groups"),
        (with_groups("- text"), "4: checklist.groups[0] must be a mapping: text"),
        (with_groups("- name: a"), "4: checklist.groups[0] needs the key items"),
        (with_groups("- name: a", "  items: []"), "5: checklist.groups[0].items has nothing in it"),
        (with_groups("- name: 7", "  items: [{id: a, what: x}]"), f"4: checklist.groups[0].name {_TEXT}: 7"),
        (with_groups("- {name: a, items: [login]}"), f"4: {_ITEM} must be a mapping: login"),
        (
            with_groups("- name: a", "  items: [{id: a, what: x}]", "- name: a", "  items: [{id: b, what: x}]"),
            "6: checklist.groups[1].name stands on line 4 already: a",
        ),
        (
            with_groups("- name: a", "  items: [{id: a, what: x}]", "- name: b", "  items:", "    - {id: a, what: x}"),
            "8: checklist.groups[1].items[0].id stands on line 5 already: a",
        ),
        (
            with_groups("- name: a", "  itms: [{id: a, what: x}]"),
            "5: unknown key in checklist.groups[0]: itms; did you mean 'items'?",
        ),
    ],
)
def test_a_fault_of_the_file_names_its_line(text: str, expected: str, tmp_path: Path) -> None:
    assert told(text, tmp_path) == [expected]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("requird: true", f"unknown key in {_ITEM}: requird; did you mean 'required'?"),
        ("required: yes", f"{_ITEM}.required must be true or false: yes"),
        ("when: of", f"{_ITEM}.when must be on, off or any: of; did you mean 'off'?"),
        ("when: true", f"{_ITEM}.when must be on, off or any: true"),
        ("run: ''", f"{_ITEM}.run {_TEXT}: nothing"),
        ("run: [php, artisan]", f"{_ITEM}.run {_TEXT}: a list"),
        ("timeout: 30s", f"{_ITEM}.timeout is that of a run, and there is none: login"),
        ("timeout: soon", f"{_DURATION}: soon"),
        ("request: /portal", f"{_ITEM}.request must be a mapping: /portal"),
        ("request: {}", f"{_ITEM}.request needs the key path"),
        ("request: {path: portal}", f"{_ITEM}.request.path must be a path that begins with /: portal"),
        ("request: {path: /p, expekt: 200}", f"unknown key in {_ITEM}.request: expekt; did you mean 'expect'?"),
        ("request: {path: /p, expect: [200, 20]}", f"{_STATUS}: 20"),
        ("request: {path: /p, within: 20s}", f"{_WITHIN}; no answer is waited for longer than 10s: 20s"),
        ("request: {path: /p, within: 0s}", f"{_WITHIN}: 0s"),
        ("request: {path: /p, json: [a]}", f"{_ITEM}.request.json must be a mapping: a list"),
        (
            "request: {path: /p, headers: {'a b': c}}",
            f"{_ITEM}.request.headers must be names of headers with their values as text; HTTP does not allow this "
            "one: a b",
        ),
    ],
)
def test_a_fault_of_an_item_names_its_line(line: str, expected: str, tmp_path: Path) -> None:
    assert told(with_item("what: It works", line), tmp_path) == [f"8: {expected}"]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((), f"6: {_ITEM} needs the key what"),
        (("what: ' '",), f"7: {_ITEM}.what {_TEXT}: nothing"),
        (('what: "a\\tb"',), "7: a line break, or a character that can't be seen: a\\tb"),
        (
            ("what: x", "run: 'true'", "request: {path: /p}"),
            f"6: {_ITEM} has request and run; one of them is enough: login",
        ),
        (("what: x", "what: y"), "8: the key stands on line 7 already: what"),
    ],
)
def test_a_fault_between_the_keys_of_an_item_names_a_line_too(
    lines: tuple[str, ...], expected: str, tmp_path: Path
) -> None:
    assert told(with_item(*lines), tmp_path) == [expected]


def test_an_id_must_be_a_name(tmp_path: Path) -> None:
    text = with_groups("- name: a", "  items: [{id: log in, what: x}]")
    assert told(text, tmp_path) == [f"5: {_ITEM}.id {_NAMED}: log in"]


def test_all_faults_are_told_in_the_order_of_their_lines(tmp_path: Path) -> None:
    text = with_groups(
        "- name: a",
        "  items:",
        "    - {id: a, wat: x}",
        "    - {id: a, what: x, when: maybe}",
        "    - {id: b, what: x, request: {path: p}, run: ls}",
    )
    assert told(text, tmp_path) == [
        "6: unknown key in checklist.groups[0].items[0]: wat; did you mean 'what'?",
        "7: checklist.groups[0].items[1].when must be on, off or any: maybe",
        "8: checklist.groups[0].items[2] has request and run; one of them is enough: b",
        "8: checklist.groups[0].items[2].request.path must be a path that begins with /: p",
    ]
