"""A log's text, split as Monolog wrote it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolloutctl.rules.env_text import EnvText
from rolloutctl.rules.log_entries import (
    LONGEST_HEADER,
    MOST_OF_AN_ENTRY,
    Entry,
    entries,
    last_start,
    matching,
)
from rolloutctl.rules.metrics import LEVELS
from rolloutctl.rules.redact import Redactor

NOBODY = Redactor.of(EnvText(b""), except_keys=())
TRACE = """[2025-11-26 02:24:00] production.ERROR: Undefined variable $x {"userId":7,"exception":"[object] (ErrorException(code: 0): Undefined variable $x at /srv/app/Http/Controllers/PortalController.php:12)
[stacktrace]
#0 /srv/vendor/laravel/framework/src/Illuminate/Foundation/Bootstrap/HandleExceptions.php(266)
#1 [2025-11-26 02:24:00] production.ERROR: not at the beginning of a line
#2 {main}
"}
"""  # noqa: E501 - as Laravel writes it


def texts(found: tuple[Entry, ...]) -> list[str]:
    return [entry.text for entry in found]


def test_a_stack_trace_is_one_entry() -> None:
    after = "[2025-11-26T02:24:01.123456+00:00] local.WARNING: slow [] []\n"

    assert entries(f"#7 the end of an earlier one\n{TRACE}{after}") == (
        Entry("2025-11-26 02:24:00", "production", "error", TRACE),
        Entry("2025-11-26T02:24:01.123456+00:00", "local", "warning", after),
    )


@pytest.mark.parametrize(
    "header",
    [
        "[2025-11-26 02:24:00] production.ERROR: x",
        "[2025-11-26T02:24:00Z] production.ERROR: x",
        "[2025-11-26T02:24:00+0100] my app.v2.ERROR: x",
        "[2025-11-26 02:24:00] production.ERROR: ",
        "[2025-11-26 02:24:00] production.ERROR:",
    ],
)
def test_dates_and_channels_are_known_as_monolog_writes_them(header: str) -> None:
    (entry,) = entries(f"{header}\r\nmore\r\n")
    assert entry.level == "error"
    assert entry.shown(NOBODY) == header.partition("ERROR:")[2].strip()


@pytest.mark.parametrize(
    "header",
    [
        " [2025-11-26 02:24:00] production.ERROR: x",
        "[2025-11-26] production.ERROR: x",
        "[26-Nov-2025 02:24:00] WARNING: x",
        "[2025-11-26 02:24:00] production.FATAL: x",
        "[2025-11-26 02:24:00] production.error: x",
        "[2025-11-26 02:24:00] " + "x" * 65 + ".ERROR: x",
    ],
)
def test_other_lines_begin_no_entry(header: str) -> None:
    assert entries(header) == ()
    assert last_start(header.encode()) == -1


def test_what_is_shown_is_the_message_alone() -> None:
    shown = {
        'boom {"email":"a@example.com"}': "boom",
        "boom [] []": "boom",
        'boom ["a@example.com"] []': "boom",
        '{"email":"a@example.com"}': "",
        "sets {a, b} and [c]": "sets {a, b} and [c]",
        "boom\nsecond line": "boom",
        "a\x1b[31mred\x07\tb": "a\\x1b[31mred\\x07 b",
        "x" * 300: "x" * 199 + "…",
    }
    head = "[2025-11-26 02:24:00] production.ERROR: "

    assert {message: entries(head + message)[0].shown(NOBODY) for message in shown} == shown


def test_a_secret_is_hidden_also_where_the_line_is_cut() -> None:
    secrets = Redactor.of(EnvText(b"DB_PASSWORD=correct-horse-battery\n"), except_keys=())
    (entry,) = entries("[2025-11-26 02:24:00] production.ERROR: " + "x" * 190 + "correct-horse-battery")

    assert entry.shown(secrets) == "x" * 190 + "•••"
    assert "horse" not in repr(entry)


def test_a_level_means_it_and_the_graver_ones() -> None:
    found = entries("".join(f"[2025-11-26 02:24:00] production.{level.upper()}: x\n" for level in LEVELS))

    assert [entry.level for entry in matching(found, "error")] == ["error", "critical", "alert", "emergency"]
    assert matching(found) == found
    with pytest.raises(ValueError, match="not in tuple"):
        matching(found, "fatal")


def test_a_pattern_is_found_in_the_trace_too_in_upper_or_lower_case() -> None:
    found = entries(TRACE + "[2025-11-26 02:24:01] production.ERROR: admin\n")

    assert texts(matching(found, "error", r"portalcontroller\.php")) == [TRACE]
    assert texts(matching(found, "error", "^#2 [{]main}$")) == [TRACE]
    assert texts(matching(found, None, "[[:alpha:]]+Controller[.]php:[[:digit:]]+")) == [TRACE]
    assert matching(found, "error", "nowhere") == ()
    with pytest.raises(re.error):
        matching(found, "error", "(")


def test_an_endless_entry_is_kept_in_part() -> None:
    text = "[2025-11-26 02:24:00] production.ERROR: " + "x" * 10_000_000
    (entry,) = entries(text)
    assert entry.text == text[:MOST_OF_AN_ENTRY]


@given(st.text(st.sampled_from("[2025-11-26 02:24:00] production.ERROR: x\n\r\x00é{"), max_size=400))
def test_any_text_is_split_without_losing_a_byte_behind_the_first_header(text: str) -> None:
    found = entries(text)

    joined = "".join(entry.text for entry in found)
    assert text.endswith(joined)
    data = text.encode()
    start = last_start(data)
    assert data[start:].decode() == found[-1].text if found else start == -1


def test_the_longest_header_is_shorter_than_what_is_kept_of_an_end() -> None:
    longest = "[2025-11-26T02:24:00.123456789+00:00] " + "\N{BLACK FLAG}" * 64 + ".EMERGENCY: "
    assert len(longest.encode()) <= LONGEST_HEADER
