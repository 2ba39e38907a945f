"""Announcements in each of their forms: what a template may write, and that facts stay text in all of them."""

from __future__ import annotations

import pytest

from rolloutctl.rules.letters import Block, Letter, letter_of

WRITTEN = """
Subject:  Portal: now in pilot\x1b[31m


## Where
- https://example.com/portal, **soon**
- off: `rolloutctl toggle a b false`



Two lines <b>of</b> text & more
<!channel> and so on
"""
LETTER = letter_of(WRITTEN)


def test_the_first_line_is_the_subject_and_empty_lines_are_few() -> None:
    assert LETTER.subject == "Portal: now in pilot\\x1b[31m"
    assert LETTER.body.count("\n\n") == 1
    assert LETTER.text.splitlines()[:2] == ["Where", "- https://example.com/portal, soon"]


def test_in_slack_nothing_can_call_a_channel() -> None:
    assert LETTER.slack.splitlines() == [
        "*Portal: now in pilot\\x1b[31m*",
        "",
        "*Where*",
        "• https://example.com/portal, *soon*",
        "• off: `rolloutctl toggle a b false`",
        "",
        "Two lines &lt;b&gt;of&lt;/b&gt; text &amp; more",
        "&lt;!channel&gt; and so on",
    ]


def test_in_markdown_nothing_becomes_html() -> None:
    assert LETTER.markdown.startswith("# Portal: now in pilot")
    assert "Two lines &lt;b>of&lt;/b> text & more\n&lt;!channel> and so on\n" in LETTER.markdown
    assert Letter("s", "p95 <= 3 ms").markdown.endswith("p95 <= 3 ms\n")


def test_its_pieces_are_for_a_page_that_escapes_them() -> None:
    assert LETTER.blocks == (
        Block("heading", ((("", "Where"),),)),
        Block(
            "list",
            (
                (("link", "https://example.com/portal"), ("", ", "), ("bold", "soon")),
                (("", "off: "), ("code", "rolloutctl toggle a b false")),
            ),
        ),
        Block("paragraph", ((("", "Two lines <b>of</b> text & more"),), (("", "<!channel> and so on"),))),
    )


@pytest.mark.parametrize("text", ["", "Portal", "Subject: \n\ntext", "Subject: a\n\n  \n"])
def test_without_subject_or_text_it_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"subject|first line"):
        letter_of(text)
