"""A checklist as a person sees it, and as a program reads it."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from rich.cells import cell_len

from rolloutctl.cli.documents_checklist import of_checklist, of_runs
from rolloutctl.cli.render import Page
from rolloutctl.cli.render_checklist import show_checklist, show_items, show_runs
from rolloutctl.rules.check_runs import CheckRun
from rolloutctl.rules.checklists import Checklist, CheckRequest, Group, Item
from rolloutctl.rules.ticks import Tick, Ticks

LOGIN = Item(id="login", what="A test account of a pilot company can log in", when="on")
PHONE = Item(id="phone", what="Every page can be read on a phone", required=False)
OFF = Item(id="off-404", what="With the flag off it is gone", when="off", request=CheckRequest(path="/portal"))
DATA = Item(id="migrations", what="No migration is waiting", run="true")
LISTED = Checklist(
    path="/team/checklists/portal.yaml",
    title="Portal, before production",
    groups=(Group(name="access", items=(LOGIN, PHONE)), Group(name="the switch", items=(OFF, DATA))),
)
PASSED = Tick("login", "passed", "qa@example.com", "2025-11-18T14:02:00Z", "on both hosts")
FAILED = Tick("off-404", "failed", "ops@example.com", "2025-11-18T15:00:00Z", "web-2: 200, expected 404")
SOME = Ticks(
    {"login": PASSED, "off-404": FAILED, "phone": Tick("phone", "open", "", ""), "old": Tick("old", "passed", "", "")}
)

Draw = Callable[[Page], None]


def drawn(monkeypatch: pytest.MonkeyPatch, draw: Draw, width: int | None = 100) -> str:
    monkeypatch.setenv("TZ", "UTC")
    if width is None:
        monkeypatch.delenv("COLUMNS", raising=False)
    else:
        monkeypatch.setenv("COLUMNS", str(width))
    stream = io.StringIO()
    draw(Page(stream))
    return stream.getvalue()


def test_each_group_says_how_far_it_is_and_each_item_who_said_what(monkeypatch: pytest.MonkeyPatch) -> None:
    assert drawn(monkeypatch, lambda page: show_checklist(LISTED, SOME, page)) == (
        "\n"
        "Portal, before production   1 of 4 passed, 1 failed, 2 open\n"
        "\n"
        "  access   █████░░░░░  1 of 2 passed, 1 open\n"
        "    ✓ login  A test account of a pilot company can log in (with the flag on)\n"
        '      passed, 2025-11-18 14:02, qa@example.com: "on both hosts"\n'
        "    ○ phone  Every page can be read on a phone (optional)\n"
        "      cleared, somebody\n"
        "\n"
        "  the switch   ▒▒▒▒▒░░░░░  0 of 2 passed, 1 failed, 1 open\n"
        "    ✗ off-404  With the flag off it is gone (automatic, with the flag off)\n"
        '      failed, 2025-11-18 15:00, ops@example.com: "web-2: 200, expected 404"\n'
        "    ○ migrations  No migration is waiting (automatic)\n"
        "\n"
        "· 1 item that left the checklist had passed or failed: not counted.\n"
        "○ 2 required items have not passed.\n"
    )


def test_in_brief_there_is_a_line_for_each_group(monkeypatch: pytest.MonkeyPatch) -> None:
    assert drawn(monkeypatch, lambda page: show_checklist(LISTED, Ticks(), page, brief=True)) == (
        "\n"
        "Portal, before production   0 of 4 passed, 4 open\n"
        "\n"
        "  access       ░░░░░░░░░░   0 of 2 passed, 2 open\n"
        "  the switch   ░░░░░░░░░░   0 of 2 passed, 2 open\n"
        "\n"
        "○ 3 required items have not passed.\n"
    )


def test_only_what_is_required_keeps_it_from_being_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    done = Ticks({item.id: Tick(item.id, "passed", "qa", "") for item in (LOGIN, OFF, DATA)})
    told = drawn(monkeypatch, lambda page: show_checklist(LISTED, done, page))
    assert told.endswith("✓ Every required item has passed; 1 optional left.\n")
    every = Ticks({item.id: Tick(item.id, "passed", "qa", "") for item in LISTED.items})
    told = drawn(monkeypatch, lambda page: show_checklist(LISTED, every, page))
    assert "  access   ██████████  2 of 2 passed\n" in told
    assert told.endswith("✓ Every required item has passed.\n")
    one = Ticks({item.id: Tick(item.id, "passed", "qa", "") for item in (LOGIN, PHONE, OFF)})
    assert drawn(monkeypatch, lambda page: show_checklist(LISTED, one, page)).endswith(
        "○ 1 required item has not passed.\n"
    )


def test_a_bar_is_full_only_when_all_has_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    items = tuple(Item(id=f"i{number}", what="x") for number in range(42))
    listed = Checklist(path="p", title="t", groups=(Group(name="g", items=items),))
    ticks = Ticks({item.id: Tick(item.id, "passed", "qa", "") for item in items[:-1]})
    told = drawn(monkeypatch, lambda page: show_checklist(listed, ticks, page, brief=True))
    assert "█████████░   41 of 42 passed, 1 open" in told
    failed = Ticks({**ticks.by_item, "i41": Tick("i41", "failed", "qa", "")})
    assert "█████████▒" in drawn(monkeypatch, lambda page: show_checklist(listed, failed, page, brief=True))


@pytest.mark.parametrize("brief", [False, True])
@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_line_is_wider_than_the_terminal(monkeypatch: pytest.MonkeyPatch, width: int, brief: bool) -> None:
    note = "a note that is longer than any line of any terminal, and goes on " * 3
    ticks = Ticks({"login": Tick("login", "failed", "qa@example.com", "2025-11-18T14:02:00Z", note)})
    told = drawn(monkeypatch, lambda page: show_checklist(LISTED, ticks, page, brief=brief), width)
    assert [line for line in told.splitlines() if cell_len(line) > width] == []
    assert "0 of 2 passed" in told


def test_a_narrow_terminal_has_the_words_without_the_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    told = drawn(monkeypatch, lambda page: show_checklist(LISTED, SOME, page), 60)
    assert not set(told) & set("█▒░")
    assert "  access   1 of 2 passed, 1 open\n" in told


def test_in_a_pipe_an_item_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    told = drawn(monkeypatch, lambda page: show_items(LISTED.items, Ticks(), page), None)
    assert [line.split()[:2] for line in told.splitlines()] == [["○", item.id] for item in LISTED.items]


def test_foreign_text_drives_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = Ticks({"login": Tick("login", "passed", "[red]qa[/red]", "not a time", "\x1b[31mred\x07")})
    told = drawn(monkeypatch, lambda page: show_checklist(LISTED, ticks, page))
    assert 'passed, not a time, [red]qa[/red]: "\\x1b[31mred\\x07"' in told


def test_a_program_reads_groups_and_items_with_the_last_word_on_each() -> None:
    document = of_checklist(LISTED, SOME)
    assert {key: document[key] for key in document if key != "groups"} == {
        "path": "/team/checklists/portal.yaml",
        "title": "Portal, before production",
        "complete": False,
        "total": 4,
        "passed": 1,
        "failed": 1,
        "open": 2,
        "required_open": 2,
        "unknown": 1,
    }
    access, switch = document["groups"]
    assert (access["name"], access["passed"], access["complete"]) == ("access", 1, True)
    assert access["items"][0] == {
        "id": "login",
        "what": LOGIN.what,
        "required": True,
        "when": "on",
        "automatic": False,
        "standing": "passed",
        "actor": "qa@example.com",
        "at": "2025-11-18T14:02:00Z",
        "note": "on both hosts",
    }
    assert switch["items"][1] == {
        "id": "migrations",
        "what": DATA.what,
        "required": True,
        "when": "any",
        "automatic": True,
        "standing": "open",
        "actor": None,
        "at": None,
        "note": None,
    }


RUNS = (
    CheckRun(OFF, "failed", "web-2: 200, expected 404"),
    CheckRun(DATA, "passed", "exit 0 on web-1: 0"),
    CheckRun(LOGIN, "not looked", "needs the flag on"),
)


def test_what_items_saw_by_themselves_is_told_with_the_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    assert drawn(monkeypatch, lambda page: show_runs(RUNS, page)) == (
        "  ✗ off-404  With the flag off it is gone\n"
        "    failed: web-2: 200, expected 404\n"
        "  ✓ migrations  No migration is waiting\n"
        "    passed: exit 0 on web-1: 0\n"
        "  · login  A test account of a pilot company can log in\n"
        "    not looked: needs the flag on\n"
    )
    assert of_runs(RUNS[1:]) == [
        {"id": "migrations", "what": DATA.what, "outcome": "passed", "evidence": "exit 0 on web-1: 0"},
        {"id": "login", "what": LOGIN.what, "outcome": "not_looked", "evidence": "needs the flag on"},
    ]
